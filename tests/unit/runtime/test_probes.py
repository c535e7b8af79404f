"""/metrics, /healthz and /readyz of a process."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from scriptrun import metrics
from scriptrun.runtime import probes


class _Served:
    """A served process, and what it says of itself."""

    def __init__(self) -> None:
        self.wrong = {"healthy": "", "ready": ""}
        self.port = 0

    async def ask(self, session: aiohttp.ClientSession, path: str) -> tuple[int, str]:
        async with session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def served() -> AsyncIterator[_Served]:
    made = _Served()
    runner = await probes.serve_probes(
        ("127.0.0.1", 0), metrics.REGISTRY, lambda: made.wrong["healthy"], lambda: made.wrong["ready"]
    )
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


async def test_each_check_says_what_is_wrong(served: _Served) -> None:
    async with aiohttp.ClientSession() as session:
        assert await served.ask(session, "/healthz") == (200, "ok\n")
        served.wrong["ready"] = "the caches are being filled"
        assert await served.ask(session, "/readyz") == (503, "the caches are being filled\n")
        assert "scriptrun_event_loop_lag_seconds" in (await served.ask(session, "/metrics"))[1]


async def test_writing_thousands_of_series_holds_nobody_up(served: _Served, monkeypatch: pytest.MonkeyPatch) -> None:
    written = threading.Event()

    def generate(_registry: Any) -> bytes:
        assert written.wait(30)
        return b"series"

    monkeypatch.setattr(probes, "generate_latest", generate)
    async with aiohttp.ClientSession() as session:
        scrape = asyncio.create_task(served.ask(session, "/metrics"))
        await asyncio.sleep(0.05)
        assert await served.ask(session, "/healthz") == (200, "ok\n")
        assert not scrape.done()
        written.set()
        assert await scrape == (200, "series")
