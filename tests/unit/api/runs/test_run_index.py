"""The server's root: programs are told where to start, browsers are sent to the docs."""

from __future__ import annotations

from typing import Any, cast

import pytest

from scriptrun import __version__
from scriptrun.api.app import build_app, build_document
from scriptrun.api.context import Context
from scriptrun.api.settings import ApiSettings
from unit.pipeline.asgi import Reply, ask

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


async def _ask(accept: str) -> Reply:
    nobody = cast(Any, None)  # nothing of the cluster is asked for, and no token
    app = build_app(Context(nobody, nobody, nobody, nobody, ApiSettings(), nobody))
    return await ask(app, "GET", "/", headers=((b"accept", accept.encode()),) if accept else ())


@pytest.mark.parametrize("accept", ["", "*/*", "application/json"])
async def test_a_program_is_told_where_to_start(accept: str) -> None:
    reply = await _ask(accept)
    assert (reply.status, reply.headers["content-type"], reply.headers["vary"]) == (200, "application/json", "Accept")
    assert reply.body == {
        "name": "scriptrun",
        "version": __version__,
        "docs": "/docs",
        "openapi": "/openapi.json",
        "api": "/api/v1",
        "health": "/healthz",
    }
    paths = build_document()["paths"]
    assert {reply.body["docs"], reply.body["health"]} <= paths.keys()
    assert any(path.startswith(reply.body["api"]) for path in paths)


async def test_a_browser_is_sent_to_the_docs() -> None:
    reply = await _ask(BROWSER)
    assert (reply.status, reply.headers["location"], reply.headers["vary"]) == (302, "docs", "Accept")
    assert reply.text == ""
