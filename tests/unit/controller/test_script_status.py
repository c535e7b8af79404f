"""The status of a Script: written to the Script that was looked at, and to no other of its name."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from builders import at, quick_checks, script_body, settings
from scriptrun.controller.cache import Cache
from scriptrun.controller.observe import observe_script
from scriptrun.controller.scripts import ScriptReconciler
from scriptrun.kube.client import Client
from unit.controller.server import NO_FAULTS, Server, ServerClient

PIN = {"configMap": {"name": "sources", "key": "hello.py", "sha256": "ab" * 32}}


class _World:
    """A Script that the cache knows, and something that happens while its status is on its way."""

    def __init__(self, meanwhile: Callable[[Server], None]) -> None:
        self.server, self.cache = Server(), Cache()
        client = ServerClient(self.server, random.Random(1), NO_FAULTS, [])
        self.reconciler = ScriptReconciler(cast(Client, client), self.cache, quick_checks(), settings(), lambda: at(10))
        self.take(self.server.create("scripts", script_body()))
        patch = client.patch

        async def meddle(*args: Any, **how: Any) -> Any:
            meanwhile(self.server)
            return await patch(*args, **how)

        client.patch = meddle  # type: ignore[method-assign]

    def take(self, body: dict[str, Any]) -> None:
        script = observe_script(body)
        self.cache.scripts[script.key] = script
        self.key = script.key

    @property
    def found(self) -> dict[str, Any]:
        body = self.server.find("scripts", "hello.py")
        assert body is not None
        return body


def _make_anew(server: Server) -> None:
    server.delete("scripts", "hello.py")
    server.create("scripts", script_body(source=PIN))


def _edit(server: Server) -> None:
    server.change("scripts", "hello.py", {"spec": {"source": {**PIN, "inline": None}}})


@pytest.mark.parametrize("meanwhile", [_make_anew, _edit])
async def test_one_that_is_another_by_now_is_not_called_ready(meanwhile: Callable[[Server], None]) -> None:
    done = []

    def once(server: Server) -> None:
        if not done:
            done.append(meanwhile(server))

    world = _World(once)
    again = await world.reconciler.reconcile(world.key)
    assert "status" not in world.found
    assert again is not None, "no news of the Script need come any more"
    world.take(world.found)
    await world.reconciler.reconcile(world.key)
    [ready] = world.found["status"]["conditions"]
    assert (ready["status"], ready["reason"]) == ("False", "SourceMissing")


async def test_one_that_is_gone_is_left_alone() -> None:
    world = _World(lambda server: None if server.find("scripts", "hello.py") is None else _delete(server))
    assert await world.reconciler.reconcile(world.key) is None


def _delete(server: Server) -> None:
    server.delete("scripts", "hello.py")
