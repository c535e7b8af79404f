"""Follows a kind by metadata alone: list, then watch, for ever.

Outputs are up to 900 kB each and are kept for a day; following them whole would make a restart read them all. Of
each, only the name is followed here, and the few that matter are then read one by one.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog

from scriptrun.errors import KubeError, NotFound, Unavailable
from scriptrun.kube.client import METADATA_LIST_ONLY, METADATA_ONLY, Client
from scriptrun.kube.resources import Resource

__all__ = ["MetadataReflector"]

_log = structlog.get_logger(__name__)
_PAGE = "500"
_WATCH_SECONDS = 290
_SILENCE_SECONDS = 90.0
_GONE = 410

OnEvent = Callable[[str, dict[str, Any]], None]
"""Told of ``ADDED``, ``MODIFIED`` or ``DELETED`` and the metadata. Must be quick and must not raise."""


class MetadataReflector:
    """Keeps telling ``on_event`` of every object of one kind that has a label, in the namespaces it is run for."""

    def __init__(self, client: Client, resource: Resource, label_selector: str, on_event: OnEvent) -> None:
        self._client = client
        self._resource = resource
        self._selector = label_selector
        self._on_event = on_event
        self._unsynced: dict[str, asyncio.Event] = {}
        self.last_contact = time.monotonic()

    def is_synced(self) -> bool:
        """Whether every namespace was listed."""
        return all(event.is_set() for event in self._unsynced.values())

    async def wait_synced(self) -> None:
        """Wait until every namespace was listed."""
        for event in list(self._unsynced.values()):
            await event.wait()

    async def run(self, namespace: str = "") -> None:
        """List and watch until cancelled; errors of the API server are waited out. "" means all namespaces."""
        synced = self._unsynced.setdefault(namespace, asyncio.Event())
        delay = 0.5
        while True:
            try:
                version = await self._list(namespace)
                synced.set()
                delay = 0.5
                await self._watch(namespace, version)
            except (Unavailable, TimeoutError) as error:
                _log.warning("watch interrupted", resource=self._resource.plural, error=str(error))
            except KubeError as error:
                if error.status != _GONE:
                    _log.error("watch refused", resource=self._resource.plural, error=str(error))
            await asyncio.sleep(delay)
            delay = min(delay * 2, 15)

    async def _list(self, namespace: str) -> str:
        query = {"labelSelector": self._selector, "limit": _PAGE}
        while True:
            page = await self._client.list(self._resource, namespace, accept=METADATA_LIST_ONLY, **query)
            self.last_contact = time.monotonic()
            for item in page.get("items") or ():
                self._on_event("ADDED", item["metadata"])
            if not (token := page["metadata"].get("continue")):
                return str(page["metadata"]["resourceVersion"])
            query["continue"] = token

    async def _watch(self, namespace: str, version: str) -> None:
        while True:
            async with asyncio.timeout(_SILENCE_SECONDS) as silence:
                stream = self._client.watch(
                    self._resource,
                    namespace,
                    accept=METADATA_ONLY,
                    labelSelector=self._selector,
                    resourceVersion=version,
                    timeoutSeconds=str(_WATCH_SECONDS),
                )
                async for event in stream:
                    silence.reschedule(asyncio.get_running_loop().time() + _SILENCE_SECONDS)
                    self.last_contact = time.monotonic()
                    if event["type"] == "ERROR":
                        raise _error_of(event["object"])
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._on_event(event["type"], event["object"]["metadata"])


def _error_of(status: dict[str, Any]) -> KubeError:
    if status.get("code") == _GONE:
        return NotFound("the watch fell behind", _GONE, "Expired")
    return Unavailable(str(status.get("message")), int(status.get("code") or 0))
