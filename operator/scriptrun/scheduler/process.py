"""A scheduler from start to end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scriptrun.errors import UsageError
from scriptrun.history.store import Store
from scriptrun.kube.client import Client
from scriptrun.scheduler.download import Downloader
from scriptrun.scheduler.partners import Partners
from scriptrun.scheduler.reconciler import Reconciler
from scriptrun.scheduler.service import OrderService
from scriptrun.scheduler.settings import SchedulerSettings
from scriptrun.scheduler.supply import Supplier

__all__ = ["Scheduler", "open_scheduler"]


class Scheduler:
    """What a process with a scheduler holds.

    Attributes:
        service: what callers can do.
        reconciler: takes orders to their end; tell it of runs, and let it work.
    """

    def __init__(self, client: Client, store: Store, partners: Partners, downloader: Downloader) -> None:
        settings = downloader.settings
        supplier = Supplier(client, downloader, partners, settings)
        self.reconciler = Reconciler(client, store, supplier, partners, settings)
        self.service = OrderService(client, self.reconciler, supplier, partners, settings)


@asynccontextmanager
async def open_scheduler(
    client: Client, store: Store | None, namespaces: tuple[str, ...], settings: SchedulerSettings
) -> AsyncIterator[Scheduler | None]:
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
    async with Partners(settings) as partners, Downloader(settings) as downloader:
        yield Scheduler(client, store, partners, downloader)
