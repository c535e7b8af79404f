"""A script with two small libraries, which are in the cache, beside the same script without them, in turns."""

import time
from statistics import median

from bench.figures import Figure, Report
from bench.follow import Follower, states_of_job, states_of_run
from bench.site import SCRIPT, SOURCE, Site, build_run, build_script, expect_output
from clusterlab.cachevolume import CLAIM, cache_claim
from kubeapi import Api
from localcluster.driver.clusters import choose_cluster
from localcluster.driver.settings import read_settings
from packageindex import build_wheel, serve_index
from scriptrun.kube.client import Client
from scriptrun.kube.resources import JOBS, SCRIPTRUNS, SCRIPTS

_PAIRS, _QUICK_PAIRS, _WARM_UP = 20, 4, 1
_WITH = f"with-{SCRIPT}"
_WHEELS = (
    build_wheel("greet-lib", "1.0", {"greet_lib/__init__.py": "import tiny\n\nWORD = tiny.WORD\n"}),
    build_wheel("tiny", "1.0", {"tiny/__init__.py": "WORD = 'Hello'\n"}),
)
_SOURCE_WITH = SOURCE.replace("import json, sys", "import json, sys, greet_lib").replace("Hello", "{greet_lib.WORD}")


async def measure(site: Site, quick: bool) -> Report:
    """Run both in turns, each on a cluster at rest; the first run with libraries fills the cache and is told apart."""
    host = choose_cluster(read_settings()).host_address()
    api = Api.from_kubeconfig(site.kubeconfig)
    with (
        serve_index(host, _WHEELS) as index,
        site.namespace() as namespace,
        cache_claim(api, namespace, site.image),
    ):
        async with site.connect() as client:
            lock = index.lock("greet-lib", "tiny")
            libraries = build_script(source={"inline": _SOURCE_WITH}, dependencies={"lock": lock})
            await client.create(SCRIPTS, namespace, build_script())
            await client.create(SCRIPTS, namespace, {**libraries, "metadata": {"name": _WITH}})
            site.operator.start_and_lead(DEPENDENCY_INDEX_URL=index.url, DEPENDENCY_CACHE_CLAIM=CLAIM)
            async with (
                Follower(client, SCRIPTRUNS, namespace, states_of_run(expect_output)) as runs,
                Follower(client, JOBS, namespace, states_of_job) as jobs,
            ):
                turns = _Turns(client, namespace, runs, jobs)
                cold = await turns.run("cold", _WITH)
                asked = len(index.asked)
                await turns.take(_WARM_UP, "warm-up")
                turns.plain.clear()
                turns.warm.clear()
                await turns.take(_QUICK_PAIRS if quick else _PAIRS, "run")
            site.operator.stop()
            if len(index.asked) != asked:
                raise RuntimeError("a run whose libraries were in the cache asked the index")
    return _report(turns, cold)


class _Turns:
    """The measured seconds: from a run's creation to its output."""

    def __init__(self, client: Client, namespace: str, runs: Follower, jobs: Follower) -> None:
        self._client = client
        self._namespace = namespace
        self._runs = runs
        self._jobs = jobs
        self.plain: list[float] = []
        self.warm: list[float] = []

    async def take(self, count: int, prefix: str) -> None:
        for number in range(count):
            self.plain.append(await self.run(f"{prefix}-{number}-plain", SCRIPT))
            self.warm.append(await self.run(f"{prefix}-{number}-with", _WITH))

    async def run(self, name: str, script: str) -> float:
        body = build_run(name)
        body["spec"]["scriptRef"] = {"name": script}
        started = time.monotonic()
        await self._client.create(SCRIPTRUNS, self._namespace, body)
        ended = await self._runs.wait(name, "ended")
        if "right" not in self._runs.seen[name]:
            raise RuntimeError(f"run {name} ended without the right output")
        await self._jobs.wait(name, "complete")
        return ended - started


def _report(turns: _Turns, cold: float) -> Report:
    plain, warm = median(turns.plain), median(turns.warm)
    return Report(
        "dependencies",
        [
            Figure(
                "warm_cache_ratio",
                warm / plain,
                "script with two small libraries, which are in the cache, beside the same without (median)",
                limit=1.5,
            ),
            Figure("warm_p50_seconds", warm, "ScriptRun created → output, libraries in the cache", "s"),
            Figure("plain_p50_seconds", plain, "the same without libraries", "s"),
            Figure("cold_seconds", cold, "the first run, which fills the cache from an index on the same machine", "s"),
        ],
        {"plain": turns.plain, "warm": turns.warm},
    )
