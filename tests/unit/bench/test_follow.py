"""What benchmarks follow is not lost when the API server ends a watch."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from bench.follow import Follower, states_of_job
from scriptrun.kube.client import Client
from scriptrun.kube.resources import JOBS

COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}


def _job(name: str, status: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": status}


class Server:
    """Lists what there is each time, and tells what happens in between; after the last it is silent."""

    def __init__(self, lists: list[list[dict[str, Any]]], watches: list[list[dict[str, Any]]]) -> None:
        self._lists = lists
        self._watches = watches

    async def list(self, *_: object, **_query: str) -> dict[str, Any]:
        return {"items": self._lists.pop(0), "metadata": {"resourceVersion": "1"}}

    async def watch(self, *_: object, **_query: str) -> AsyncIterator[dict[str, Any]]:
        if not self._watches:
            await asyncio.Event().wait()
        for event in self._watches.pop(0):
            yield event


def _follow(server: Server) -> Follower:
    return Follower(cast(Client, server), JOBS, "bench", states_of_job)


async def test_what_happened_between_two_watches_is_seen() -> None:
    added = {"type": "ADDED", "object": _job("a", {})}
    server = Server([[], [_job("a", COMPLETE), _job("b", COMPLETE)]], [[added]])
    async with _follow(server) as jobs:
        await jobs.wait("b", "complete", 5)
        assert jobs.seen["a"]["created"] <= jobs.seen["a"]["complete"]
        await jobs.wait_all(["a", "b"], "complete", 5)


async def test_a_watch_that_fails_is_said_at_once() -> None:
    async with _follow(Server([[]], [[{"type": "ERROR", "object": {"code": 410}}]])) as jobs:
        with pytest.raises(RuntimeError, match="the watch of jobs failed"):
            await jobs.wait("a", "complete", 5)
