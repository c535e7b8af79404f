"""Thousands of runs made at once in one namespace: how much they delay single runs of another namespace.

On the cluster, the crowd's Script lets two runs go on at the same time, and these last: all others are checked, told
their place, and wait. Without such a limit it is the node that is shared, and who gets its next free place is not for
the operator to say: Kubernetes' Job controller and scheduler take Jobs and pods in the order of their creation. What
the operator does then is measured on a control plane of the benchmark's own, without any node.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from bench.controlplane import run_control_plane
from bench.figures import Figure, Report
from bench.follow import Follower, states_of_job, states_of_run
from bench.site import SCRIPT, Site, build_run, build_script, expect_output, open_site
from helm import ROOT
from scriptrun.errors import NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.resources import JOBS, SCRIPTRUNS, SCRIPTS

Manifest = dict[str, Any]
Taken = dict[str, list[float]]
"""Seconds that single runs took from their creation until something was there, by what that is."""

_CROWD, _QUICK_CROWD = 5000, 500
_WARM_UP, _SINGLES = 3, 20
_SLOTS = 2
_PAUSE_SECONDS = 0.5
_CROWD_SECONDS = 400.0
_TESTS = ROOT / "tests"
_LASTING = {"inline": "import time; time.sleep(3600)"}


async def measure(site: Site, quick: bool) -> Report:
    """Measure with a limit on the cluster, and without one on a control plane alone."""
    count = _QUICK_CROWD if quick else _CROWD
    limited = await _measure_limited(site, count)
    with tempfile.TemporaryDirectory(prefix="scriptrun-bench-") as folder, run_control_plane(Path(folder)) as plane:
        with open_site(plane.kubeconfig, {}, lasting=False) as alone:
            unlimited = await _measure_unlimited(alone, count)
    return _report(count, limited, unlimited)


async def _measure_limited(site: Site, count: int) -> dict[str, Taken]:
    """Run single runs before the crowd comes, until each of it knows where it stands, and while it waits."""
    with site.namespace() as crowded:
        async with (
            site.open() as (client, namespace),
            Follower(client, SCRIPTRUNS, namespace, states_of_run(expect_output)) as runs,
            Follower(client, JOBS, namespace, states_of_job) as jobs,
        ):
            script = build_script(source=_LASTING, maxConcurrentRuns=_SLOTS)
            singles = _Singles(client, namespace, {"job": (jobs, "created"), "output": (runs, "right")})
            crowd = _Crowd(site, client, crowded, count)
            return {**await singles.take_beside(crowd, script), "waiting": await singles.take("waiting", _SINGLES)}


async def _measure_unlimited(site: Site, count: int) -> dict[str, Taken]:
    """Run single runs before the crowd comes, and until each of it has its Job and a phase."""
    with site.namespace() as crowded:
        async with (
            site.open() as (client, namespace),
            Follower(client, JOBS, namespace, states_of_job) as jobs,
        ):
            singles = _Singles(client, namespace, {"job": (jobs, "created")})
            return await singles.take_beside(_Crowd(site, client, crowded, count), build_script())


class _Crowd:
    """Runs that are made at once.

    Attributes:
        namespace: Where they are.
        count: How many.
    """

    def __init__(self, site: Site, client: Client, namespace: str, count: int) -> None:
        self.namespace = namespace
        self.count = count
        self._kubeconfig = site.kubeconfig
        self._client = client

    async def make(self) -> None:
        """Make them all, from a process of its own."""
        arguments = [str(self._kubeconfig), self.namespace, str(self.count)]
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.crowd", *arguments, cwd=_TESTS)
        if await process.wait():
            raise RuntimeError("the runs could not be made: what was said is above")

    async def add_script(self, script: Manifest) -> None:
        """Add the Script that they run."""
        await self._client.create(SCRIPTS, self.namespace, script)

    async def count_known(self) -> int:
        """Count those that know where they stand: each has a phase."""
        listed = await self._client.list(SCRIPTRUNS, self.namespace, resourceVersion="0")
        return sum("phase" in (item.get("status") or {}) for item in listed["items"])

    async def is_last_known(self) -> bool:
        """Whether the last one knows, which is asked often: to list them all would be part of the load."""
        try:
            last = await self._client.get(SCRIPTRUNS, self.namespace, f"crowd-{self.count - 1}")
        except NotFound:
            return False
        return "phase" in (last.get("status") or {})


class _Singles:
    """Single runs, one after the other.

    Args:
        client: Makes them.
        namespace: Where.
        marks: What is waited for: who follows it, and in which state it is there.
    """

    def __init__(self, client: Client, namespace: str, marks: Mapping[str, tuple[Follower, str]]) -> None:
        self._client = client
        self._namespace = namespace
        self._marks = marks

    async def take(self, prefix: str, count: int) -> Taken:
        """Run some."""
        taken: Taken = {mark: [] for mark in self._marks}
        for number in range(count):
            await self._run(f"{prefix}-{number}", taken)
        return taken

    async def take_beside(self, crowd: _Crowd, script: Manifest) -> dict[str, Taken]:
        """Run some before there is a crowd of runs of a Script, and then until each of these knows where it stands."""
        await crowd.add_script(script)
        await self.take("warm-up", _WARM_UP)
        alone, coming = await self.take("alone", _SINGLES), await self.take("coming", 0)
        started, number = time.monotonic(), 0
        making = asyncio.create_task(crowd.make())
        while not (await crowd.is_last_known() and await crowd.count_known() == crowd.count):
            if time.monotonic() - started > _CROWD_SECONDS:
                raise TimeoutError(f"not all {crowd.count} runs of {SCRIPT} know where they stand")
            await self._run(f"coming-{number}", coming)
            number += 1
        await making
        return {"alone": alone, "coming": coming, "seconds": {"crowd": [time.monotonic() - started]}}

    async def _run(self, name: str, taken: Taken) -> None:
        """Run one, and note how long it takes."""
        started = time.monotonic()
        await self._client.create(SCRIPTRUNS, self._namespace, build_run(name))
        for mark, (follower, state) in self._marks.items():
            taken[mark].append(await follower.wait(name, state) - started)
        await asyncio.sleep(_PAUSE_SECONDS)


def _report(count: int, limited: dict[str, Taken], unlimited: dict[str, Taken]) -> Report:
    delays = _list_delays(limited, "coming", "output")
    waiting, job = _list_delays(limited, "waiting", "output"), _list_delays(unlimited, "coming", "job")
    return Report(
        "fairness",
        [
            Figure(
                "delay_seconds",
                max(delays),
                f"{count:,} runs at once in one namespace, all but {_SLOTS} of which must wait: the longest delay of a "
                "single run's output in another namespace",
                "s",
                1.0,
            ),
            Figure("delay_p50_seconds", median(delays), "the same, median", "s"),
            Figure("waiting_delay_seconds", max(waiting), "the longest delay once they wait", "s", 1.0),
            Figure("alone_p50_seconds", median(limited["alone"]["output"]), "a single run: created → output", "s"),
            Figure("runs", count, "number of runs made at once"),
            Figure("crowd_seconds", limited["seconds"]["crowd"][0], "until all of them knew where they stand", "s"),
            Figure(
                "unlimited_job_delay_seconds",
                max(job),
                "the same runs without a limit, on a control plane alone: the longest delay of a single run's Job",
                "s",
                1.0,
            ),
            Figure("unlimited_job_delay_p50_seconds", median(job), "the same, median", "s"),
            Figure(
                "unlimited_crowd_seconds",
                unlimited["seconds"]["crowd"][0],
                "until all of them had a Job and a phase",
                "s",
            ),
        ],
        {"limited": _round(limited), "unlimited": _round(unlimited)},
    )


def _list_delays(taken: dict[str, Taken], when: str, mark: str) -> list[float]:
    """List by how much each took longer than the median of those that were alone."""
    usual = median(taken["alone"][mark])
    return [seconds - usual for seconds in taken[when][mark]]


def _round(taken: dict[str, Taken]) -> dict[str, Taken]:
    return {when: {mark: [round(x, 3) for x in found] for mark, found in item.items()} for when, item in taken.items()}
