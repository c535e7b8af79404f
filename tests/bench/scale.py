"""Thousands of runs: does the operator keep up, what does it need, how soon does it work again after a start.

The pace is measured on a stand-in for the cluster, since a small machine's control plane carries a fraction of it. All
else is measured on a real control plane of the benchmark's own, with a kubelet that starts no containers.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.audit import find_instants, read_audit
from bench.controlplane import ControlPlane, run_control_plane
from bench.figures import Figure, Report
from bench.follow import Follower, states_of_job
from bench.kubelet import NODE_LABEL, FakeKubelet
from bench.load import make_all, make_paced
from bench.pace import Pace, measure_pace
from bench.procfs import read_cpu_seconds, read_rss_mib
from bench.site import Site, build_run, expect_output, open_site
from bench.standin.cast import build_output
from scriptrun.kube.client import Client
from scriptrun.kube.resources import CONFIGMAPS, JOBS, PODS, SCRIPTRUNS

Manifest = dict[str, Any]

_NAMESPACE_OF_OTHERS = "default"
_DRAIN_SECONDS = 120.0
_IDLE_SECONDS = 5.0
"""An operator that has nothing more to do gives back what it needed meanwhile."""


@dataclass(frozen=True)
class Size:
    """How much of everything: runs and their pace, on the stand-in and for real, finished runs, foreign objects."""

    runs: int = 5000
    per_second: float = 50.0
    real_runs: int = 400
    real_per_second: float = 8.0
    kept: int = 10_000
    foreign: int = 10_000


QUICK = Size(runs=500, real_runs=80, kept=1000, foreign=1000)


@dataclass
class _Found:
    """What was measured so far."""

    created_per_second: float = 0.0
    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    rss: dict[str, float] = field(default_factory=dict)
    restart_seconds: float = 0.0
    settle: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)


async def measure(quick: bool) -> Report:
    """Load it, keep what ended, start the operator anew, put other people's objects beside."""
    size, found = QUICK if quick else Size(), _Found()
    pace = await asyncio.to_thread(measure_pace, size.runs, size.per_second)
    with tempfile.TemporaryDirectory(prefix="scriptrun-bench-") as folder, run_control_plane(Path(folder)) as plane:
        with open_site(plane.kubeconfig, {}, lasting=False) as site:
            async with site.open(nodeSelector={NODE_LABEL: "true"}) as (client, namespace):
                await _Scale(plane, site, client, namespace, found).measure(size)
    return _report(size, pace, found)


class _Scale:
    """The steps."""

    def __init__(self, plane: ControlPlane, site: Site, client: Client, namespace: str, found: _Found) -> None:
        self._plane = plane
        self._site = site
        self._client = client
        self._namespace = namespace
        self._found = found
        self._uids: dict[str, str] = {}

    async def measure(self, size: Size) -> None:
        names = [f"run-{number}" for number in range(size.real_runs)]
        self._note_rss("empty")
        await self._load(names, size.real_per_second)
        self._read_delays(names)
        self._note_rss("loaded")
        self._found.rss["loadedPeak"] = read_rss_mib(self._site.operator.pid, peak=True)
        await self._keep([f"kept-{number}" for number in range(size.kept - size.real_runs)], names[0])
        await asyncio.sleep(_IDLE_SECONDS)
        self._note_rss("kept")
        await self._restart()
        self._note_rss("restarted")
        self._found.rss["restartedPeak"] = read_rss_mib(self._site.operator.pid, peak=True)
        await self._add_foreign(size.foreign)
        await asyncio.sleep(_IDLE_SECONDS)
        self._note_rss("foreign")

    def _note_rss(self, when: str) -> None:
        self._found.rss[when] = read_rss_mib(self._site.operator.pid)

    async def _load(self, names: list[str], per_second: float) -> None:
        """Make the runs at their pace and wait until all have ended well; note what CPU everybody used meanwhile."""
        pids = {**self._plane.pids, "operator": self._site.operator.pid, "benchmark": os.getpid()}
        before = _read_cpu(pids)
        started = time.monotonic()
        async with FakeKubelet(self._client, self._build_output).run():
            self._found.created_per_second = await make_paced(names, per_second, self._make_run)
            await self._wait_for_ends(len(names))
        self._found.seconds = time.monotonic() - started
        self._found.cpu = {name: used - before[name] for name, used in _read_cpu(pids).items()}

    async def _make_run(self, name: str) -> None:
        answer = await self._client.create(SCRIPTRUNS, self._namespace, build_run(name))
        self._uids[name] = answer["metadata"]["uid"]

    def _build_output(self, pod: Manifest) -> Manifest:
        """Build what the runner writes for a pod."""
        run = pod["metadata"]["labels"]["scriptrun.dev/run"]
        return build_output(pod["metadata"]["name"], run, self._uids[run])

    async def _wait_for_ends(self, count: int) -> None:
        deadline = time.monotonic() + _DRAIN_SECONDS
        while True:
            listed = await self._client.list(SCRIPTRUNS, self._namespace, resourceVersion="0")
            ended = [item for item in listed["items"] if "finishedAt" in (item.get("status") or {})]
            wrong = [item for item in ended if item["status"].get("output") != expect_output(item["metadata"]["name"])]
            if wrong:
                raise RuntimeError(f"wrong end of {wrong[0]['metadata']['name']}: {wrong[0]['status']}")
            if len(ended) == count:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{count - len(ended)} of {count} runs have not ended {_DRAIN_SECONDS:g} s later")
            await asyncio.sleep(2.0)

    def _read_delays(self, names: list[str]) -> None:
        """Read from the API server's clock: output there → run's end there, run made → Job made."""
        time.sleep(2)  # the log is written in batches
        events = list(read_audit(self._plane.audit))
        outputs = {
            name.rpartition("-0-")[0]: instant
            for name, instant in find_instants(events, "create", "configmaps").items()
            if name.endswith("-output")
        }
        ends = find_instants(events, "patch", "scriptruns", "status")
        made, jobs = find_instants(events, "create", "scriptruns"), find_instants(events, "create", "jobs")
        self._found.settle = [ends[name] - outputs[name] for name in names]
        self._found.start = [jobs[name] - made[name] for name in names]

    async def _keep(self, names: list[str], like: str) -> None:
        """Make runs that have ended, each with the status of a real one."""
        status = (await self._client.get(SCRIPTRUNS, self._namespace, like))["status"]

        async def make(name: str) -> None:
            body = {**build_run(name)}
            body["spec"]["cancel"] = True  # should the operator see it before its status is there, it starts nothing
            await self._client.create(SCRIPTRUNS, self._namespace, body)
            await self._client.patch(
                SCRIPTRUNS, (self._namespace, name), {"status": {**status, "jobName": name}}, subresource="status"
            )

        await make_all(names, make)

    async def _restart(self) -> None:
        """Start the operator anew with a run waiting for it: from the start of the process to the run's Job."""
        self._site.operator.stop()
        await self._client.create(SCRIPTRUNS, self._namespace, build_run("waiting"))
        async with Follower(
            self._client, JOBS, self._namespace, states_of_job, fieldSelector="metadata.name=waiting"
        ) as jobs:
            started = time.monotonic()
            self._site.operator.start()
            self._found.restart_seconds = await jobs.wait("waiting", "created", 300) - started
        await asyncio.sleep(_IDLE_SECONDS)

    async def _add_foreign(self, count: int) -> None:
        """Put pods and ConfigMaps of somebody else beside ours."""
        container = {"name": "app", "image": "app:1", "env": [{"name": f"V{n}", "value": "x" * 40} for n in range(20)]}

        async def make(name: str) -> None:
            # No scheduler of that name takes the pod: it only has to be there.
            spec = {"containers": [container], "schedulerName": "nobody"}
            pod = {"metadata": {"name": name, "labels": {"app": "foreign"}}, "spec": spec}
            await self._client.create(PODS, _NAMESPACE_OF_OTHERS, pod)
            config_map = {"metadata": {"name": name, "labels": {"app": "foreign"}}, "data": {"text": "x" * 1000}}
            await self._client.create(CONFIGMAPS, _NAMESPACE_OF_OTHERS, config_map)

        await make_all((f"foreign-{number}" for number in range(count)), make)


