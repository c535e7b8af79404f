"""A server in this process that gives the answers it was told to, and remembers what it was asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from aiohttp import web


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    query: dict[str, str]


@dataclass
class StandIn:
    """Answers in turn; the last answer again and again.

    Attributes:
        address: base URL.
        asked: every request.
    """

    address: str
    answers: list[web.Response]
    asked: list[Asked] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        body = (await request.read()).decode()
        self.asked.append(Asked(request.method, request.path, dict(request.headers), body, dict(request.query)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        # An answer can be sent once only.
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def say(status: int, document: Any = None, **headers: str) -> web.Response:
    """An answer with a JSON body, or with none."""
    if document is None:
        return web.Response(status=status, headers=headers)
    return web.json_response(document, status=status, headers=headers)


def say_text(status: int, text: str, content_type: str = "text/plain", **headers: str) -> web.Response:
    """An answer with another body."""
    return web.Response(status=status, text=text, content_type=content_type, headers=headers)


def refuse(status: int, title: str, detail: str) -> web.Response:
    """A refusal as Zeebe words it."""
    return say(status, {"type": "about:blank", "title": title, "status": status, "detail": detail})


@asynccontextmanager
async def serve(*answers: web.Response) -> AsyncIterator[StandIn]:
    """Serve these answers on loopback."""
    standin = StandIn("", list(answers))
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_route("*", "/{path:.*}", standin.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sockets = cast(Any, site)._server.sockets
    standin.address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    try:
        yield standin
    finally:
        await runner.cleanup()
