"""One operator process: the real control loop, on the server in memory.

kopf's part is played here: it lists, then passes on events, each object's in whatever order and number the feed is bad
enough to give them.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any, cast

import kopf

from builders import at
from scriptrun.controller.control_loop import Clients, Clocks, ControlLoop
from scriptrun.controller.informer import WorkItem
from scriptrun.desired.interruptions import FIELD_MANAGER
from scriptrun.errors import KubeError
from scriptrun.kube.client import Client
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits
from scriptrun.settings import Settings
from unit.controller.server import Body, Faults, Server, ServerClient, Write

__all__ = ["GOOD_FEED", "Feed", "Replica"]

_WATCHED = ("scripts", "scriptruns", "jobs", "pods")
_WORKERS = 3


@dataclass(frozen=True, slots=True)
class Feed:
    """How badly events arrive: the share that is dropped and that comes twice, and how late they may be."""

    dropped: float = 0.0
    repeated: float = 0.0
    delay: float = 0.02
    relist_seconds: float = 30.0


GOOD_FEED = Feed()


class _NotingLoop(ControlLoop):
    """Notes what goes wrong in a pass and is not the API server's doing."""

    defects: list[Exception]

    async def reconcile(self, item: WorkItem) -> None:
        try:
            await super().reconcile(item)
        except KubeError:
            raise
        except Exception as error:
            self.defects.append(error)
            raise


class Replica:
    """An operator process from `start` to `crash`."""

    def __init__(
        self, server: Server, noise: random.Random, faults: Faults, feed: Feed, settings: Settings, log: list[Write]
    ) -> None:
        self._server = server
        self._noise = noise
        self._feed = feed
        self.client = ServerClient(server, noise, faults, log)
        counting = ServerClient(server, noise, faults, log, manager=FIELD_MANAGER)
        clients = Clients(cast(Client, self.client), cast(Client, counting))
        fields = {"workers": _WORKERS, "resync_seconds": feed.relist_seconds}
        clocks = Clocks(lambda: at(server.now()), asyncio.get_running_loop().time)
        given = settings.model_copy(update=fields)
        self.loop = _NotingLoop(clients, WorkerPool(WorkerLimits()), given, None, clocks)
        self.loop.defects = []
        self._tasks: dict[asyncio.Task[None], None] = {}  # in the order of their start
        self._unseen: set[str] = set()

    async def start(self) -> None:
        """Fill the caches, then work."""
        await self.loop.fill_cache()
        await self.fill()
        self._server.watchers.append(self._take)
        self._spawn(self.loop.run(asyncio.Event()))
        self._spawn(self._relist())

    async def fill(self) -> None:
        """List every kind, as at the start of a watch."""
        for plural in (*_WATCHED, "configmaps"):
            for body in self._server.of_kind(plural):
                await self._deliver(plural, "", body)

    async def crash(self) -> None:
        """End here and now, in the middle of whatever it is."""
        if self._take in self._server.watchers:
            self._server.watchers.remove(self._take)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    async def _relist(self) -> None:
        while True:
            await asyncio.sleep(self._feed.relist_seconds)
            await self.fill()

    def _take(self, plural: str, event: str, body: Body) -> None:
        """Take an event of the server's and pass it on, some time."""
        # Scripts come as they are: which runs their absence ends is part of what is foreseen.
        feed = GOOD_FEED if plural == "scripts" else self._feed
        if self._noise.random() < feed.dropped:
            if event == "DELETED":
                self._unseen.add(body["metadata"]["uid"])  # as after a gap: nothing older comes any more
            return
        times = 2 if self._noise.random() < feed.repeated else 1
        for _ in range(times):
            self._spawn(self._deliver_later(plural, event, body, self._noise.uniform(0, feed.delay)))

    async def _deliver_later(self, plural: str, event: str, body: Body, delay: float) -> None:
        await asyncio.sleep(delay)
        if body["metadata"]["uid"] not in self._unseen:
            await self._deliver(plural, event, body)

    async def _deliver(self, plural: str, event: str, body: Body) -> None:
        """Call the handlers that kopf or the reflector would call, for what its selector lets through."""
        raw = cast(kopf.Body, body)
        kind = event or None
        if plural == "configmaps":
            if "scriptrun.dev/output" in (body["metadata"].get("labels") or {}):
                self.loop.informer.on_output(event or "ADDED", body)
            return
        if plural not in _WATCHED:
            return
        status = body.get("status") or {}
        if plural in ("jobs", "pods") and (status.get("succeeded") or status.get("phase") == "Succeeded"):
            if not event:
                return
            kind = "DELETED"  # out of the field selector
        if plural in ("jobs", "pods"):
            take = self.loop.informer.on_job if plural == "jobs" else self.loop.informer.on_pod
            take(kind or "ADDED", body)
            return
        handle = {"scripts": self.loop.informer._on_script, "scriptruns": self.loop.informer._on_run}[plural]
        await handle(body=raw, type=kind)
