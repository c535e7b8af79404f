"""What every adapter promises, whatever its orchestrator: one set of tests for all.

A module of tests inherits ``Contract`` and gives the fixture ``engine``.
"""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any, Protocol

import pytest

from scriptrun.errors import Gone, Rejected
from scriptrun.models.reasons import Reason
from scriptrun.orchestrators.adapter import Adapter, Handle, Outcome, Task, TaskFailure

CLAIM_SECONDS = 20.0
LEASE_SECONDS = 60

DONE = Outcome(status="COMPLETED", output={"answer": 42, "text": "ä€𝄞", "list": [1, {"a": None}]})
FAILED = Outcome(
    status="FAILED", failure=TaskFailure(Reason.SCRIPT_FAILED, "exit code 3: it hurts"), back_off_seconds=1.0
)
HOPELESS = Outcome(status="FAILED", failure=TaskFailure(Reason.SCRIPT_NOT_ALLOWED, "no such Script"))


class Engine(Protocol):
    """A real orchestrator with one kind of work in it, a test's own, which may be tried twice."""

    def open(self) -> Adapter:
        """An adapter of the work; the engine closes it when the test is over."""
        ...

    async def start(self, variables: dict[str, Any]) -> None:
        """Start one workflow, which hands out one task and ends with its output."""
        ...

    async def run(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Start one workflow and wait until it has completed; returns what came out of its task."""
        ...

    async def cancel(self, task: Task) -> None:
        """Cancel a task's workflow."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Let back-offs and leases lapse."""
        ...

    def is_settled(self, outcome: str) -> bool:
        """Whether what ``report`` returned says that the task was completed."""
        ...


async def claim_one(adapter: Adapter, seconds: float = CLAIM_SECONDS) -> Task:
    """Claim one task; several polls may be needed until the engine has made it."""
    async with asyncio.timeout(seconds):
        while True:
            if tasks := await adapter.claim(1):
                (task,) = tasks
                return task


def keep(handle: Handle) -> Handle:
    """What is left of a handle after the process that had it died: its JSON."""
    kept: Handle = json.loads(json.dumps(handle))
    return kept


async def report_again(report: Awaitable[str]) -> None:
    """Make a report that was made already: confirmed once more, or not ours any more."""
    try:
        await report
    except Gone:
        return


class Contract:
    """The tests."""

    async def test_a_task_carries_its_input_and_returns_its_output(self, engine: Engine) -> None:
        adapter = engine.open()
        ended = asyncio.ensure_future(engine.run({"name": "Ada", "deep": {"list": [1, 2.5, None, True]}}))
        task = await claim_one(adapter)
        assert task.problem is None
        assert task.variables["name"] == "Ada"
        assert task.variables["deep"] == {"list": [1, 2.5, None, True]}
        assert task.script == "hello"
        assert task.id
        assert task.workflow_id
        assert engine.is_settled(await adapter.report(keep(task.handle), DONE))
        out = await ended
        assert {name: out[name] for name in DONE.output} == DONE.output

    async def test_no_work_is_an_empty_list(self, engine: Engine) -> None:
        assert await engine.open().claim(5) == []

    async def test_no_more_is_claimed_than_there_is_room_for(self, engine: Engine) -> None:
        for number in range(5):
            await engine.start({"number": number})
        adapter, found = engine.open(), dict[str, Task]()
        async with asyncio.timeout(CLAIM_SECONDS):
            while len(found) < 5:
                tasks = await adapter.claim(2)
                assert len(tasks) <= 2
                found |= {task.identity: task for task in tasks}
        assert sorted(task.variables["number"] for task in found.values()) == [0, 1, 2, 3, 4]

    async def test_no_two_workers_get_the_same_task(self, engine: Engine) -> None:
        for number in range(12):
            await engine.start({"number": number})

        async def work(adapter: Adapter) -> list[Task]:
            mine: list[Task] = []
            while tasks := await adapter.claim(3):
                mine += tasks
            return mine

        claimed = await asyncio.gather(*(work(engine.open()) for _ in range(3)))
        identities = [task.identity for tasks in claimed for task in tasks]
        assert len(identities) == len(set(identities)) == 12

    async def test_a_failed_task_comes_again_as_another_attempt(self, engine: Engine) -> None:
        adapter = engine.open()
        ended = asyncio.ensure_future(engine.run({}))
        first = await claim_one(adapter)
        await adapter.report(first.handle, FAILED)
        await engine.pass_time(2)
        second = await claim_one(adapter)
        assert second.identity != first.identity
        assert second.workflow_id == first.workflow_id
        await adapter.report(second.handle, DONE)
        assert (await ended)["answer"] == 42

    async def test_what_is_hopeless_is_not_tried_again(self, engine: Engine) -> None:
        adapter = engine.open()
        await engine.start({})
        task = await claim_one(adapter)
        await adapter.report(task.handle, HOPELESS)
        await engine.pass_time(LEASE_SECONDS + 1)
        assert await adapter.claim(1) == []

    async def test_a_report_may_be_repeated(self, engine: Engine) -> None:
        adapter = engine.open()
        ended = asyncio.ensure_future(engine.run({}))
        task = await claim_one(adapter)
        await adapter.report(task.handle, DONE)
        await report_again(adapter.report(keep(task.handle), DONE))
        assert (await ended)["answer"] == 42
        assert await adapter.claim(1) == []

    async def test_a_repeated_failure_takes_one_attempt_away_not_two(self, engine: Engine) -> None:
        adapter = engine.open()
        ended = asyncio.ensure_future(engine.run({}))
        task = await claim_one(adapter)
        await adapter.report(task.handle, FAILED)
        await report_again(adapter.report(keep(task.handle), FAILED))
        await engine.pass_time(2)
        again = await claim_one(adapter)
        await adapter.report(again.handle, DONE)
        assert (await ended)["answer"] == 42

    async def test_an_extended_claim_stays_ours(self, engine: Engine) -> None:
        adapter = engine.open()
        await engine.start({})
        task = await claim_one(adapter)
        await engine.pass_time(LEASE_SECONDS * 0.6)
        await adapter.extend(keep(task.handle))
        await engine.pass_time(LEASE_SECONDS * 0.6)
        assert await engine.open().claim(1) == []
        assert engine.is_settled(await adapter.report(task.handle, DONE))

    async def test_a_claim_that_nobody_extends_comes_again(self, engine: Engine) -> None:
        await engine.start({"number": 1})
        await claim_one(engine.open())
        await engine.pass_time(LEASE_SECONDS + 1)
        assert (await claim_one(engine.open())).variables["number"] == 1

    async def test_a_canceled_task_is_gone(self, engine: Engine) -> None:
        adapter = engine.open()
        await engine.start({})
        task = await claim_one(adapter)
        await engine.cancel(task)
        with pytest.raises(Gone):
            await adapter.extend(task.handle)
        for outcome in (DONE, FAILED):
            with pytest.raises(Gone):
                await adapter.report(task.handle, outcome)

    async def test_an_output_that_is_too_large_can_still_be_failed(self, engine: Engine) -> None:
        adapter = engine.open()
        await engine.start({})
        task = await claim_one(adapter)
        with pytest.raises(Rejected, match=r"\d{8} bytes"):
            await adapter.report(task.handle, Outcome(status="COMPLETED", output={"a": "x" * 12_000_000}))
        failure = TaskFailure(Reason.OUTPUT_TOO_LARGE, "too large")
        await adapter.report(task.handle, Outcome(status="FAILED", failure=failure))
        await report_again(adapter.report(task.handle, DONE))
        await engine.pass_time(LEASE_SECONDS + 1)
