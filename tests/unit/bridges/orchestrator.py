"""An orchestrator in memory: hands out tasks under leases, believes what it is told once, and keeps a journal.

It behaves as Zeebe 8.6 does: no fencing, whoever knows the job's key may report it, but not while it waits for its next
attempt. It parks a task that goes on, as Conductor does.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from scriptrun.errors import Gone, Rejected, TryLater
from scriptrun.orchestrators.adapter import Handle, Outcome, Task
from unit.controller.server import Faults

__all__ = ["FakeAdapter", "Job", "Orchestrator"]

_LOOK_SECONDS = 0.2


@dataclass(slots=True)
class Job:
    """A task as the orchestrator knows it."""

    id: str
    retries: int
    headers: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    state: str = "open"  # open, completed, incident, canceled
    ready_at: float = 0.0
    lease_until: float | None = None
    output: dict[str, Any] | None = None
    message: str = ""
    deliveries: int = 0
    completions: int = 0
    lapses: int = 0
    failures: Counter[int] = field(default_factory=Counter)


class Orchestrator:
    """Keeps jobs."""

    def __init__(self, lease_seconds: float = 60.0, output_limit: int = 1_000_000) -> None:
        self.jobs: dict[str, Job] = {}
        self.away_until = 0.0
        self._lease_seconds = lease_seconds
        self._output_limit = output_limit

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def add(self, job: Job) -> None:
        self.jobs[job.id] = job

    def cancel(self, job_id: str) -> None:
        job = self.jobs[job_id]
        if job.state == "open":
            job.state = "canceled"

    def _is_free(self, job: Job) -> bool:
        lapsed = job.lease_until is None or job.lease_until <= self.now()
        return job.state == "open" and job.ready_at <= self.now() and lapsed

    def activate(self, limit: int) -> list[Job]:
        found = [job for job in self.jobs.values() if self._is_free(job)][:limit]
        for job in found:
            job.lapses += job.lease_until is not None
            job.lease_until = self.now() + self._lease_seconds
            job.deliveries += 1
        return found

    async def wait_for_jobs(self, limit: int, seconds: float) -> list[Job]:
        """Long poll."""
        for _ in range(int(seconds / _LOOK_SECONDS)):
            if found := self.activate(limit):
                return found
            await asyncio.sleep(_LOOK_SECONDS)
        return self.activate(limit)

    def find(self, handle: Handle) -> Job:
        job = self.jobs[handle["key"]]
        if job.state != "open":
            raise Gone(f"job {job.id} is {job.state}")
        if job.ready_at > self.now():
            raise Gone(f"job {job.id} has failed")
        return job

    def extend(self, handle: Handle) -> None:
        job = self.find(handle)
        if job.retries != handle["retries"]:
            raise Gone(f"job {job.id} has failed")
        if job.lease_until is None or job.lease_until <= self.now():
            raise TryLater("the lease has lapsed: it will be handed out again")
        job.lease_until = self.now() + self._lease_seconds

    def report(self, handle: Handle, outcome: Outcome) -> str:
        job = self.find(handle)
        if len(str(outcome.output)) > self._output_limit:
            raise Rejected("the output is too large")
        if outcome.status == "COMPLETED":
            job.state, job.output = "completed", outcome.output
            job.completions += 1
            return "completed"
        if outcome.status == "IN_PROGRESS":
            job.ready_at, job.lease_until = self.now() + outcome.back_off_seconds, None
            return "parked"
        assert outcome.failure is not None
        job.message = outcome.failure.message
        job.retries = handle["retries"] - 1
        job.failures[job.retries] += 1
        job.ready_at, job.lease_until = self.now() + outcome.back_off_seconds, None
        if not job.retries:
            job.state = "incident"
        return "failed"


class FakeAdapter:
    """Speaks to the orchestrator over a network that loses questions and answers, and brings some answers twice."""

    def __init__(
        self, orchestrator: Orchestrator, noise: random.Random, faults: Faults, long_poll: float = 5.0
    ) -> None:
        self._orchestrator = orchestrator
        self._noise = noise
        self.faults = faults
        self._long_poll = long_poll
        self.closed = False
        self._echoes: list[tuple[float, Task]] = []

    async def _cross(self) -> bool:
        """Cross the network; whether it arrived."""
        assert not self.closed, "used after it was closed"
        await asyncio.sleep(self._noise.uniform(0, self.faults.latency))
        away = self._orchestrator.now() < self._orchestrator.away_until
        return not away and self._noise.random() >= self.faults.rate / 2

    async def _ask(self) -> None:
        if not await self._cross():
            raise TryLater("not sent")

    async def _answer(self) -> None:
        if not await self._cross():
            raise TryLater("no answer")

    async def claim(self, limit: int) -> list[Task]:
        await self._ask()
        jobs = await self._orchestrator.wait_for_jobs(limit, self._long_poll)
        tasks = [self._build(job) for job in jobs]
        now = self._orchestrator.now()
        late = [task for due, task in self._echoes if due <= now]
        self._echoes = [(due, task) for due, task in self._echoes if due > now]
        if self._noise.random() < self.faults.rate:
            self._echoes += [(now + self._noise.uniform(0, 30), task) for task in tasks]
        await self._answer()
        return tasks + late

    def _build(self, job: Job) -> Task:
        return Task(
            identity=f"{job.id}-{job.retries}",
            id=job.id,
            type="script",
            workflow_id="w-1",
            script=job.headers.get("script", ""),
            headers=dict(job.headers),
            variables=job.variables,
            handle={"key": job.id, "retries": job.retries},
        )

    async def extend(self, handle: Handle) -> None:
        await self._ask()
        self._orchestrator.extend(handle)
        await self._answer()

    async def report(self, handle: Handle, outcome: Outcome) -> str:
        await self._ask()
        said = self._orchestrator.report(handle, outcome)
        await self._answer()
        return said

    async def close(self) -> None:
        self.closed = True
