"""A stand-in for cluster and orchestrator at once, for a bridge: as fast as one process can answer, so that it is not
the one that is measured.

It hands out a number of jobs as soon as they are asked for, leaves their runs unfinished, then ends them all.
"""

import argparse
import asyncio
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any

from aiohttp import web

from bench.site import build_script
from bench.standin.server import ApiServer
from bench.standin.store import NAMESPACE, Manifest, Store

_FIRST_KEY = 2251799813685249


class _Cluster(ApiServer):
    """What a bridge asks of the API server besides what an operator does."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        router = self.application.router
        one = "/apis/{group}/{version}/namespaces/{namespace}/{plural}/{name}"
        router.add_patch(one, self._merge)
        router.add_put(one, self._replace)

    async def _get(self, request: web.Request) -> web.Response:
        if request.match_info["name"] in self._store.objects[request.match_info["plural"]]:
            return await super()._get(request)
        # Of a missing Lease the Kubernetes client asks the code.
        return web.json_response({"code": 404, "reason": "NotFound", "message": "not found"}, status=404)

    async def _merge(self, request: web.Request) -> web.Response:
        """RFC 7386, as far as a bridge needs it: metadata, of which labels may go."""
        plural, patch = request.match_info["plural"], await request.json()
        known = self._store.objects[plural][request.match_info["name"]]
        labels = {**(known["metadata"].get("labels") or {}), **(patch["metadata"].get("labels") or {})}
        metadata = {**known["metadata"], **patch["metadata"]}
        metadata["labels"] = {name: value for name, value in labels.items() if value is not None}
        return web.json_response(self._store.put(plural, {**known, "metadata": metadata}))

    async def _replace(self, request: web.Request) -> web.Response:
        return web.json_response(self._store.put(request.match_info["plural"], await request.json()))


class _Zeebe:
    """The commands of Zeebe's REST API that a bridge uses."""

    def __init__(self, jobs: int) -> None:
        self.application = web.Application()
        router = self.application.router
        router.add_post("/v2/jobs/activation", self._activate)
        router.add_patch("/v2/jobs/{key}", self._extend)
        router.add_post("/v2/jobs/{key}/completion", self._complete)
        self._left = list(range(_FIRST_KEY, _FIRST_KEY + jobs))
        self.open = asyncio.Event()
        self.extensions = 0
        self.completed: dict[str, float] = {}

    async def _activate(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if not self._left or not self.open.is_set():
            try:
                async with asyncio.timeout(asked["requestTimeout"] / 1000):
                    await (asyncio.Event() if self.open.is_set() else self.open).wait()
            except TimeoutError:
                return web.json_response({"jobs": []})
        count = asked["maxJobsToActivate"]
        keys, self._left = self._left[:count], self._left[count:]
        return web.json_response({"jobs": [_build_job(key) for key in keys]})

    async def _extend(self, _: web.Request) -> web.Response:
        self.extensions += 1
        return web.Response(status=204)

    async def _complete(self, request: web.Request) -> web.Response:
        self.completed[request.match_info["key"]] = time.monotonic()
        return web.Response(status=204)


def _build_job(key: int) -> Manifest:
    variables = {"customer": "Ada Lovelace", "number": key, "items": [{"sku": "x" * 20, "count": 3}] * 10}
    return {
        "key": key,
        "type": "script-python",
        "processInstanceKey": key + 1,
        "customHeaders": {"script": build_script()["metadata"]["name"]},
        "variables": variables,
        "retries": 3,
    }


def _build_bridge(jobs: int, address: str) -> Manifest:
    spec = {"zeebe": {"address": address}, "maxConcurrentRuns": jobs, "leaseSeconds": 60}
    metadata = {"name": "camunda", "namespace": NAMESPACE}
    return {"apiVersion": "scriptrun.dev/v1alpha1", "kind": "Bridge", "metadata": metadata, "spec": spec}


async def _listen(application: web.Application, trust: ssl.SSLContext | None = None) -> int:
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=trust).start()
    port: int = runner.addresses[0][1]
    return port


def _tell(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)


async def _serve(folder: Path, jobs: int) -> None:
    store, zeebe = Store(), _Zeebe(jobs)
    store.put("scripts", build_script())
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(folder / "server.crt", folder / "server.key")
    port = await _listen(_Cluster(store).application, trust)
    store.put("bridges", _build_bridge(jobs, f"http://127.0.0.1:{await _listen(zeebe.application)}"))
    made: list[float] = []
    all_made = asyncio.Event()

    def note(plural: str, event: str, _: Manifest) -> None:
        if plural == "scriptruns" and event == "ADDED":
            made.append(time.monotonic())
            if len(made) == jobs:
                all_made.set()

    store.listeners.append(note)
    _tell({"port": port})
    await asyncio.to_thread(sys.stdin.readline)  # the bridge serves
    began = time.monotonic()
    zeebe.open.set()
    await all_made.wait()
    _tell({"claimSeconds": made[-1] - began})
    before = zeebe.extensions
    await asyncio.to_thread(sys.stdin.readline)  # long enough under lease
    extensions, ended = zeebe.extensions - before, await _end_all(store)
    while len(zeebe.completed) < jobs:  # noqa: ASYNC110 - what is measured is noted elsewhere
        await asyncio.sleep(0.05)
    delays = [zeebe.completed[key] - moment for key, moment in ended.items()]
    _tell({"extensions": extensions, "delays": delays})
    await asyncio.to_thread(sys.stdin.readline)  # the bridge has stopped


async def _end_all(store: Store, per_second: float = 50.0) -> dict[str, float]:
    """End every run, one after the other; returns the moments by the keys of their jobs."""
    moments = {}
    for run in list(store.objects["scriptruns"].values()):
        status = {"finishedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "phase": "Succeeded"}
        status |= {"reason": "Completed", "resultStatus": "COMPLETED", "output": {"answer": 42}}
        moments[run["spec"]["task"]["id"]] = time.monotonic()
        store.put("scriptruns", {**run, "metadata": {**run["metadata"]}, "status": status})
        await asyncio.sleep(1 / per_second)
    return moments


def main() -> None:
    """Serve; speaks with its parent by lines on standard input and output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("jobs", type=int)
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.folder, arguments.jobs))


if __name__ == "__main__":
    main()
