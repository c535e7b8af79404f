"""A run whose passes fail says so in its status, and goes on once they don't."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from builders import run_body, run_facts, script_body, settings
from scriptrun.errors import Conflict, Forbidden, KubeError, Unavailable, WorkersBusy
from scriptrun.policies.failed_pass import decide_failed_pass
from scriptrun.policies.verdict import Wait
from unit.controller.cluster import Cluster
from unit.controller.plans import Fate, Plan
from unit.controller.replica import GOOD_FEED, Replica
from unit.controller.server import NO_FAULTS, Body, Server, Write
from unit.controller.virtualtime import run_virtually

AWAY = 'Internal error occurred: failed calling webhook "jobs.example.org"'
SOURCE = {"configMap": {"name": "scripts", "key": "hello.py"}}


class _World:
    """A cluster, an operator, and requests of its that fail as long as `error` is set."""

    def __init__(self, fate: Fate = "good", **script: Any) -> None:
        self.server, noise, self.writes = Server(), random.Random(3), list[Write]()
        self.server.create("scripts", script_body(startDeadlineSeconds=40, **script))
        uid = self.server.create("scriptruns", run_body("held"))["metadata"]["uid"]
        self.cluster = Cluster(self.server, noise, {uid: Plan((fate,))})
        self.replica = Replica(self.server, noise, NO_FAULTS, GOOD_FEED, settings(), self.writes)
        self.error: KubeError | None = None

    def refuse(self, verb: str, plural: str) -> None:
        """Have one kind of request fail while `error` is set."""
        original: Callable[..., Any] = getattr(self.replica.client, verb)

        async def call(resource: Any, *arguments: Any, **options: Any) -> Body:
            if self.error is not None and resource.plural == plural:
                raise self.error
            return dict(await original(resource, *arguments, **options))

        setattr(self.replica.client, verb, call)

    async def end(self) -> None:
        await self.replica.crash()
        await self.cluster.stop()

    def status(self, name: str = "held") -> Body:
        found = self.server.find("scriptruns", name)
        assert found is not None
        return dict(found.get("status") or {})

    def count_writes(self) -> int:
        return sum(write.resource == "scriptruns/status" for write in self.writes)


def test_what_keeps_a_job_from_being_made_is_said_once_and_then_the_run_goes_on() -> None:
    async def play() -> tuple[Body, int, Body]:
        world = _World()
        world.refuse("create", "jobs")
        world.error = Unavailable(AWAY, 500)
        await world.replica.start()
        await asyncio.sleep(4)
        assert world.status() == {}, "it may pass"
        await asyncio.sleep(40)
        held, writes = world.status(), world.count_writes()
        world.error = None
        await asyncio.sleep(60)
        await world.end()
        return held, writes, world.status()

    held, writes, ended = run_virtually(play())
    assert (held["phase"], held["reason"]) == ("Pending", "ReconcileError")
    assert held["message"] == f"the operator can't reconcile this run and will retry: {AWAY}"
    [accepted] = held["conditions"]
    assert (accepted["type"], accepted["status"], accepted["reason"]) == ("Accepted", "Unknown", "ReconcileError")
    assert writes == 1
    assert (ended["phase"], ended["reason"]) == ("Succeeded", "Completed")


def test_a_run_that_has_begun_keeps_what_its_status_says() -> None:
    async def play() -> tuple[Body, Body, Body]:
        world = _World("hangs")
        world.refuse("list", "pods")
        await world.replica.start()
        await asyncio.sleep(20)
        before = world.status()
        world.error = Forbidden("pods is forbidden: no verb list", 403)
        await asyncio.sleep(70)  # a resync asks the API server
        held = world.status()
        world.error = None
        await asyncio.sleep(70)
        await world.end()
        return before, held, world.status()

    before, held, after = run_virtually(play())
    assert before["phase"] == "Running"
    assert held["reason"] == "ReconcileError"
    assert "pods is forbidden: no verb list" in held["message"]
    assert {key: value for key, value in held.items() if key not in ("reason", "message")} == before
    assert after == before


def test_a_source_that_may_not_be_read_ends_at_the_start_deadline_and_holds_nobody_up() -> None:
    async def play() -> tuple[Body, Body]:
        world = _World(source=SOURCE, maxConcurrentRuns=1)
        world.refuse("get", "configmaps")
        world.error = Forbidden('configmaps "scripts" is forbidden', 403)
        await world.replica.start()
        await asyncio.sleep(20)
        held = world.status()
        assert world.replica.loop.cache.slots.count_turn(run_facts("other")) == (0, 0)
        await asyncio.sleep(40)
        await world.end()
        return held, world.status()

    held, ended = run_virtually(play())
    assert (held["phase"], held["reason"]) == ("Pending", "Forbidden")
    assert (ended["phase"], ended["reason"]) == ("Failed", "Unschedulable")
    assert ended["message"] == 'configmaps "scripts" is forbidden (startDeadlineSeconds 40 is over)'


def test_a_defect_is_named_without_its_words() -> None:
    wait = decide_failed_pass(KeyError("a secret"), 0)
    assert wait == Wait(
        "ReconcileError", "the operator can't reconcile this run and will retry: a defect (KeyError), see its log"
    )


@pytest.mark.parametrize("error", [Unavailable("x"), Conflict("x"), WorkersBusy("x")])
def test_what_passes_by_itself_is_told_once_it_lasts(error: Exception) -> None:
    assert decide_failed_pass(error, 4.9) is None
    assert decide_failed_pass(error, 5.0) is not None
