"""The REST API beside the Kubernetes API under it, followed logs, and lists out of a large history."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import aiohttp

from bench.controlplane import run_control_plane
from bench.figures import Figure, Report
from bench.history import measure_lists
from bench.procfs import read_rss_mib
from bench.site import SCRIPT, Site, build_run, build_script, open_site
from clusterlab.apiprocess import API, ApiProcess
from clusterlab.process import write_kubeconfig
from kubeapi import Api
from scriptrun.kube.client import Client
from scriptrun.kube.connection import open_connection
from scriptrun.kube.resources import SCRIPTRUNS, SCRIPTS

_CLIENTS = 50
_RUNS, _QUICK_RUNS = 1000, 200
_ROUNDS = 2
_STREAMS, _QUICK_STREAMS = 200, 20
_TALKER = """
import time
for number in range(600):
    print("line", number, flush=True)
    time.sleep(0.1)
"""

Create = Callable[[str], Awaitable[None]]


async def measure(quick: bool) -> Report:
    """Measure creating, on a control plane of the benchmark's own, and listing, in databases of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="scriptrun-bench-") as name,
        run_control_plane(Path(name)) as plane,
        open_site(plane.kubeconfig, {"RUNNER_IMAGE": "none"}, lasting=False) as site,
        _serve(site) as (process, account, token),
    ):
        figures, raw = await _measure_creating(site, process, account, token, quick)
    lists, taken = await measure_lists(quick)
    return Report("api", [*figures, *lists], {**raw, **taken})


async def measure_streams(site: Site, quick: bool) -> Report:
    """Measure what followed logs take, of a script that speaks on a real node."""
    with _serve(site) as (process, _account, token):
        return Report("streams", await _measure_streams(site, process, token, quick))


@contextmanager
def _serve(site: Site) -> Iterator[tuple[ApiProcess, Path, str]]:
    """Have an API work; yields it, a kubeconfig of its account, and a token of that."""
    with tempfile.TemporaryDirectory(prefix="scriptrun-bench-") as name:
        account = write_kubeconfig(site.kubeconfig, API, Path(name) / "kubeconfig")
        settings = {"HISTORY_URL": "", "LOG_FORMAT": "json", "RATE_PER_SECOND": "100000", "RATE_BURST": "100000"}
        settings["MAX_STREAMS"] = str(4 * _STREAMS)  # of which one caller may have a quarter
        process = ApiProcess(account, settings, Path(name))
        try:
            yield process.start_and_serve(), account, _log_in(site.kubeconfig)
        finally:
            if process.running:
                process.stop()


def _log_in(kubeconfig: Path) -> str:
    """Get a token of the API's own account: it may do all that is done here."""
    namespace, name = API
    api = Api.from_kubeconfig(kubeconfig)
    answer = api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", {"spec": {}})
    return str(answer.body["status"]["token"])


async def _measure_creating(
    site: Site, process: ApiProcess, account: Path, token: str, quick: bool
) -> tuple[list[Figure], dict[str, object]]:
    """Create runs both ways in turns, with no operator at work: what becomes of them is not the question here."""
    runs = _QUICK_RUNS if quick else _RUNS
    taken: dict[str, list[float]] = {"api": [], "direct": []}
    seconds = {"api": 0.0, "direct": 0.0}
    with site.namespace() as namespace:
        async with (
            open_connection(str(account), max_connections=_CLIENTS) as connection,
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
            site.connect() as admin,
        ):
            await admin.create(SCRIPTS, namespace, build_script())
            ways = {
                "direct": _by_kubernetes(Client(connection), namespace),
                "api": _by_api(session, process, namespace),
            }
            await _wait_for_script(session, process, namespace)
            for number in range(_ROUNDS):
                for way, create in ways.items():
                    await _create_all(create, f"warm-up-{number}-{way}", _CLIENTS, [])
                    seconds[way] += await _create_all(create, f"{number}-{way}", runs, taken[way])
    rates = {way: _ROUNDS * runs / value for way, value in seconds.items()}
    return [
        Figure(
            "create_ratio",
            rates["api"] / rates["direct"],
            f"runs a second made by the API ÷ made directly, {_CLIENTS} at once",
        ),
        Figure("create_ratio_inverse", rates["direct"] / rates["api"], "the same, the other way round", "", 2.0),
        Figure("creates_per_second", rates["api"], "runs made by the API"),
        Figure("direct_creates_per_second", rates["direct"], "runs made directly"),
        Figure("create_p99_ms", quantiles(taken["api"], n=100)[-1] * 1000, "making a run by the API, p99", "ms"),
        Figure("direct_create_p99_ms", quantiles(taken["direct"], n=100)[-1] * 1000, "directly, p99", "ms"),
    ], {way: [round(value * 1000, 1) for value in values] for way, values in taken.items()}


def _by_kubernetes(client: Client, namespace: str) -> Create:
    async def create(name: str) -> None:
        await client.create(SCRIPTRUNS, namespace, build_run(name))

    return create


def _by_api(session: aiohttp.ClientSession, process: ApiProcess, namespace: str) -> Create:
    url = f"{process.url}/api/v1/namespaces/{namespace}/runs"

    async def create(name: str) -> None:
        async with session.post(url, json={"script": SCRIPT, "name": name, "variables": {"name": name}}) as answer:
            assert answer.status == 201, await answer.text()
            await answer.read()

    return create


async def _wait_for_script(session: aiohttp.ClientSession, process: ApiProcess, namespace: str) -> None:
    url = f"{process.url}/api/v1/namespaces/{namespace}/scripts/{SCRIPT}"
    while True:
        async with session.get(url) as answer:
            if answer.status == 200:
                return
        await asyncio.sleep(0.05)


async def _create_all(create: Create, prefix: str, count: int, taken: list[float]) -> float:
    """Create runs with so many clients at once; returns the seconds for all."""
    names = iter(f"{prefix}-{number}" for number in range(count))

    async def work() -> None:
        for name in names:
            started = time.perf_counter()
            await create(name)
            taken.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(_CLIENTS)))
    return time.perf_counter() - started


async def _measure_streams(site: Site, process: ApiProcess, token: str, quick: bool) -> list[Figure]:
    """Follow one log many times, and see what that takes."""
    count = _QUICK_STREAMS if quick else _STREAMS
    async with (
        site.open(source={"inline": _TALKER}) as (client, namespace),
        aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}"}, connector=aiohttp.TCPConnector(limit=count)
        ) as session,
    ):
        await client.create(SCRIPTRUNS, namespace, build_run("talker"))
        before = read_rss_mib(process.pid)
        url = f"{process.url}/api/v1/namespaces/{namespace}/runs/talker/logs?follow=true"
        speaking: set[int] = set()

        async def listen(number: int) -> None:
            async with session.get(url, timeout=aiohttp.ClientTimeout()) as answer:
                async for _ in answer.content:
                    speaking.add(number)

        tasks = [asyncio.create_task(listen(number)) for number in range(count)]
        while len(speaking) < count:
            await asyncio.sleep(0.1)
            for task in tasks:
                if task.done():
                    task.result()
        await asyncio.sleep(5)
        after = read_rss_mib(process.pid)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [
        Figure("rss_mib", before, "memory of the API at rest", "MiB"),
        Figure("streams_rss_mib", after, f"memory of the API with {count} logs followed", "MiB"),
        Figure("stream_kib", (after - before) / count * 1024, "the same, of one followed log", "KiB"),
    ]
