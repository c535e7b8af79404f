"""One run at a time beside a Job made by hand: how long until the output can be read, and until the Job is complete."""

import time
from statistics import median, quantiles
from typing import Any

from bench.figures import Figure, Report
from bench.follow import Follower, states_of_job, states_of_run
from bench.site import Site, build_raw_job, build_run, expect_output
from scriptrun.kube.client import Client
from scriptrun.kube.resources import JOBS, SCRIPTRUNS

_PAIRS, _QUICK_PAIRS, _WARM_UP = 24, 4, 2


async def measure(site: Site, quick: bool) -> Report:
    """Run them in turns, each on a cluster at rest: the next begins when the pod of the one before is done with."""
    async with (
        site.open() as (client, namespace),
        Follower(client, SCRIPTRUNS, namespace, states_of_run(expect_output)) as runs,
        Follower(client, JOBS, namespace, states_of_job) as jobs,
    ):
        turns = _Turns(client, namespace, runs, jobs)
        await turns.take(_WARM_UP, "warm-up")
        turns.forget()
        await turns.take(_QUICK_PAIRS if quick else _PAIRS, "run")
    return _report(turns)


class _Turns:
    """The measured seconds, a list for each kind."""

    def __init__(self, client: Client, namespace: str, runs: Follower, jobs: Follower) -> None:
        self._client = client
        self._namespace = namespace
        self._runs = runs
        self._jobs = jobs
        self.forget()

    def forget(self) -> None:
        self.to_output: list[float] = []
        self.to_job: list[float] = []
        self.raw: list[float] = []

    async def take(self, count: int, prefix: str) -> None:
        for number in range(count):
            job = await self._run(f"{prefix}-{number}")
            await self._run_raw(f"{prefix}-{number}-raw", job)

    async def _run(self, name: str) -> dict[str, Any]:
        started = time.monotonic()
        await self._client.create(SCRIPTRUNS, self._namespace, build_run(name))
        ended = await self._runs.wait(name, "ended")
        if "right" not in self._runs.seen[name]:
            raise RuntimeError(f"run {name} ended without the right output")
        self.to_output.append(ended - started)
        self.to_job.append(self._jobs.seen[name]["created"] - self._runs.seen[name]["created"])
        await self._jobs.wait(name, "complete")
        return await self._client.get(JOBS, self._namespace, name)

    async def _run_raw(self, name: str, job: dict[str, Any]) -> None:
        body = build_raw_job(name, job)
        started = time.monotonic()
        await self._client.create(JOBS, self._namespace, body)
        self.raw.append(await self._jobs.wait(name, "complete") - started)


def _report(turns: _Turns) -> Report:
    return Report(
        "latency",
        [
            Figure(
                "p50_ratio",
                median(turns.to_output) / median(turns.raw),
                "ScriptRun created → output in its status, beside a raw Job created → Complete",
                limit=0.25,
            ),
            Figure(
                "create_to_job_ms_p50",
                median(turns.to_job) * 1000,
                "ScriptRun created → Job created, as one client's watches see them",
                "ms",
                50,
            ),
            Figure("run_p50_seconds", median(turns.to_output), "ScriptRun created → output in its status", "s"),
            Figure("run_p90_seconds", quantiles(turns.to_output, n=10)[-1], "the same, nine of ten", "s"),
            Figure("raw_job_p50_seconds", median(turns.raw), "raw Job created → Complete", "s"),
        ],
        {
            "runSeconds": [round(value, 3) for value in turns.to_output],
            "createToJobSeconds": [round(value, 4) for value in turns.to_job],
            "rawJobSeconds": [round(value, 3) for value in turns.raw],
        },
    )
