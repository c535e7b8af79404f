"""Follows a kind: list, then watch, for ever.

For Job, pods and outputs, which make a dozen events a run: no task and no handler machinery for each object. kopf
follows what people write: Scripts and runs.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from scriptrun.errors import KubeError, NotFound, Unavailable
from scriptrun.kube.client import METADATA_LIST_ONLY, METADATA_ONLY, Client
from scriptrun.kube.resources import Resource

__all__ = ["EVERYTHING", "Reflector", "Selection"]

_log = structlog.get_logger(__name__)
_PAGE = "10"  # is parsed in one go, and an object of 1.5 MB may become 30 MiB of empty arrays
_WATCH_SECONDS = 290
_SILENCE_SECONDS = 90.0
_PAUSE_SECONDS = 0.1  # between two streams: a server on its way down ends each at once
_GONE = 410

OnEvent = Callable[[str, dict[str, Any]], None]
"""Told of ``ADDED``, ``MODIFIED`` or ``DELETED`` and the object. Must be quick."""

OnListed = Callable[[str, set[tuple[str, str]], int], None]
"""Told after each list: the namespace it was of ("": all), each object it showed, by namespace and name, and the
version at which that was so."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a kind, and how much of each.

    Attributes:
        labels: label selector.
        fields: field selector; what changes out of it is told of as ``DELETED``.
        metadata_only: leave out all but the metadata. Outputs are up to 900 kB each and are kept for a day; following
            them whole would make a restart read them all.
    """

    labels: str
    fields: str = ""
    metadata_only: bool = False

    @property
    def query(self) -> dict[str, str]:
        """The API's own parameters."""
        return {
            **({"labelSelector": self.labels} if self.labels else {}),
            **({"fieldSelector": self.fields} if self.fields else {}),
        }


EVERYTHING = Selection("")
"""Every object of a kind."""


class Reflector:
    """Keeps telling ``on_event`` of every selected object of one kind, in the namespaces it is run for.

    What vanished while no watch was looking is not told of: compare the whole every now and then, or with what
    ``on_listed`` tells.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        selection: Selection,
        on_event: OnEvent,
        on_listed: OnListed | None = None,
    ) -> None:
        self._client = client
        self._resource = resource
        self._selection = selection
        self._on_event = on_event
        self._on_listed = on_listed
        self._unsynced: dict[str, asyncio.Event] = {}
        self.last_contact = time.monotonic()

    def __str__(self) -> str:
        return f"watch of {self._resource.plural}"

    def is_synced(self) -> bool:
        """Whether every namespace that it is run for was listed."""
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
        accept = METADATA_LIST_ONLY if self._selection.metadata_only else "application/json"
        query = {**self._selection.query, "limit": _PAGE}
        listed: set[tuple[str, str]] = set()
        while True:
            page = await self._client.list(self._resource, namespace, accept=accept, **query)
            self.last_contact = time.monotonic()
            for item in page.get("items") or ():
                self._tell("ADDED", item)
                listed.add((item["metadata"]["namespace"], item["metadata"]["name"]))
            if not (token := page["metadata"].get("continue")):
                version = str(page["metadata"]["resourceVersion"])
                if self._on_listed:
                    self._on_listed(namespace, listed, int(version))
                return version
            query["continue"] = token

    async def _watch(self, namespace: str, version: str) -> None:
        accept = METADATA_ONLY if self._selection.metadata_only else "application/json"
        query = {**self._selection.query, "timeoutSeconds": str(_WATCH_SECONDS)}
        while True:
            async with asyncio.timeout(_SILENCE_SECONDS) as silence:
                stream = self._client.watch(self._resource, namespace, accept=accept, resourceVersion=version, **query)
                async for event in stream:
                    silence.reschedule(asyncio.get_running_loop().time() + _SILENCE_SECONDS)
                    self.last_contact = time.monotonic()
                    if event["type"] == "ERROR":
                        raise _error_of(event["object"])
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._tell(event["type"], event["object"])
            await asyncio.sleep(_PAUSE_SECONDS)

    def _tell(self, event: str, body: dict[str, Any]) -> None:
        try:
            self._on_event(event, body)
        except Exception:
            # One object that can't be read must not end the watch of all others.
            _log.exception("object can't be read", resource=self._resource.plural, name=body["metadata"]["name"])


def _error_of(status: dict[str, Any]) -> KubeError:
    if status.get("code") == _GONE:
        return NotFound("the watch fell behind", _GONE, "Expired")
    return Unavailable(str(status.get("message")), int(status.get("code") or 0))
