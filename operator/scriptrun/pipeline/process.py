"""A scheduler from start to end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scriptrun.errors import UsageError
from scriptrun.history.store import Store
from scriptrun.kube.client import Client
from scriptrun.pipeline.clients import PipelineClients
from scriptrun.pipeline.download import Downloader
from scriptrun.pipeline.reconciler import OrderReconciler
from scriptrun.pipeline.script_delivery import ScriptDelivery
from scriptrun.pipeline.service import OrderService
from scriptrun.pipeline.settings import PipelineSettings

__all__ = ["Pipeline", "open_pipeline"]


class Pipeline:
    """What a process with a scheduler holds.

    Attributes:
        service: what callers can do.
        reconciler: takes orders to their end; tell it of runs, and let it work.
    """

    def __init__(self, client: Client, store: Store, clients: PipelineClients, downloader: Downloader) -> None:
        settings = downloader.settings
        delivery = ScriptDelivery(client, downloader, clients, settings)
        self.reconciler = OrderReconciler(client, store, delivery, clients, settings)
        self.service = OrderService(client, self.reconciler, delivery, clients, settings)


@asynccontextmanager
async def open_pipeline(
    client: Client, store: Store | None, namespaces: tuple[str, ...], settings: PipelineSettings
) -> AsyncIterator[Pipeline | None]:
    """Open the scheduler; None where its settings say that there is none.

    Args:
        client: to the API server, with the scheduler's rights.
        store: the history.
        namespaces: that this process looks into; empty for all.
        settings: the scheduler's.

    Raises:
        UsageError: what it needs is not there.
    """
    if not settings.enabled:
        yield None
        return
    if store is None:
        raise UsageError("the scheduler keeps its orders in the history's database: set SCRIPTRUN_HISTORY_URL")
    if namespaces and settings.namespace not in namespaces:
        raise UsageError("SCRIPTRUN_SCHEDULER_NAMESPACE must be one of SCRIPTRUN_WATCH_NAMESPACES")
    async with PipelineClients(settings) as clients, Downloader(settings) as downloader:
        yield Pipeline(client, store, clients, downloader)
