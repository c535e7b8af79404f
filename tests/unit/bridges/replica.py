"""One bridge process: the real manager and all below it, on the server and the orchestrator in memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, cast

from builders import NAMESPACE, at
from scriptrun.bridges.bridge_controller import Tools
from scriptrun.bridges.manager import OPEN_RUNS, Manager
from scriptrun.bridges.open_runs import OpenRuns
from scriptrun.kube.access import BRIDGE_VERBS, CREDENTIALS_VERBS
from scriptrun.kube.client import Client
from scriptrun.models.bridge import BridgeSpec
from scriptrun.orchestrators.adapter import Adapter
from unit.bridges.orchestrator import FakeAdapter, Orchestrator
from unit.controller.replica import Feed
from unit.controller.server import Body, Faults, Server, ServerClient, Write, matches_labels

__all__ = ["BridgeReplica", "Leases"]

_VERBS = {**BRIDGE_VERBS, **CREDENTIALS_VERBS}
Work = Callable[[], Coroutine[Any, Any, None]]


class Leases:
    """Who leads. Without ``exclusive`` everybody does, as in the moment in which a leader is replaced."""

    def __init__(self, *, exclusive: bool) -> None:
        self._exclusive = exclusive
        self._locks: dict[str, asyncio.Lock] = {}

    async def lead(self, name: str, work: Work) -> None:
        if not self._exclusive:
            await work()
            return
        async with self._locks.setdefault(name, asyncio.Lock()):
            await work()


class BridgeReplica:
    """A bridge process from `start` to `crash` or `stop`."""

    def __init__(
        self,
        world: tuple[Server, Orchestrator, Leases],
        noise: random.Random,
        faults: Faults,
        feed: Feed,
        log: list[Write] | None = None,
    ) -> None:
        self._server, self._orchestrator, leases = world
        self._noise = noise
        self._feed = feed
        self.faults = faults
        self.client = ServerClient(
            self._server, noise, faults, [] if log is None else log, verbs=_VERBS, manager="scriptrun-bridge"
        )
        self.records = OpenRuns()
        self.adapters: list[FakeAdapter] = []
        self.manager = Manager(Tools(cast(Client, self.client), self.records, self._build, self._clock), leases.lead)
        self._stop = asyncio.Event()
        self._tasks: dict[asyncio.Task[Any], None] = {}  # in the order of their start
        self._unseen: set[str] = set()

    def _clock(self) -> datetime:
        return at(self._server.now())

    def _build(self, spec: BridgeSpec, name: str, secret: Mapping[str, str], ca: str) -> Adapter:
        self.adapters.append(FakeAdapter(self._orchestrator, self._noise, self.faults))
        return self.adapters[-1]

    def heal(self) -> None:
        """Let the network be good from now on."""
        self.faults = self.client.faults = Faults()
        for adapter in self.adapters:
            adapter.faults = self.faults

    def start(self) -> None:
        self._list()
        self._server.watchers.append(self._take)
        self._main = self._spawn(self.manager.run(self._stop))
        self._spawn(self._relist())
        self.manager.resync()

    async def stop(self) -> None:
        """Stop in order."""
        self._stop.set()
        await self._main
        await self.crash()

    async def crash(self) -> None:
        """End here and now, in the middle of whatever it is."""
        if self._take in self._server.watchers:
            self._server.watchers.remove(self._take)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    def _list(self) -> None:
        for plural, tell, listed in (
            ("bridges", self.manager.on_bridge, self.manager.on_bridges_listed),
            ("scriptruns", self.manager.on_run, self.manager.on_runs_listed),
        ):
            bodies = [body for body in self._server.of_kind(plural) if self._is_selected(plural, body)]
            for body in bodies:
                tell("ADDED", body)
            listed("", {(NAMESPACE, body["metadata"]["name"]) for body in bodies}, self._server.version)

    def _is_selected(self, plural: str, body: Body) -> bool:
        return plural == "bridges" or (plural == "scriptruns" and matches_labels(body, OPEN_RUNS.labels))

    async def _relist(self) -> None:
        while True:
            await asyncio.sleep(self._feed.relist_seconds)
            self._list()
            self.manager.resync()

    def _take(self, plural: str, event: str, body: Body) -> None:
        """Take an event of the server's and pass it on, some time."""
        if plural not in ("bridges", "scriptruns"):
            return
        if not self._is_selected(plural, body):
            event = "DELETED"
        if self._noise.random() < self._feed.dropped:
            if event == "DELETED":
                self._unseen.add(body["metadata"]["uid"])  # as after a gap: nothing older comes any more
            return
        for _ in range(2 if self._noise.random() < self._feed.repeated else 1):
            self._spawn(self._deliver(plural, event, body, self._noise.uniform(0, self._feed.delay)))

    async def _deliver(self, plural: str, event: str, body: Body, delay: float) -> None:
        await asyncio.sleep(delay)
        if body["metadata"]["uid"] not in self._unseen:
            tell = self.manager.on_bridge if plural == "bridges" else self.manager.on_run
            tell(event, body)
