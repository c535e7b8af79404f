"""Limits on what callers send: how large, how slowly, how often. Plain ASGI, since bodies are read below FastAPI."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scriptrun.api.problems import Problem, build_response
from scriptrun.api.settings import ApiSettings

__all__ = ["Limits", "TokenBuckets"]

_CALLERS = 10_000


class TokenBuckets:
    """Lets each caller do so many things a second, and a burst of them at once.

    Args:
        rate: a second.
        burst: at once.
        clock: seconds that only go forward.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._levels: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def take(self, caller: bytes) -> float:
        """Take one; returns 0, or how many seconds to wait for the next."""
        now = self._clock()
        level, since = self._levels.pop(caller, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        allowed = level >= 1
        self._levels[caller] = (level - 1 if allowed else level, now)
        while len(self._levels) > _CALLERS:
            self._levels.popitem(last=False)
        return 0.0 if allowed else (1 - level) / self._rate


class Limits:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app = app
        self._settings = settings
        self._buckets = TokenBuckets(settings.rate_per_second, settings.rate_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on within the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            headers = dict(scope["headers"])
            self._check_rate(scope, headers)
            self._check_length(headers)
        except Problem as problem:
            await build_response(problem, scope["path"])(scope, receive, send)
            return
        body = _Body(receive, self._settings)
        started = False

        async def watched(message: Message) -> None:
            # FastAPI makes "can't be read" of whatever goes wrong with a body: say instead what it was.
            nonlocal started
            if body.problem is not None and not started:
                return
            started = True
            await send(message)

        await self._app(scope, body.receive, watched)
        if body.problem is not None and not started:
            await build_response(body.problem, scope["path"])(scope, receive, send)

    def _check_rate(self, scope: Scope, headers: MutableMapping[bytes, bytes]) -> None:
        if scope["path"] in ("/healthz", "/readyz"):
            return
        shown = headers.get(b"authorization")
        client = scope.get("client") or ("",)
        caller = hashlib.sha256(shown).digest() if shown else str(client[0]).encode()
        if seconds := self._buckets.take(caller):
            detail = f"at most {self._settings.rate_per_second:g} requests a second: try again later"
            raise Problem("too-many-requests", detail, headers={"Retry-After": str(int(seconds) + 1)})

    def _check_length(self, headers: MutableMapping[bytes, bytes]) -> None:
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._settings.body_limit_bytes:
            raise _too_large(self._settings)


def _too_large(settings: ApiSettings) -> Problem:
    text = f"a request's body may have {settings.body_limit_bytes} bytes"
    return Problem("too-large", text, headers={"Connection": "close"})


class _Body:
    """Counts what comes of a request's body, and the time it takes."""

    def __init__(self, receive: Receive, settings: ApiSettings) -> None:
        self._receive = receive
        self._settings = settings
        self._deadline = asyncio.get_running_loop().time() + settings.body_seconds
        self._size = 0
        self._complete = False
        self.problem: Problem | None = None

    async def receive(self) -> Message:
        """Receive the next part.

        Raises:
            Problem: it is too large or too late.
        """
        if self._complete:
            return await self._receive()  # waits for the caller to hang up
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            text = f"a request has to be complete after {self._settings.body_seconds:g} s"
            self.problem = Problem("request-timeout", text, headers={"Connection": "close"})
            raise self.problem from None
        self._size += len(message.get("body", b""))
        self._complete = message["type"] != "http.request" or not message.get("more_body", False)
        if self._size > self._settings.body_limit_bytes:
            self.problem = _too_large(self._settings)
            raise self.problem
        return message
