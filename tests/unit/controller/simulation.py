"""A life of runs, from their creation to the end of their TTL, under an operator that may die at any moment."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from builders import NOW, run_body, script_body, settings
from scriptrun.desired.names import REPORT_FINALIZER
from scriptrun.errors import NotFound
from unit.controller.cluster import Cluster
from unit.controller.plans import GOOD, Plan, foresee
from unit.controller.replica import GOOD_FEED, Feed, Replica
from unit.controller.server import NO_FAULTS, Body, Faults, Server, Write

__all__ = ["Case", "RunCase", "ScriptCase", "Simulation"]

TTL_SECONDS = 50
_PATIENCE_SECONDS = 4000.0
_DEADLINES = {"activeDeadlineSeconds": 200, "startDeadlineSeconds": 40, "ttlSecondsAfterFinished": TTL_SECONDS}


@dataclass(frozen=True, slots=True)
class ScriptCase:
    """A Script, and when it appears (seconds)."""

    limit: int | None = None
    backoff_limit: int = 0
    on_disruption: str = "Retry"
    appears: float = 0.0


@dataclass(frozen=True, slots=True)
class RunCase:
    """A run: of which Script (by position), when it is made, what its attempts come to, what people do to it."""

    script: int = 0
    created: float = 0.0
    plan: Plan = GOOD
    canceled: float | None = None
    deleted: float | None = None
    made_again: bool = False
    awaited: bool = False  # a bridge holds it until it has reported its end


@dataclass(frozen=True, slots=True)
class Case:
    """What happens, and how badly."""

    scripts: Sequence[ScriptCase]
    runs: Sequence[RunCase]
    crashes: Sequence[float] = ()
    quota_until: float = 0.0
    faults: Faults = NO_FAULTS
    feed: Feed = GOOD_FEED
    seed: int = 0


@dataclass(slots=True)
class Life:
    """What a run, told by its uid, went through."""

    case: RunCase
    name: str
    uid: str
    jobs: int = 0
    end: Body | None = None
    ended_at: float = 0.0
    released: bool = False
    taken_away: bool = False
    gone_at: float | None = None
    has_ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Simulation:
    """Plays a case; afterwards holds what happened."""

    case: Case
    lives: dict[str, Life] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    executions: dict[str, list[str]] = field(default_factory=dict)
    _noise: random.Random = field(default_factory=random.Random)

    async def play(self) -> None:
        """Play from the start to the end of the last TTL."""
        server, cluster, people = self._begin()
        replica = await self._crash_and_start(server)
        await people
        await self._wait_until_empty(server)
        replica.client.faults = Faults()
        await asyncio.sleep(3 * self.case.feed.relist_seconds)
        await replica.crash()
        await cluster.stop()
        self.executions = dict(cluster.executions)
        self.violations += [f"the operator forgot to forget: {left}" for left in _leftovers(replica)]
        self._note_defects(replica)

    async def freeze(self, moment: float) -> Replica:
        """Play up to a moment, then stop the world; the operator that is returned knows all of it and does nothing."""
        server, cluster, people = self._begin()
        playing = asyncio.ensure_future(self._crash_and_start(server))
        await asyncio.sleep(moment)
        if playing.done():
            await playing.result().crash()
        playing.cancel()
        people.cancel()
        await asyncio.gather(playing, people, return_exceptions=True)
        await cluster.stop()
        server.watchers.clear()
        replica = Replica(server, self._noise, Faults(latency=0), GOOD_FEED, settings(), self.writes)
        await replica.fill()
        replica.loop.runs.take_over()
        return replica

    def _begin(self) -> tuple[Server, Cluster, asyncio.Future[list[None]]]:
        self._noise = random.Random(self.case.seed)
        server, plans = Server(), dict[str, Plan]()
        server.quota_until = self.case.quota_until
        server.watchers.append(self._watch(server))
        cluster = Cluster(server, self._noise, plans)
        people = [
            *(self._make_script(server, number, script) for number, script in enumerate(self.case.scripts)),
            *(self._make_run(server, plans, number, run) for number, run in enumerate(self.case.runs)),
        ]
        return server, cluster, asyncio.gather(*people)

    def _note_defects(self, replica: Replica) -> None:
        self.violations += [f"a reconcile failed: {error!r}" for error in replica.loop.defects]

    async def _crash_and_start(self, server: Server) -> Replica:
        while True:
            replica = Replica(server, self._noise, self.case.faults, self.case.feed, settings(), self.writes)
            try:
                await replica.start()
                coming = [moment for moment in self.case.crashes if moment > server.now()]
                if not coming:
                    return replica
                await asyncio.sleep(min(coming) - server.now())
            except asyncio.CancelledError:
                await replica.crash()
                raise
            await replica.crash()
            self._note_defects(replica)
            await asyncio.sleep(self._noise.uniform(0, 3))

    async def _make_script(self, server: Server, number: int, script: ScriptCase) -> None:
        await asyncio.sleep(script.appears)
        fields: dict[str, Any] = {"backoffLimit": script.backoff_limit, "onDisruption": script.on_disruption}
        if script.limit is not None:
            fields["maxConcurrentRuns"] = script.limit
        server.create("scripts", script_body(f"script-{number}", **_DEADLINES, **fields))

    async def _make_run(self, server: Server, plans: dict[str, Plan], number: int, run: RunCase) -> None:
        await asyncio.sleep(run.created)
        name = f"run-{number}"
        life = self._create(server, plans, name, run)
        people = []
        if run.awaited:
            people.append(self._report(server, life))
        if run.canceled is not None:
            people.append(self._cancel(server, life, run.canceled))
        if run.deleted is not None:
            people.append(self._delete(server, plans, life, run.deleted))
        await asyncio.gather(*people)

    def _create(self, server: Server, plans: dict[str, Plan], name: str, run: RunCase) -> Life:
        made = run_body(name, script=f"script-{run.script}")
        if run.awaited:
            made["metadata"]["finalizers"] = [REPORT_FINALIZER]
        body = server.create("scriptruns", made)
        life = Life(run, name, body["metadata"]["uid"])
        self.lives[life.uid] = life
        plans[life.uid] = run.plan
        return life

    async def _report(self, server: Server, life: Life) -> None:
        await life.has_ended.wait()
        await asyncio.sleep(self._noise.uniform(0, 2 * TTL_SECONDS))
        life.released = True
        server.change("scriptruns", life.name, {"metadata": {"uid": life.uid, "finalizers": []}})

    async def _cancel(self, server: Server, life: Life, moment: float) -> None:
        await asyncio.sleep(max(0.0, moment - server.now()))
        if life.gone_at is None:
            server.change("scriptruns", life.name, {"spec": {"cancel": True}})

    async def _delete(self, server: Server, plans: dict[str, Plan], life: Life, moment: float) -> None:
        await asyncio.sleep(max(0.0, moment - server.now()))
        with suppress(NotFound):
            if life.gone_at is None:
                life.taken_away = True
                server.delete("scriptruns", life.name)
        if life.case.made_again and server.find("scriptruns", life.name) is None:
            again = RunCase(life.case.script, server.now(), life.case.plan)
            self._create(server, plans, life.name, again)

    async def _wait_until_empty(self, server: Server) -> None:
        while left := server.of_kind("scriptruns"):
            if server.now() > _PATIENCE_SECONDS:
                stuck = [(run["metadata"]["name"], run.get("status", {})) for run in left]
                self.violations.append(f"never ended: {stuck}")
                return
            await asyncio.sleep(1)

    # What must never be, whatever happens.

    def _watch(self, server: Server) -> Any:
        before: dict[str, Body] = {}

        def watch(plural: str, event: str, body: Body) -> None:
            uid = body["metadata"]["uid"]
            if plural == "scriptruns":
                if event == "DELETED":
                    self.lives[uid].gone_at = server.now()
                    if self.lives[uid].case.awaited and not self.lives[uid].released:
                        self.violations.append(f"{self.lives[uid].name} went before it was reported")
                    self._check_pods(server, self.lives[uid])
                elif "deletionTimestamp" in body["metadata"] and not self.lives[uid].taken_away:
                    self.violations.append(f"{self.lives[uid].name} was deleted before it was reported")
                elif "status" in body:
                    self._check_status(server, self.lives[uid], before.get(uid), body["status"])
                    before[uid] = body["status"]
            elif plural == "jobs" and event == "ADDED":
                self._check_job(server, body)

        return watch

    def _check_status(self, server: Server, life: Life, before: Body | None, status: Body) -> None:
        if before and "finishedAt" in before and status != before:
            self.violations.append(f"{life.name}: the end was rewritten: {before} -> {status}")
        elif status.get("reason") == "Retrying" and life.case.plan.fate(status["attemptCount"]) == "hangs":
            self.violations.append(f"{life.name} is said to be retried after its deadline")
        elif "finishedAt" in status:
            life.end, life.ended_at = status, server.now()
            life.has_ended.set()

    def _check_job(self, server: Server, job: Body) -> None:
        life = self.lives[job["metadata"]["ownerReferences"][0]["uid"]]
        life.jobs += 1
        if life.jobs > 1:
            self.violations.append(f"{life.name} got a second Job")
        if life.end is not None:
            self.violations.append(f"{life.name} got a Job after its end ({life.end['reason']})")
        limit = self.case.scripts[life.case.script].limit
        going = self._count_going(server)[life.case.script]
        if limit is not None and going > limit:
            self.violations.append(f"script-{life.case.script} has {going} runs under way, {limit} are allowed")

    def _check_pods(self, server: Server, life: Life) -> None:
        """Check that nothing of a run was at work any more when its time was over."""
        if life.taken_away:
            return
        for pod in server.of_kind("pods"):
            ended = pod["status"].get("phase") in ("Succeeded", "Failed")
            if pod["metadata"]["labels"]["scriptrun.dev/run"] == life.name and not ended:
                self.violations.append(f"{life.name} left a pod at work: {pod['status']}")

    def _count_going(self, server: Server) -> Counter[int]:
        going: Counter[int] = Counter()
        for job in server.of_kind("jobs"):
            life = self.lives[job["metadata"]["ownerReferences"][0]["uid"]]
            over = (job.get("status") or {}).get("conditions")
            if not over and life.end is None and life.gone_at is None:
                going[life.case.script] += 1
        return going

    def foresee(self, life: Life) -> tuple[str, int]:
        """What a run comes to when nobody interferes, and by how many pods."""
        script = self.case.scripts[life.case.script]
        if script.appears > life.case.created + 10:
            return "ScriptNotAllowed", 0
        return foresee(life.case.plan, script.backoff_limit, script.on_disruption)


def end_of(life: Life) -> datetime:
    """The instant that a run's status gives for its end."""
    assert life.end is not None
    return datetime.fromisoformat(life.end["finishedAt"])


def seconds_of(moment: datetime) -> float:
    """The same as seconds of the simulation."""
    return (moment - NOW).total_seconds()


def _leftovers(replica: Replica) -> list[str]:
    cache = replica.loop.cache
    kept = {
        **{name: getattr(cache, name) for name in ("runs", "_states", "_unclaimed", "_runs_of_jobs")},
        **{f"slots.{name}": getattr(cache.slots, name) for name in ("_entries", "_runs", "_holders", "_waiting")},
    }
    return [f"{name}: {sorted(value)}" for name, value in kept.items() if value]
