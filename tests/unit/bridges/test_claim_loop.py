"""What a bridge claims: as much as there is room for, whatever an orchestrator hands out."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from builders import script_body
from scriptrun.errors import AnswerTooLarge
from unit.bridges.orchestrator import Job, Orchestrator
from unit.bridges.replica import BridgeReplica, Leases
from unit.bridges.simulation import bridge_body
from unit.bridges.workshop import Plan, Workshop
from unit.controller.conftest import quiet
from unit.controller.replica import GOOD_FEED
from unit.controller.server import Body, Faults, Server
from unit.controller.virtualtime import run_virtually

__all__ = ["quiet"]

Give = Callable[[int, float], Awaitable[list[Job]]]
Poll = Callable[[Give, int, float], Awaitable[list[Job]]]


def serve(poll: Poll, jobs: int, run_seconds: float, **bridge: Any) -> list[Body]:
    """Let a bridge poll for a minute; returns the runs that are there then."""

    async def story() -> list[Body]:
        server, orchestrator, noise = Server(), Orchestrator(), random.Random(1)
        Workshop(server, noise, lambda _: Plan(("good",), run_seconds))
        server.create("scripts", script_body("hello.py"))
        server.create("bridges", bridge_body(**bridge))
        for number in range(jobs):
            orchestrator.add(Job(f"t{number}", 3, {"script": "hello.py"}))
        plain = orchestrator.wait_for_jobs
        orchestrator.wait_for_jobs = partial(poll, plain)  # type: ignore[method-assign]
        replica = BridgeReplica((server, orchestrator, Leases(exclusive=True)), noise, Faults(), GOOD_FEED)
        replica.start()
        await asyncio.sleep(60)
        runs = server.of_kind("scriptruns")
        await replica.crash()
        return runs

    return run_virtually(story())


def test_no_more_is_taken_than_was_asked_for() -> None:
    """An orchestrator that hands out everything it has can't fill the namespace with runs."""

    async def poll(give: Give, _limit: int, seconds: float) -> list[Job]:
        return await give(1000, seconds)

    assert len(serve(poll, 500, 1000.0, maxConcurrentRuns=3)) == 3


def test_of_what_is_too_much_at_once_fewer_are_asked_for() -> None:
    asked: list[int] = []

    async def poll(give: Give, limit: int, seconds: float) -> list[Job]:
        asked.append(limit)
        if limit > 3:
            raise AnswerTooLarge("answered with more than is read")
        return await give(limit, seconds)

    runs = serve(poll, 30, 1000.0, maxConcurrentRuns=16)
    assert asked[:4] == [16, 8, 4, 2]
    assert len(runs) == 16
