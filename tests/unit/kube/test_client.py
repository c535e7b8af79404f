"""The client against a server in this process: what it sends, what it makes of answers, what it lets nobody do."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp
import pytest
import yaml
from aiohttp import web

from scriptrun.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    QuotaExceeded,
    TooLarge,
    Unavailable,
    UndeclaredAccess,
)
from scriptrun.kube.client import APPLY, Client
from scriptrun.kube.connection import Connection
from scriptrun.kube.resources import CONFIGMAPS, JOBS, SCRIPTRUNS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serve(handler: Handler, **options: Any) -> AsyncIterator[Client]:
    """A client of a server that answers every request by `handler`."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = cast("asyncio.Server", site._server).sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session:
        connection = Connection(session, f"http://127.0.0.1:{port}", "default", cast(Any, None), cast(Any, None))
        yield Client(connection, **options)
    await runner.cleanup()


def answer(status: int, **body: Any) -> Handler:
    async def handle(_request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    return handle


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, {"reason": "NotFound"}, NotFound),
        (409, {"reason": "AlreadyExists"}, AlreadyExists),
        (409, {"reason": "Conflict"}, Conflict),
        (403, {"reason": "Forbidden", "message": "no"}, Forbidden),
        (403, {"reason": "Forbidden", "message": "exceeded quota: runs"}, QuotaExceeded),
        (422, {"reason": "Invalid"}, Invalid),
        (422, {"reason": "Invalid", "message": 'x is invalid: metadata.uid: Invalid value: "u": immutable'}, Conflict),
        (413, {"reason": "RequestEntityTooLarge"}, TooLarge),
        (500, {"message": "etcdserver: request is too large"}, TooLarge),
        (500, {"message": "rpc error: trying to send message larger than max (3 vs. 2)"}, TooLarge),
        (500, {"message": "etcdserver: request timed out"}, Unavailable),
        (429, {}, Unavailable),
        (503, {}, Unavailable),
        (418, {}, KubeError),
    ],
)
async def test_each_refusal_has_its_error(status: int, body: dict[str, Any], expected: type[KubeError]) -> None:
    async with serve(answer(status, **body)) as client:
        with pytest.raises(KubeError) as caught:
            await client.get(JOBS, "team", "x")
    assert type(caught.value) is expected
    assert caught.value.status == status


async def test_what_is_applied_says_the_same_as_json_and_as_yaml() -> None:
    """The API server reads it as YAML, which refuses some characters and takes others for the end of a line."""
    sent: list[str] = []

    async def take(request: web.Request) -> web.Response:
        sent.append(await request.text())
        return web.json_response({})

    body = {"status": {"output": {"a\x85b": "\x7f\x80\x9f\u2028\u2029\ufffe\uffff é 🎉\n"}}}
    async with serve(take) as client:
        await client.patch(SCRIPTRUNS, ("team", "x"), body, kind=APPLY, subresource="status")
    (text,) = sent
    assert json.loads(text) == body == yaml.safe_load(text)
    assert "é 🎉" in text


async def test_a_proxys_page_is_shown_as_it_is() -> None:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(status=502, text="<html>Bad gateway</html>")

    async with serve(page) as client:
        with pytest.raises(Unavailable, match="Bad gateway"):
            await client.create(JOBS, "team", {})


async def test_a_verb_that_is_not_declared_is_not_sent() -> None:
    sent: list[str] = []

    async def note(request: web.Request) -> web.Response:
        sent.append(request.path)
        return web.json_response({})

    async with serve(note, verbs={("batch", "jobs"): frozenset({"get"})}) as client:
        await client.get(JOBS, "team", "x")
        with pytest.raises(UndeclaredAccess, match="create batch/jobs"):
            await client.create(JOBS, "team", {})
        with pytest.raises(UndeclaredAccess, match=r"patch scriptrun\.dev/scriptruns/status"):
            await client.patch(SCRIPTRUNS, ("team", "x"), {}, kind=APPLY, subresource="status")
        with pytest.raises(UndeclaredAccess, match="watch /configmaps"):
            await anext(client.watch(CONFIGMAPS))
    assert sent == ["/apis/batch/v1/namespaces/team/jobs/x"]


async def test_every_request_is_counted() -> None:
    seen: list[tuple[str, str, int]] = []

    def observe(verb: str, resource: str, status: int, _seconds: float) -> None:
        seen.append((verb, resource, status))

    async with serve(answer(404), observer=observe) as client:
        with pytest.raises(NotFound):
            await client.get(JOBS, "team", "x")
        with pytest.raises(NotFound):
            await anext(client.watch(JOBS))
    assert seen == [("get", "jobs", 404), ("watch", "jobs", 404)]


def stream(*chunks: bytes) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(0.01)
        return response

    return handle


async def test_events_are_whole_wherever_the_network_cuts_them() -> None:
    async with serve(stream(b'{"ty', b'pe": "ADDED"}\n{"type": "MODI', b'FIED"}\n', b'{"type": "DELETED"}')) as client:
        assert [event["type"] async for event in client.watch(JOBS)] == ["ADDED", "MODIFIED", "DELETED"]


async def test_an_event_that_is_cut_off_is_trouble_that_passes() -> None:
    async with serve(stream(b'{"type": "ADDED"}\n{"type": "MODI')) as client:
        events = client.watch(JOBS)
        assert (await anext(events))["type"] == "ADDED"
        with pytest.raises(Unavailable, match="cut off"):
            await anext(events)
