"""A run that was deleted, and another of its name: what is found out about the one is never written to the other."""

import random
from typing import cast

import pytest

from builders import at, run_body
from scriptrun.controller.cache import Cache
from scriptrun.controller.informer import WorkItem
from scriptrun.controller.observe import observe_run
from scriptrun.controller.runs.writer import RunWriter
from scriptrun.desired.status import build_end
from scriptrun.kube.client import Client
from scriptrun.models.facts import RunFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.verdict import Verdict
from scriptrun.runtime.work_queue import WorkQueue
from unit.controller.server import NO_FAULTS, Server, ServerClient

LOST = Verdict(Reason.OUTPUT_LOST, "its Job was deleted")


class _World:
    """A run that the cache knows."""

    def __init__(self) -> None:
        self.server, self.cache, self.queue = Server(), Cache(), WorkQueue[WorkItem]()
        client = cast(Client, ServerClient(self.server, random.Random(1), NO_FAULTS, []))
        self.runs = RunWriter(client, self.cache, self.queue, lambda: at(10))
        self.run = observe_run(self.server.create("scriptruns", run_body("twin")))
        self.cache.put_run(self.run)

    async def end(self, run: RunFacts) -> bool:
        return await self.runs.write(run, build_end(run, LOST, [], None, "twin", at(9)))

    @property
    def status(self) -> dict[str, object]:
        found = self.server.find("scriptruns", "twin")
        assert found is not None
        return dict(found.get("status") or {})


@pytest.fixture
async def world() -> _World:
    return _World()


async def test_the_end_of_one_is_not_that_of_the_other(world: _World) -> None:
    world.server.delete("scriptruns", "twin")
    other = observe_run(world.server.create("scriptruns", run_body("twin")))
    assert not await world.end(world.run)
    assert world.status == {}
    # It is looked at anew, though no event of it has come.
    assert len(world.queue) == 1
    assert await world.runs.observe(world.run.key) == other


async def test_one_that_has_changed_meanwhile_is_looked_at_anew_and_ended_then(world: _World) -> None:
    world.server.change("scriptruns", "twin", {"metadata": {"annotations": {"by": "somebody"}}})
    assert not await world.end(world.run)
    assert world.status == {}
    again = await world.runs.observe(world.run.key)
    assert again is not None
    assert again.version > world.run.version
    assert await world.end(again)
    assert world.status["reason"] == "OutputLost"


async def test_one_that_is_gone_is_forgotten(world: _World) -> None:
    world.server.delete("scriptruns", "twin")
    assert not await world.end(world.run)
    assert await world.runs.observe(world.run.key) is None