def _read_cpu(pids: Mapping[str, int]) -> dict[str, float]:
    return {name: read_cpu_seconds(pid) for name, pid in pids.items()}


def _report(size: Size, pace: Pace, found: _Found) -> Report:
    per_second = f"{size.runs:,} runs, {size.per_second:g} created a second"
    really = f"a real control plane, {size.real_per_second:g} created a second"
    kept = f"{size.kept:,} finished runs kept"
    settle, real = quantiles(pace.settle, n=100), quantiles(found.settle, n=100)
    return Report(
        "scale",
        [
            Figure("settle_p99_seconds", settle[98], f"{per_second}: output there → run's end there", "s", 2.0),
            Figure("settle_p50_seconds", settle[49], "the same, median", "s"),
            Figure("start_p99_seconds", quantiles(pace.start, n=100)[98], "run created → Job created", "s"),
            Figure("cpu_seconds_per_run", pace.cpu_seconds / size.runs, "CPU of the operator for a run", "s"),
            Figure("real_settle_p99_seconds", real[98], f"{really}: output there → run's end there", "s"),
            Figure("real_settle_p50_seconds", real[49], "the same, median", "s"),
            Figure(
                "rss_mib",
                max(pace.rss_mib, *(found.rss[when] for when in ("kept", "restarted"))),
                f"memory of the operator with {kept}, before and after a restart",
                "MiB",
                200,
            ),
            Figure(
                "restart_seconds", found.restart_seconds, f"start of the process → first run started, {kept}", "s", 15
            ),
            Figure(
                "foreign_rss_mib",
                max(0.0, found.rss["foreign"] - found.rss["restarted"]),
                f"memory added by {size.foreign:,} foreign pods and as many ConfigMaps",
                "MiB",
                10,
            ),
        ],
        {
            "pace": {
                "runs": size.runs,
                "settleSecondsMax": max(pace.settle),
                "startSecondsMax": max(pace.start),
                "operatorCpuSeconds": round(pace.cpu_seconds, 2),
                "standinCpuSeconds": round(pace.standin_cpu_seconds, 2),
                "operatorRssMiB": round(pace.rss_mib, 1),
            },
            "real": {
                "runs": size.real_runs,
                "createdPerSecond": round(found.created_per_second, 2),
                "seconds": round(found.seconds, 1),
                "settleSecondsMax": max(found.settle),
                "startSeconds": {"p50": median(found.start), "max": max(found.start)},
                "cpuSeconds": {name: round(used, 2) for name, used in found.cpu.items()},
            },
            "rssMiB": {name: round(value, 1) for name, value in found.rss.items()},
        },
    )
