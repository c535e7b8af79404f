"""The reflector against a server in this process: what it tells of when lists are long and watches break."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from scriptrun.kube import reflector
from scriptrun.kube.reflector import Reflector, Selection
from scriptrun.kube.resources import JOBS
from unit.kube.test_client import serve

Event = tuple[str, str]


def job(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"namespace": "team", "name": name, "resourceVersion": str(version)}}


class Script:
    """What the server answers, in order, and what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.asked: list[dict[str, str]] = []
        self.answered = asyncio.Event()
        self.over = asyncio.Event()
        self._answers = list(answers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        if not self._answers:
            self.answered.set()
            await self.over.wait()  # a watch in which nothing happens
            return web.Response()
        answer = self._answers.pop(0)
        if isinstance(answer, int):
            return web.json_response({"kind": "Status", "code": answer, "message": "no"}, status=answer)
        if isinstance(answer, dict):
            return web.json_response(answer)
        response = web.StreamResponse()
        await response.prepare(request)
        for event in answer:
            if event is None:
                assert request.transport is not None
                request.transport.abort()  # in the middle of the stream
                break
            await response.write(json.dumps(event).encode() + b"\n")
        return response


@asynccontextmanager
async def following(script: Script, monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[list[Event]]:
    monkeypatch.setattr(reflector, "_PAUSE_SECONDS", 0)
    seen: list[Event] = []

    def note(event: str, body: dict[str, Any]) -> None:
        if body["metadata"]["name"] == "unreadable":
            raise ValueError("nobody can read this")
        seen.append((event, body["metadata"]["name"]))

    async with serve(script.handle) as client:
        followed = Reflector(client, JOBS, Selection("mine", "status.successful!=1"), note, **options)
        task = asyncio.create_task(followed.run("team"))
        try:
            async with asyncio.timeout(10):
                await script.answered.wait()
            assert followed.is_synced()
            yield seen
        finally:
            script.over.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def page(*items: dict[str, Any], version: int = 5, token: str = "") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": str(version), "continue": token}, "items": list(items)}


def event(kind: str, name: str, version: int) -> dict[str, Any]:
    return {"type": kind, "object": job(name, version)}


async def test_it_lists_page_by_page_then_watches_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(
        page(job("a", 1), token="more"),
        page(job("b", 2), version=7),
        [event("MODIFIED", "a", 8), event("DELETED", "b", 9)],
    )
    async with following(script, monkeypatch) as seen:
        assert seen == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
    first, second, watch, again = script.asked[:4]
    assert (first["labelSelector"], first["fieldSelector"]) == ("mine", "status.successful!=1")
    assert "continue" not in first
    assert second["continue"] == "more"
    assert watch["resourceVersion"] == "7"
    assert again["resourceVersion"] == "9", "the next watch goes on where the last one ended"


async def test_a_bookmark_moves_on_without_being_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(page(), [event("BOOKMARK", "", 40)])
    async with following(script, monkeypatch) as seen:
        pass
    assert seen == []
    assert script.asked[2]["resourceVersion"] == "40"


@pytest.mark.parametrize(
    "end",
    [
        410,
        [{"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}],
        [{"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "etcd"}}],
        [event("ADDED", "b", 6), None],
        503,
    ],
    ids=["expired", "expired within", "error within", "cut off", "away"],
)
async def test_a_broken_watch_is_followed_by_a_new_list(monkeypatch: pytest.MonkeyPatch, end: Any) -> None:
    script = Script(page(job("a", 1)), end, page(job("a", 1), job("c", 30), version=31))
    async with following(script, monkeypatch) as seen:
        pass
    assert ("ADDED", "c") in seen
    assert "resourceVersion" not in script.asked[2]
    assert script.asked[3]["resourceVersion"] == "31"


async def test_an_object_that_cannot_be_read_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(page(job("unreadable", 1), job("a", 2)), [event("ADDED", "unreadable", 6), event("ADDED", "b", 7)])
    async with following(script, monkeypatch) as seen:
        assert seen == [("ADDED", "a"), ("ADDED", "b")]


async def test_each_list_says_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, set[tuple[str, str]], int]] = []
    script = Script(page(job("a", 1), token="more"), page(job("b", 2), version=7))
    async with following(script, monkeypatch, on_listed=lambda *facts: told.append(facts)):
        pass
    assert told == [("team", {("team", "a"), ("team", "b")}, 7)]
