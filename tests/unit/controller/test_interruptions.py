"""A run or Script of which the process dies: counted in its status, and set aside at the third time in a row."""

import asyncio
import random
import signal
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from builders import at, job_body, run_body, script_body, settings
from scriptrun.controller.cache import Cache
from scriptrun.controller.control_loop import Clients, Clocks, ControlLoop
from scriptrun.controller.informer import WorkItem
from scriptrun.controller.interruptions import Interruptions, name_work
from scriptrun.controller.observe import observe_run, observe_script
from scriptrun.desired.interruptions import FIELD_MANAGER
from scriptrun.errors import Unavailable
from scriptrun.kube.client import Client
from scriptrun.runtime.mark_file import MarkFile
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits
from unit.controller.server import NO_FAULTS, Body, Faults, Server, ServerClient

RUN: WorkItem = ("run", "space", "hello-1")
SCRIPT: WorkItem = ("script", "space", "hello.py")


class _World:
    """A cluster with a Script and a run, and the operator's part that matters here."""

    def __init__(self, folder: Path) -> None:
        self.server, self.folder = Server(), folder
        self.seconds = 0.0
        self.server.create("scripts", script_body())
        self.server.create("scriptruns", run_body())
        self._client = self._connect("scriptrun")
        self.counting = self._connect(FIELD_MANAGER)
        self.begin_life()

    def _connect(self, manager: str) -> ServerClient:
        return ServerClient(self.server, random.Random(1), NO_FAULTS, [], manager=manager)

    def begin_life(self) -> Interruptions:
        """The process starts, with the mark of its previous life."""
        self.mark = MarkFile(self.folder)
        clients = Clients(cast(Client, self._client), cast(Client, self.counting))
        clocks = Clocks(lambda: at(10), lambda: self.seconds)
        self.loop = ControlLoop(clients, WorkerPool(WorkerLimits()), settings(), self.mark, clocks)
        self.refresh()
        return self.loop.interruptions

    @property
    def cache(self) -> Cache:
        return self.loop.cache

    async def die(self, item: WorkItem) -> None:
        """The process dies at a piece of work, starts again, and counts that."""
        self.mark.begin(name_work(item))
        self.mark.close()
        await self.begin_life().record()

    def refresh(self) -> None:
        """Take note of everything, as the watches do."""
        for body in self.server.of_kind("scripts"):
            self.cache.scripts["space", body["metadata"]["name"]] = observe_script(body)
        for body in self.server.of_kind("scriptruns"):
            self.cache.put_run(observe_run(body))

    async def do_pass(self, item: WorkItem) -> None:
        """One pass."""
        await self.loop.reconcile(item)

    def status(self, plural: str) -> dict[str, Any]:
        [body] = self.server.of_kind(plural)
        return dict(body.get("status") or {})

    def ready(self) -> Body:
        [condition] = self.status("scripts")["conditions"]
        return dict(condition)


@pytest.fixture
async def world(tmp_path: Path) -> _World:
    return _World(tmp_path)


async def test_a_process_that_ended_between_two_steps_counts_nothing(world: _World) -> None:
    world.mark.close()
    await world.begin_life().record()
    assert world.status("scriptruns") == {}


async def test_each_death_is_counted_in_the_runs_status_and_known_before_any_work(world: _World) -> None:
    for times in (1, 2):
        await world.die(RUN)
        assert world.status("scriptruns") == {"interruptions": times}
        assert world.cache.runs["space", "hello-1"].status == {"interruptions": times}
        assert world.mark.read() == ""


async def test_what_else_the_status_says_stays_and_is_not_taken_for_news(world: _World) -> None:
    await world.do_pass(RUN)  # gets its Job
    job = world.server.find("jobs", "hello-1")
    await world.die(RUN)
    await world.do_pass(RUN)
    assert world.status("scriptruns") == {"interruptions": 1}
    assert world.server.find("jobs", "hello-1") == job


async def test_at_the_third_death_the_run_ends_and_its_job_is_stopped(world: _World) -> None:
    await world.do_pass(RUN)
    for _ in range(3):
        await world.die(RUN)
    await world.do_pass(RUN)
    status = world.status("scriptruns")
    assert (status["phase"], status["reason"], status["jobName"]) == ("Failed", "OperatorCrashed", "hello-1")
    assert "died 3 times in a row while it worked on this run" in status["message"]
    job = world.server.find("jobs", "hello-1")
    assert job is not None
    assert job["spec"]["suspend"] is True


async def test_a_run_that_has_no_job_yet_is_set_aside_without_one(world: _World) -> None:
    for _ in range(3):
        await world.die(RUN)
    await world.do_pass(RUN)
    assert world.status("scriptruns")["reason"] == "OperatorCrashed"
    assert world.server.of_kind("jobs") == world.server.of_kind("configmaps") == []


async def test_the_attempts_that_are_known_stay_in_the_status(world: _World) -> None:
    attempts = [{"number": 1, "pod": "hello-1-0-aaaaa", "startedAt": "2026-11-21T12:00:03.000Z"}]
    run = world.cache.runs["space", "hello-1"]
    world.server.create("jobs", job_body(run))
    status = {"phase": "Running", "jobName": "hello-1", "attempts": attempts, "attemptCount": 1}
    world.server.apply_status("scriptruns", "hello-1", {"metadata": {}, "status": status}, "scriptrun")
    for _ in range(3):
        await world.die(RUN)
    world.refresh()
    await world.do_pass(RUN)
    ended = world.status("scriptruns")
    assert ended["reason"] == "OperatorCrashed"
    assert ended["attempts"] == attempts


