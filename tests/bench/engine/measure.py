"""One task at a time and a hundred at once: by operator and bridge, by a plain worker, by a worker that makes Jobs."""

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.engine.engines import ENGINES, Engine
from bench.engine.results import IN_PODS, WAYS, Taken, Way, build_figures
from bench.engine.worker import by_job, in_process, run_worker
from bench.figures import Figure, Report
from bench.follow import Follower, states_of_job
from bench.site import Site, expect_output
from clusterlab.chart import BRIDGE, NAMESPACE
from clusterlab.process import BridgeProcess, write_kubeconfig
from scriptrun.kube.resources import BRIDGES, JOBS
from scriptrun.models.bridge import BridgeSpec
from scriptrun.orchestrators.adapter import Adapter
from scriptrun.orchestrators.registry import build_adapter

_SETTINGS = {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0", "LOG_FORMAT": "json", "LEASE_NAMESPACE": NAMESPACE}
_STOP_SECONDS = 45.0
_REST_SECONDS = 240.0
_WORKER_LEASE_SECONDS = 600
"""A plain worker does not extend its claims: they must last."""
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Size:
    """How many tasks one at a time, before those some to warm up, and how many at once."""

    single: int = 20
    warm_up: int = 2
    burst: int = 100


QUICK = Size(single=4, warm_up=1, burst=20)


async def measure(site: Site, quick: bool) -> Report:
    """Measure with each orchestrator, one after the other, on one cluster."""
    size, figures, raw = QUICK if quick else Size(), list[Figure](), dict[str, object]()
    with _run_bridge(site):
        for name, build in ENGINES.items():
            with tempfile.TemporaryDirectory(prefix="scriptrun-bench-") as folder:
                engine = build(Path(folder))
                with engine.server:
                    single, burst = await _measure(site, engine, size)
            figures += build_figures(f"{name}.single", f"{name}, one task at a time", single, 0.5)
            figures += build_figures(f"{name}.burst", f"{name}, {size.burst} tasks at once", burst, 1.0)
            raw[name] = {"singleSeconds": _round(single), "burstSeconds": _round(burst)}
    return Report("engine", figures, raw)


async def _measure(site: Site, engine: Engine, size: Size) -> tuple[Taken, Taken]:
    """Single tasks in turns, each on a cluster at rest; a burst of pods in a namespace that is gone before the next."""
    names = [f"burst-{number}" for number in range(size.burst)]
    single: Taken = {way: [] for way in WAYS}
    burst: Taken = {}
    async with _open_stage(site, engine, size.burst) as stage:
        for number in range(-size.warm_up, size.single):
            for way in WAYS:
                seconds = await stage.take(way, [f"task-{number}"])
                await stage.rest()
                if number >= 0:
                    single[way] += seconds
        burst["worker"] = await stage.take("worker", names)
    for way in IN_PODS:
        async with _open_stage(site, engine, size.burst) as stage:
            await stage.take(way, ["warm-up"])
            await stage.rest()
            burst[way] = await stage.take(way, names)
    return single, burst


class _Stage:
    """A namespace with a Bridge in it, and both workers; each has a type of tasks of its own."""

    def __init__(self, engine: Engine, work: dict[Way, str], jobs: Follower) -> None:
        self._engine = engine
        self._work = work
        self._jobs = jobs

    async def take(self, way: Way, names: Sequence[str]) -> list[float]:
        """Have tasks done one way, all at once; returns the seconds of each.

        Raises:
            RuntimeError: a workflow completed with another output than its own.
        """
        ended = await asyncio.to_thread(self._engine.run, self._work[way], names)
        for name, end in zip(names, ended, strict=True):
            if end.output != (expected := {} if way == "jobs" else expect_output(name)):
                raise RuntimeError(f"{name}, done by {way}, has the output {end.output}, and should have {expected}")
        return [end.seconds for end in ended]

    async def rest(self) -> None:
        """Wait until every Job is done with."""
        await self._jobs.wait_all(self._jobs.seen, "complete", _REST_SECONDS)


@asynccontextmanager
async def _open_stage(site: Site, engine: Engine, at_once: int) -> AsyncIterator[_Stage]:
    """Set it up, and have a first task done by the bridge, whose Job the raw ones are made like.

    The types are new each time: an orchestrator may still hold a poll of somebody who has gone.
    """
    number = next(_NUMBERS)
    work: dict[Way, str] = {way: f"{way}-{number}" for way in WAYS}
    for name in work.values():
        await asyncio.to_thread(engine.define, name)
    bridge = _build_bridge({**engine.build_bridge(work["bridge"]), "maxConcurrentRuns": at_once})
    with tempfile.TemporaryDirectory(prefix="scriptrun-bench-") as folder:
        async with (
            site.open() as (client, namespace),
            Follower(client, JOBS, namespace, states_of_job) as jobs,
        ):
            await client.create(BRIDGES, namespace, bridge)
            stage = _Stage(engine, work, jobs)
            await stage.take("bridge", ["first"])
            await stage.rest()
            (first,) = jobs.seen
            acts = {
                "jobs": by_job(client, namespace, jobs, await client.get(JOBS, namespace, first)),
                "worker": in_process(Path(folder)),
            }
            async with (
                run_worker(_open_adapter(engine, work["jobs"]), acts["jobs"], at_once),
                run_worker(_open_adapter(engine, work["worker"]), acts["worker"], at_once),
            ):
                yield stage


def _build_bridge(spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "scriptrun.dev/v1alpha1", "kind": "Bridge", "metadata": {"name": "bench"}, "spec": spec}


def _open_adapter(engine: Engine, work: str) -> Adapter:
    spec = {**engine.build_bridge(work), "leaseSeconds": _WORKER_LEASE_SECONDS}
    return build_adapter(BridgeSpec.model_validate(spec), work, {}, "")


@contextmanager
def _run_bridge(site: Site) -> Iterator[None]:
    """Have a bridge work, with the chart's rights; it outlives every Bridge, which goes only when it lets it."""
    with tempfile.TemporaryDirectory(prefix="scriptrun-bench-") as folder:
        account = write_kubeconfig(site.kubeconfig, BRIDGE, Path(folder) / "kubeconfig")
        bridge = BridgeProcess(account, _SETTINGS).start()
        try:
            yield
        finally:
            bridge.stop(_STOP_SECONDS)


def _round(taken: Taken) -> dict[str, list[float]]:
    return {way: [round(value, 3) for value in values] for way, values in taken.items()}
