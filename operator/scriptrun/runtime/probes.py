"""/metrics, /healthz and /readyz of a process, on aiohttp (which the Kubernetes client brings along)."""

import asyncio
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

__all__ = ["serve_probes"]

Check = Callable[[], str]
"""Returns what is wrong, or ""."""


async def serve_probes(
    address: tuple[str, int], registry: CollectorRegistry, healthy: Check, ready: Check
) -> web.AppRunner:
    """Serve until the returned runner is cleaned up.

    Args:
        address: host to bind, "" for all; and port, 0 for any free one.
        registry: what /metrics shows.
        healthy: fails when only a restart helps.
        ready: fails while the caches are being filled.
    """

    def answer(check: Check) -> web.Response:
        wrong = check()
        return web.Response(text=f"{wrong or 'ok'}\n", status=503 if wrong else 200)

    async def get_healthz(_request: web.Request) -> web.Response:
        return answer(healthy)

    async def get_readyz(_request: web.Request) -> web.Response:
        return answer(ready)

    async def get_metrics(_request: web.Request) -> web.Response:
        # In a thread: with a series for each of thousands of Scripts it takes a second, and goes on in small pieces.
        body = await asyncio.to_thread(generate_latest, registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes(
        [
            web.get("/healthz", get_healthz),
            web.get("/readyz", get_readyz),
            web.get("/metrics", get_metrics),
        ]
    )
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    host, port = address
    await web.TCPSite(runner, host or None, port).start()
    return runner
