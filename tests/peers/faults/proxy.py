"""What stands between bridge and orchestrator: it cuts, delays and swallows, and sees what the orchestrator accepts."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
from aiohttp import web

Kind = Literal["claim", "extension", "report", "other"]
Loss = Literal["lost", "silent"]

SILENT_SECONDS = 60.0
_LIMIT_BYTES = 64 * 1024 * 1024
_START_SECONDS = 10.0


@dataclass(frozen=True)
class Exchange:
    """A request, and what the orchestrator answered."""

    method: str
    path: str
    body: bytes
    status: int
    answer: bytes


@dataclass(frozen=True)
class Seen:
    """What an exchange meant.

    Attributes:
        kind: of the request.
        done: whether the orchestrator did something: handed out tasks, extended, took a report.
        tasks: ids of the tasks concerned, each with what it is of: the number of the test's own task, where told.
        says: what was reported.
    """

    kind: Kind
    done: bool
    tasks: tuple[tuple[str, int], ...] = ()
    says: str = ""


class Proxy:
    """Stands before one orchestrator, on loopback, in a thread of its own.

    Args:
        server: base URL of the orchestrator.
        read: says what an exchange meant.

    Attributes:
        address: base URL for the bridge.
        faults: how often each fault has really happened.
        seen: everything that the orchestrator did and its answer was seen, in order.
    """

    def __init__(self, server: str, read: Callable[[Exchange], Seen]) -> None:
        self.address = ""
        self.faults: Counter[str] = Counter()
        self.seen: list[Seen] = []
        self._server = server
        self._read = read
        self._armed: list[tuple[Kind, Loss]] = []
        self._cut_until = 0.0
        self._slow_until = 0.0
        self._delay_seconds = 0.0
        self._lock = threading.Lock()
        self._runner: web.AppRunner | None = None
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> "Proxy":
        up: Future[str] = Future()
        self._up = up
        self._thread.start()
        self.address = up.result(_START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_SECONDS)

    def lose(self, kind: Kind, how: Loss = "lost") -> None:
        """Swallow the answer to the next request of a kind with which the orchestrator did something.

        Args:
            kind: of the request.
            how: lost: the connection breaks; silent: nothing comes, until the caller gives up.
        """
        with self._lock:
            self._armed.append((kind, how))

    def disarm(self) -> None:
        """Take back what was to be lost and has not been; deliver at full speed."""
        with self._lock:
            self._armed.clear()
        self._cut_until = self._slow_until = 0.0

    def cut(self, seconds: float) -> None:
        """Break every connection, and each new one, for so long."""
        self._cut_until = time.monotonic() + seconds
        self._loop.call_soon_threadsafe(self._break_all)

    def slow_down(self, delay_seconds: float, seconds: float) -> None:
        """Deliver each request late, for so long."""
        self._delay_seconds, self._slow_until = delay_seconds, time.monotonic() + seconds

    def reports_of(self, task: str) -> list[str]:
        """What was reported of a task and taken by the orchestrator."""
        return [
            seen.says for seen in list(self.seen) if seen.kind == "report" and seen.done and seen.tasks[0][0] == task
        ]

    def tasks_of(self, number: int) -> set[str]:
        """Ids of the orchestrator's tasks that were handed out for one of the test's own."""
        return {task for seen in list(self.seen) if seen.kind == "claim" for task, own in seen.tasks if own == number}

    def count(self, kind: Kind) -> int:
        """How often the orchestrator did something of a kind."""
        return sum(seen.kind == kind and seen.done for seen in list(self.seen))

    # In the thread.

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
            application = web.Application(client_max_size=_LIMIT_BYTES)

            async def handle(request: web.Request) -> web.Response:
                return await self._handle(request, session)

            application.router.add_route("*", "/{path:.*}", handle)
            self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
            await self._runner.setup()
            try:
                await web.TCPSite(self._runner, "127.0.0.1", 0).start()
                self._up.set_result(f"http://127.0.0.1:{self._runner.addresses[0][1]}")
                await self._stop.wait()
            finally:
                self._break_all()
                await self._runner.cleanup()

    def _break_all(self) -> None:
        assert self._runner is not None
        assert self._runner.server is not None
        for connection in list(self._runner.server.connections):
            if connection.transport is not None:
                self.faults["connection cut"] += 1
                connection.transport.abort()

    async def _handle(self, request: web.Request, session: aiohttp.ClientSession) -> web.Response:
        body = await request.read()
        if time.monotonic() < self._slow_until:
            self.faults["request delayed"] += 1
            await asyncio.sleep(self._delay_seconds)
        if time.monotonic() < self._cut_until:
            self.faults["connection cut"] += 1
            return _abort(request)
        headers = {name: request.headers[name] for name in ("Content-Type", "Accept") if name in request.headers}
        try:
            async with session.request(
                request.method, self._server + request.path_qs, data=body or None, headers=headers
            ) as answer:
                exchange = Exchange(request.method, request.path, body, answer.status, await answer.read())
                content_type = answer.headers.get("Content-Type", "application/json")
        except (aiohttp.ClientError, OSError):
            return _abort(request)
        loss = self._note(exchange)
        if loss == "silent":
            await asyncio.sleep(SILENT_SECONDS)  # longer than anybody waits
        if loss or time.monotonic() < self._cut_until:
            return _abort(request)
        return web.Response(body=exchange.answer, status=exchange.status, headers={"Content-Type": content_type})

    def _note(self, exchange: Exchange) -> Loss | None:
        """Keep what it meant; says how its answer is to be lost."""
        seen = self._read(exchange)
        if not seen.done:
            return None
        with self._lock:
            self.seen.append(seen)
            loss = next((how for kind, how in self._armed if kind == seen.kind), None)
            if loss is not None:
                self._armed.remove((seen.kind, loss))
                self.faults[f"{seen.kind} {'unanswered' if loss == 'silent' else 'answer lost'}"] += 1
        return loss


def _abort(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=502)


def read_json(text: bytes) -> Any:
    """Parse a body; None where it is empty or no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None