async def test_a_pass_that_ends_well_after_a_minute_of_work_ends_the_row(world: _World) -> None:
    await world.die(RUN)
    await world.do_pass(RUN)
    world.seconds = 59.0
    await world.do_pass(RUN)
    assert world.status("scriptruns")["interruptions"] == 1
    world.seconds = 60.0
    await world.do_pass(RUN)
    assert "interruptions" not in world.status("scriptruns")
    for _ in range(2):
        await world.die(RUN)
    await world.do_pass(RUN)
    assert world.status("scriptruns") == {"interruptions": 2}


async def test_without_deaths_nothing_is_written_for_it(world: _World) -> None:
    world.seconds = 1000.0
    await world.do_pass(RUN)
    await world.do_pass(SCRIPT)
    assert world.counting.reads == []
    assert "interruptions" not in world.status("scripts")


async def test_a_run_that_is_over_or_gone_is_not_counted(world: _World) -> None:
    ended = {"phase": "Succeeded", "finishedAt": "2026-11-21T12:00:05.000Z"}
    world.server.apply_status("scriptruns", "hello-1", {"metadata": {}, "status": ended}, "scriptrun")
    await world.die(RUN)
    assert world.status("scriptruns") == ended
    world.server.delete("scriptruns", "hello-1")
    await world.die(RUN)
    assert world.mark.read() == ""


async def test_what_is_no_name_of_work_is_forgotten(world: _World) -> None:
    for work in ("", "nonsense", "run space", "bridge space/x", "run /x"):
        world.mark.begin(work)
        world.mark.close()
        await world.begin_life().record()
        assert world.mark.read() == ""
    assert world.status("scriptruns") == {}


async def test_a_death_is_counted_even_if_the_api_server_is_away_at_first(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scriptrun.controller.interruptions._AGAIN_SECONDS", 0.01)
    world.counting.faults = Faults(rate=1.0, latency=0.0)
    counting = asyncio.create_task(world.die(RUN))
    await asyncio.sleep(0.05)
    assert not counting.done()
    assert world.mark.read() == "run space/hello-1"  # should it die now, its next life counts it
    world.counting.faults = NO_FAULTS
    await counting
    assert world.status("scriptruns")["interruptions"] >= 1
    assert world.mark.read() == ""


async def test_a_script_is_not_ready_after_three_deaths_and_its_runs_are_refused(world: _World) -> None:
    for _ in range(3):
        await world.die(SCRIPT)
    await world.do_pass(SCRIPT)
    ready = world.ready()
    assert (ready["status"], ready["reason"]) == ("False", "OperatorCrashed")
    assert "A change of its spec lets it be tried again" in ready["message"]
    await world.do_pass(RUN)
    status = world.status("scriptruns")
    assert status["reason"] == "ScriptNotAllowed"
    assert status["message"].startswith('Script "hello.py" is not ready: the operator')


async def test_a_script_whose_spec_has_changed_is_tried_again_and_counted_anew(world: _World) -> None:
    for _ in range(3):
        await world.die(SCRIPT)
    await world.do_pass(SCRIPT)
    await world.do_pass(SCRIPT)  # as it is, it stays aside
    assert world.ready()["reason"] == "OperatorCrashed"
    world.server.change("scripts", "hello.py", {"spec": {"source": {"inline": "print('better')"}}})
    world.refresh()
    await world.loop.interruptions.reopen(SCRIPT)
    await world.die(SCRIPT)  # before the pass has ended
    assert world.status("scripts")["interruptions"] == 1
    await world.do_pass(SCRIPT)
    assert world.ready()["reason"] == "Ready"


POISON = """
import asyncio, os, signal, sys
from pathlib import Path
from scriptrun.runtime.mark_file import MarkFile
from scriptrun.runtime.steps import Steps

async def reconcile():
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGKILL)

mark = MarkFile(Path(sys.argv[1]))
asyncio.run(asyncio.wait_for(Steps(mark.begin, mark.end).follow("run space/hello-1", reconcile()), 60))
"""


async def test_a_pass_that_really_kills_its_process_does_so_three_times(world: _World) -> None:
    world.mark.close()
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    deaths = 0
    while "reason" not in world.status("scriptruns"):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", POISON, str(world.folder), env=environment)
        assert await process.wait() == -signal.SIGKILL
        deaths += 1
        await world.begin_life().record()
        if world.status("scriptruns")["interruptions"] >= 3:
            await world.do_pass(RUN)
        world.mark.close()
    assert deaths == 3
    assert world.status("scriptruns")["reason"] == "OperatorCrashed"


async def test_a_conflict_while_counting_is_tried_again(world: _World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scriptrun.controller.interruptions._AGAIN_SECONDS", 0.0)
    patch, calls = world.counting.patch, 0

    async def disturbed(*arguments: Any, **options: Any) -> Body:
        nonlocal calls
        calls += 1
        if calls == 1:
            world.server.change("scriptruns", "hello-1", {"metadata": {"annotations": {"by": "somebody"}}})
        if calls == 2:
            raise Unavailable("away", 503)
        return await patch(*arguments, **options)

    monkeypatch.setattr(world.counting, "patch", disturbed)
    await world.die(RUN)
    assert calls == 3
    assert world.status("scriptruns") == {"interruptions": 1}
