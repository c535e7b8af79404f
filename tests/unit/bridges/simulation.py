"""A life of tasks, from the orchestrator to a reported end, under bridges that may die at any moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from builders import script_body
from scriptrun.desired.names import OPEN_LABEL, REPORT_FINALIZER
from unit.bridges.orchestrator import Job, Orchestrator
from unit.bridges.replica import BridgeReplica, Leases
from unit.bridges.workshop import GOOD, Plan, Workshop
from unit.controller.replica import GOOD_FEED, Feed
from unit.controller.server import NO_FAULTS, Body, Faults, Server, Write

__all__ = ["Case", "Simulation", "TaskCase", "bridge_body"]

BRIDGE = "camunda"
LEASE_SECONDS = 12
_PATIENCE_SECONDS = 4000.0


@dataclass(frozen=True, slots=True)
class TaskCase:
    """A task: what becomes of its runs, and what people do to it."""

    created: float = 0.0
    retries: int = 3
    plan: Plan = GOOD
    headers: tuple[tuple[str, str], ...] = (("script", "hello.py"),)
    canceled: float | None = None
    run_deleted: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What happens, and how badly."""

    tasks: Sequence[TaskCase]
    replicas: int = 1
    exclusive: bool = True
    crashes: Sequence[float] = ()
    orderly: bool = False  # stopped instead of killed
    away: tuple[float, float] = (0.0, 0.0)
    bridge_deleted: float | None = None
    by_force: bool = False  # the Bridge's finalizer is taken away by hand
    limit: int = 4
    back_off_seconds: int = 5
    faults: Faults = NO_FAULTS
    feed: Feed = GOOD_FEED
    seed: int = 0


def bridge_body(**spec: Any) -> Body:
    """A Bridge to a Zeebe that nobody asks."""
    return {
        "apiVersion": "scriptrun.dev/v1alpha1",
        "kind": "Bridge",
        "metadata": {"name": BRIDGE},
        "spec": {"zeebe": {"address": "http://zeebe"}, "leaseSeconds": LEASE_SECONDS, **spec},
    }


@dataclass(slots=True)
class Simulation:
    """Plays a case; afterwards holds what happened."""

    case: Case
    violations: list[str] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    runs: list[Body] = field(default_factory=list)
    orchestrator: Orchestrator = field(default_factory=lambda: Orchestrator(LEASE_SECONDS))
    started: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)  # ids of tasks of which somebody deleted a run
    bridge: Body | None = None
    _noise: random.Random = field(default_factory=random.Random)

    async def play(self) -> None:
        """Play until every task has come to its end and every run was let go."""
        self._noise = random.Random(self.case.seed)
        server = Server()
        server.watchers.append(self._check)
        plans = {f"t{number}": task.plan for number, task in enumerate(self.case.tasks)}
        workshop = Workshop(server, self._noise, plans.__getitem__)
        server.create("scripts", script_body("hello.py"))
        server.create(
            "bridges", bridge_body(maxConcurrentRuns=self.case.limit, retryBackOffSeconds=self.case.back_off_seconds)
        )
        world = server, self.orchestrator, Leases(exclusive=self.case.exclusive)
        people = [self._trouble(server), *(self._give(server, number) for number in range(len(self.case.tasks)))]
        watching = asyncio.gather(*people)
        replicas = await asyncio.gather(*(self._crash_and_start(world, n) for n in range(self.case.replicas)))
        await watching
        for replica in replicas:
            replica.heal()
        await self._wait_until_quiet(server)
        await asyncio.sleep(3 * self.case.feed.relist_seconds)
        self.violations += [f"still known: {list(r.records.keys())}" for r in replicas if len(r.records)]
        for replica in replicas:
            await replica.stop()
            self.violations += [f"adapter left open: {a}" for a in replica.adapters if not a.closed]
        await workshop.stop()
        self.started = dict(workshop.started)
        self.runs = server.of_kind("scriptruns")
        self.bridge = server.find("bridges", BRIDGE)

    async def _crash_and_start(self, world: tuple[Server, Orchestrator, Leases], number: int) -> BridgeReplica:
        coming = list(self.case.crashes[number :: self.case.replicas])
        while True:
            replica = BridgeReplica(world, self._noise, self.case.faults, self.case.feed, self.writes)
            replica.start()
            if not coming:
                return replica
            await asyncio.sleep(max(0.0, coming.pop(0) - world[0].now()))
            await (replica.stop() if self.case.orderly else replica.crash())
            await asyncio.sleep(self._noise.uniform(0, 3))

    async def _trouble(self, server: Server) -> None:
        since, until = self.case.away
        await asyncio.sleep(since)
        self.orchestrator.away_until = until
        if self.case.bridge_deleted is not None:
            await asyncio.sleep(max(0.0, self.case.bridge_deleted - server.now()))
            server.delete("bridges", BRIDGE)
            if self.case.by_force and server.find("bridges", BRIDGE):
                server.change("bridges", BRIDGE, {"metadata": {"finalizers": []}})

    async def _give(self, server: Server, number: int) -> None:
        task = self.case.tasks[number]
        await asyncio.sleep(task.created)
        self.orchestrator.add(Job(f"t{number}", task.retries, dict(task.headers), {"number": number}))
        if task.canceled is not None:
            await asyncio.sleep(max(0.0, task.canceled - server.now()))
            self.orchestrator.cancel(f"t{number}")
        if task.run_deleted is not None:
            await asyncio.sleep(max(0.0, task.run_deleted - server.now()))
            for run in server.of_kind("scriptruns"):
                if run["spec"]["task"]["id"] == f"t{number}" and "deletionTimestamp" not in run["metadata"]:
                    self.deleted.add(f"t{number}")
                    server.delete("scriptruns", run["metadata"]["name"])

    def _is_quiet(self, server: Server) -> bool:
        if any(REPORT_FINALIZER in (run["metadata"].get("finalizers") or ()) for run in server.of_kind("scriptruns")):
            return False
        gone = self.case.bridge_deleted is not None
        if gone:
            return server.find("bridges", BRIDGE) is None
        return all(job.state != "open" for job in self.orchestrator.jobs.values())

    async def _wait_until_quiet(self, server: Server) -> None:
        while not self._is_quiet(server):
            if server.now() > _PATIENCE_SECONDS:
                runs = [(run["metadata"], run.get("status")) for run in server.of_kind("scriptruns")]
                self.violations.append(f"never ended: {self.orchestrator.jobs} {runs}")
                return
            await asyncio.sleep(1)

    # What must never be, whatever happens.

    def _check(self, plural: str, event: str, body: Body) -> None:
        if plural != "scriptruns":
            return
        meta, status = body["metadata"], body.get("status") or {}
        state = (status.get("report") or {}).get("state")
        held = REPORT_FINALIZER in (meta.get("finalizers") or ())
        if not held and state not in ("Delivered", "Dropped"):
            self.violations.append(f"{meta['name']} was let go unreported: {status}")
        if held and OPEN_LABEL not in meta["labels"]:
            self.violations.append(f"{meta['name']} is held and not marked as open")
        if state in ("Delivered", "Dropped") and "finishedAt" not in status:
            self.violations.append(f"{meta['name']} was reported before its end")
