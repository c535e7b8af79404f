"""Many runs at once beside as many Jobs made by hand: how long until the last output is there."""

import asyncio
import time
from typing import Any

from bench.figures import Figure, Report
from bench.follow import Follower, states_of_job, states_of_run
from bench.site import Site, build_raw_job, build_run, expect_output
from scriptrun.kube.client import Client
from scriptrun.kube.resources import JOBS, SCRIPTRUNS

_COUNT, _ROUNDS = 60, 2
_QUICK_COUNT, _QUICK_ROUNDS = 20, 1
_SECONDS = 240.0


async def measure(site: Site, quick: bool) -> Report:
    """Measure runs and raw Jobs in turns, each in a namespace of its own that is gone before the next."""
    count, rounds = (_QUICK_COUNT, _QUICK_ROUNDS) if quick else (_COUNT, _ROUNDS)
    runs: list[float] = []
    raw: list[float] = []
    for number in range(rounds):
        for kind in ("runs", "raw") if number % 2 == 0 else ("raw", "runs"):
            async with site.open() as (client, namespace):
                job = await _run_one(client, namespace)
                if kind == "runs":
                    runs.append(await _burst_runs(client, namespace, count))
                else:
                    raw.append(await _burst_jobs(client, namespace, count, job))
    return Report(
        "burst",
        [
            Figure(
                "ratio",
                sum(runs) / sum(raw),
                f"{count} runs at once until the last output is there, beside {count} raw Jobs until all are Complete",
                limit=1.0,
            ),
            Figure("runs_seconds", sum(runs) / rounds, f"{count} runs at once until the last output is there", "s"),
            Figure("raw_jobs_seconds", sum(raw) / rounds, f"{count} raw Jobs at once until all are Complete", "s"),
        ],
        {"count": count, "runsSeconds": runs, "rawJobsSeconds": raw},
    )


async def _run_one(client: Client, namespace: str) -> dict[str, Any]:
    """Run once, so that the namespace is prepared and there is an input for raw Jobs; returns its Job."""
    async with (
        Follower(client, SCRIPTRUNS, namespace, states_of_run(expect_output)) as runs,
        Follower(client, JOBS, namespace, states_of_job) as jobs,
    ):
        await client.create(SCRIPTRUNS, namespace, build_run("first"))
        await runs.wait("first", "right")
        await jobs.wait("first", "complete")
    return await client.get(JOBS, namespace, "first")


async def _burst_runs(client: Client, namespace: str, count: int) -> float:
    names = [f"run-{number}" for number in range(count)]
    async with Follower(client, SCRIPTRUNS, namespace, states_of_run(expect_output)) as runs:
        started = time.monotonic()
        await asyncio.gather(*(client.create(SCRIPTRUNS, namespace, build_run(name)) for name in names))
        return await runs.wait_all(names, "right", _SECONDS) - started


async def _burst_jobs(client: Client, namespace: str, count: int, job: dict[str, Any]) -> float:
    names = [f"raw-{number}" for number in range(count)]
    async with Follower(client, JOBS, namespace, states_of_job) as jobs:
        started = time.monotonic()
        await asyncio.gather(*(client.create(JOBS, namespace, build_raw_job(name, job)) for name in names))
        return await jobs.wait_all(names, "complete", _SECONDS) - started
