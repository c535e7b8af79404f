"""The status of a Bridge: written to the Bridge that it tells of, and to no other of its name."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from builders import script_body
from unit.bridges.orchestrator import Job, Orchestrator
from unit.bridges.replica import BridgeReplica, Leases
from unit.bridges.simulation import BRIDGE, LEASE_SECONDS, bridge_body
from unit.controller.replica import GOOD_FEED
from unit.controller.server import NO_FAULTS, Server
from unit.controller.virtualtime import run_virtually


def _before_each_status(server: Server, act: Callable[[dict[str, Any]], None]) -> None:
    """Do something at the worst moment: when the status of a Bridge has arrived and is not written yet."""
    apply = server.apply_status

    def meddle(plural: str, name: str, patch: Any, manager: str) -> Any:
        if plural == "bridges":
            act(patch)
        return apply(plural, name, patch, manager)

    server.apply_status = meddle  # type: ignore[method-assign]


def _start() -> tuple[Server, Orchestrator, BridgeReplica]:
    server, orchestrator, noise = Server(), Orchestrator(LEASE_SECONDS), random.Random(5)
    server.create("scripts", script_body("hello.py"))
    server.create("bridges", bridge_body())
    replica = BridgeReplica((server, orchestrator, Leases(exclusive=True)), noise, NO_FAULTS, GOOD_FEED, [])
    return server, orchestrator, replica


def test_a_bridge_made_anew_has_none_of_the_words_of_the_one_before() -> None:
    async def play() -> list[dict[str, Any]]:
        server, orchestrator, replica = _start()
        made_anew: list[str] = []

        def make_anew(body: dict[str, Any]) -> None:
            if body["status"]["claimed"] and not made_anew:
                server.change("bridges", BRIDGE, {"metadata": {"finalizers": []}})
                server.delete("bridges", BRIDGE)
                made_anew.append(server.create("bridges", bridge_body())["metadata"]["uid"])

        _before_each_status(server, make_anew)
        statuses: list[dict[str, Any]] = []

        def watch(plural: str, _event: str, body: dict[str, Any]) -> None:
            if plural == "bridges" and made_anew and body["metadata"]["uid"] == made_anew[0] and "status" in body:
                statuses.append(body["status"])

        server.watchers.append(watch)
        replica.start()
        await asyncio.sleep(3)
        orchestrator.add(Job("t0", 3, {"script": "hello.py"}))
        await asyncio.sleep(60)
        await replica.stop()
        return statuses

    statuses = run_virtually(play())
    assert statuses, "the new Bridge is served"
    assert {status["claimed"] for status in statuses} == {0}


def test_a_bridge_that_was_edited_meanwhile_gets_its_status_all_the_same() -> None:
    """The last one, too, which nobody writes again: its counts are where the next process goes on from."""

    async def play() -> dict[str, Any]:
        server, orchestrator, replica = _start()

        def edit(_body: dict[str, Any]) -> None:
            server.change("bridges", BRIDGE, {"metadata": {"annotations": {"edited": "once"}}})

        replica.start()
        await asyncio.sleep(3)
        orchestrator.add(Job("t0", 3, {"script": "hello.py"}))
        await asyncio.sleep(2)
        _before_each_status(server, edit)
        await replica.stop()
        found = server.find("bridges", BRIDGE)
        assert found is not None
        status: dict[str, Any] = found["status"]
        return status

    assert run_virtually(play())["claimed"] == 1
