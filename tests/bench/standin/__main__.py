"""A stand-in for a cluster: API server in memory, Job controller, scheduler, kubelet and runner in one process.

A real control plane takes about six cores for fifty runs a second, sixteen writes each; on a smaller machine it would
be the one that is measured. The operator can't tell the difference: the same requests, answers, watches and objects.
"""

import argparse
import asyncio
import json
import ssl
import sys
from pathlib import Path

from aiohttp import web

from bench.site import build_script
from bench.standin.load import Load
from bench.standin.server import ApiServer
from bench.standin.store import Store


async def _serve(folder: Path, runs: int, per_second: float, seconds: float) -> None:
    store = Store()
    store.put("scripts", build_script())
    load = Load(store)
    runner = web.AppRunner(ApiServer(store).application, access_log=None)
    await runner.setup()
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(folder / "server.crt", folder / "server.key")
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=trust)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)  # the operator leads
    await load.run(runs, per_second, seconds)
    print(json.dumps(load.report()), flush=True)
    await asyncio.to_thread(sys.stdin.readline)  # the operator has stopped


def main() -> None:
    """Serve; speaks with its parent by lines on standard input and output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("runs", type=int)
    parser.add_argument("per_second", type=float)
    parser.add_argument("seconds", type=float)
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.folder, arguments.runs, arguments.per_second, arguments.seconds))


if __name__ == "__main__":
    main()
