"""Stands between two programs that speak HTTP: passes on, cuts, delays, and strikes at a moment that a test names."""

import asyncio
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal, Self

import aiohttp
from aiohttp import web

_LIMIT_BYTES = 64 * 1024 * 1024
_START_SECONDS = 10.0
_HEADERS = ("Accept", "Authorization", "Content-Type")


@dataclass(frozen=True)
class Exchange:
    """A request and, once it was passed on, what was answered."""

    method: str
    path: str
    body: bytes
    status: int = 0
    answer: bytes = b""


@dataclass(frozen=True)
class Moment:
    """A moment at which something is to happen, once; afterwards the caller's connection breaks.

    Attributes:
        when: before the request is passed on, or after the server has answered it.
        matches: whether it is this request.
        act: what happens; waited for.
        come: set when it has happened.
    """

    when: Literal["before", "after"]
    matches: Callable[[Exchange], bool]
    act: Callable[[], object]
    come: threading.Event = field(default_factory=threading.Event)

    def bring(self) -> None:
        """Have it happen."""
        self.act()
        self.come.set()


class Relay:
    """Stands before one server, on loopback, in a thread of its own.

    Args:
        server: base URL.
        tls: what to trust of it.

    Attributes:
        address: its own base URL.
        faults: how often each fault has really happened.
    """

    def __init__(self, server: str, tls: ssl.SSLContext | bool = True) -> None:
        self.address = ""
        self.faults: Counter[str] = Counter()
        self._server = server
        self._tls = tls
        self._moments: list[Moment] = []
        self._cut_until = 0.0
        self._slow_until = 0.0
        self._delay_seconds = 0.0
        self._runner: web.AppRunner | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._up: Future[str] = Future()
        self._thread = threading.Thread(target=self._run, name=f"relay to {server}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.address = self._up.result(_START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._stop.set)
        self._thread.join(_START_SECONDS)

    def strike(
        self, when: Literal["before", "after"], matches: Callable[[Exchange], bool], act: Callable[[], object]
    ) -> threading.Event:
        """Have something happen at the next request of a kind; returns what is set when it has."""
        moment = Moment(when, matches, act)
        self._moments.append(moment)
        return moment.come

    def cut(self, seconds: float) -> None:
        """Break every connection, and each new one, for so long."""
        self._cut_until = time.monotonic() + seconds
        self._call(self._break_all)

    def slow_down(self, delay_seconds: float, seconds: float) -> None:
        """Deliver each request late, for so long."""
        self._delay_seconds, self._slow_until = delay_seconds, time.monotonic() + seconds

    def mend(self) -> None:
        """Pass everything on at full speed, and forget moments that have not come."""
        self._cut_until = self._slow_until = 0.0
        self._moments.clear()

    async def take(self, exchange: Exchange) -> bool:
        """Take note of what was answered; says whether to deliver it. Runs in the relay's thread."""
        return True

    def _call(self, act: Callable[[], None]) -> None:
        assert self._loop is not None, "not open"
        self._loop.call_soon_threadsafe(act)

    # In the thread.

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._serve())

    async def _serve(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls), timeout=timeout
        ) as session:
            application = web.Application(client_max_size=_LIMIT_BYTES)

            async def handle(request: web.Request) -> web.StreamResponse:
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

    async def _handle(self, request: web.Request, session: aiohttp.ClientSession) -> web.StreamResponse:
        exchange = Exchange(request.method, request.path, await request.read())
        if time.monotonic() < self._slow_until:
            self.faults["request delayed"] += 1
            await asyncio.sleep(self._delay_seconds)
        if time.monotonic() < self._cut_until:
            self.faults["connection cut"] += 1
            return _abort(request)
        if await self._happen("before", exchange):
            return _abort(request)
        headers = {name: request.headers[name] for name in _HEADERS if name in request.headers}
        url = self._server + request.path_qs
        try:
            async with session.request(request.method, url, data=exchange.body or None, headers=headers) as answer:
                kind = answer.headers.get("Content-Type", "application/json")
                if request.query.get("watch"):
                    return await _pass_stream(request, answer, kind)
                exchange = Exchange(request.method, request.path, exchange.body, answer.status, await answer.read())
        except (aiohttp.ClientError, OSError):
            return _abort(request)
        delivers = await self.take(exchange)
        if await self._happen("after", exchange) or not delivers or time.monotonic() < self._cut_until:
            return _abort(request)
        return web.Response(body=exchange.answer, status=exchange.status, headers={"Content-Type": kind})

    async def _happen(self, when: str, exchange: Exchange) -> bool:
        """Whether this was a moment that something was to happen at; it has happened then."""
        moment = next((one for one in self._moments if one.when == when and one.matches(exchange)), None)
        if moment is None:
            return False
        self._moments.remove(moment)
        await asyncio.to_thread(moment.bring)
        return True


async def _pass_stream(request: web.Request, answer: aiohttp.ClientResponse, kind: str) -> web.StreamResponse:
    stream = web.StreamResponse(status=answer.status, headers={"Content-Type": kind})
    await stream.prepare(request)
    async for chunk in answer.content.iter_any():
        await stream.write(chunk)
    return stream


def _abort(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=502)
