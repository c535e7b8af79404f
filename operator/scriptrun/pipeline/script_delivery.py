"""Gets the script of an order to its run."""

import asyncio
from contextlib import suppress
from typing import Any

import structlog

from scriptrun.errors import AlreadyExists, Rejected, TryLater
from scriptrun.kube.client import Client
from scriptrun.kube.resources import CONFIGMAPS, SECRETS, Resource
from scriptrun.pipeline.clients import FoundScript, PipelineClients
from scriptrun.pipeline.download import Downloader
from scriptrun.pipeline.manifests import build_environment, build_script, build_secret
from scriptrun.pipeline.orders import Order
from scriptrun.pipeline.settings import PipelineSettings

__all__ = ["ScriptDelivery"]

_log = structlog.get_logger(__name__)
_TRIES = 3


class ScriptDelivery:
    """Finds scripts, downloads them and puts them into the cluster.

    Args:
        client: to the API server.
        downloader: of scripts.
        clients: the pipeline's other processes; the server knows where scripts are.
        settings: the scheduler's.
        pause_seconds: between two tries of a download.
    """

    def __init__(
        self,
        client: Client,
        downloader: Downloader,
        clients: PipelineClients,
        settings: PipelineSettings,
        pause_seconds: float = 1.0,
    ) -> None:
        self._client = client
        self._downloader = downloader
        self._clients = clients
        self._settings = settings
        self._pause_seconds = pause_seconds

    async def find(self, order: Order) -> FoundScript:
        """Find out where a script is, from its caller or from the server.

        Raises:
            Rejected: nobody says.
            TryLater: the server does not answer.
        """
        request = order.request
        if request.script_url:
            return FoundScript(request.script_url)
        return await self._clients.find_script(request.dtable_uuid, request.script_name)

    async def supply(self, order: Order, run: dict[str, object]) -> str:
        """Get a script to its run; returns why that can't be done, or "".

        Raises:
            KubeError: the API server does not answer; try again.
        """
        for number in range(1, _TRIES + 1):
            try:
                found = await self.find(order)
                script = await self._downloader.fetch(found.script_url)
                break
            except Rejected as error:
                return str(error)
            except TryLater as error:
                _log.warning("script not downloaded", order=order.id, attempt=number, error=str(error))
                if number == _TRIES:
                    return str(error)
                await asyncio.sleep(self._pause_seconds)
        if not order.request.script_url:
            # Its Secret waited for the server's token, unless the caller gave one: then it is there, and stays.
            environment = build_environment({"api_token": found.api_token}, self._settings)
            await self._create(SECRETS, build_secret(run, environment))
        await self._create(CONFIGMAPS, build_script(run, script))
        return ""

    async def _create(self, resource: Resource, manifest: dict[str, Any]) -> None:
        """Create what another replica may have made, or this one before the answer was lost."""
        with suppress(AlreadyExists):
            await self._client.create(resource, self._settings.namespace, manifest)
