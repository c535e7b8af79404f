"""The worker's loop against an orchestrator that does what a test tells it to."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from scriptrun.errors import Gone, Refused, Rejected, TryLater
from scriptrun.models.reasons import Reason
from scriptrun.orchestrators.adapter import Handle, Outcome, Task, TaskFailure
from scriptrun.worker.loop import Worker
from scriptrun_runner.stop import Stop

DONE = Outcome(status="COMPLETED", output={"a": 1})


def task(name: str, delivery: int = 1, lease_seconds: float | None = None) -> Task:
    return Task(
        identity=name, id=name, type="t", handle={"id": name, "delivery": delivery}, lease_seconds=lease_seconds
    )


@dataclass
class Orchestrator:
    """Hands out batches, one a poll; raises errors where they stand in the place of an answer.

    Attributes:
        batches: to be handed out, in turn; after the last nothing more.
        answers: to reports, in turn; after the last each is confirmed.
        extensions: answers to extensions; likewise.
    """

    batches: list[list[Task] | Exception] = field(default_factory=list)
    answers: list[Exception | Callable[[], None]] = field(default_factory=list)
    extensions: list[Exception] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    reports: list[tuple[Handle, Outcome]] = field(default_factory=list)
    extended: list[Handle] = field(default_factory=list)
    on_idle: Callable[[], None] = lambda: None
    on_poll: Callable[[], None] = lambda: None

    async def claim(self, limit: int) -> list[Task]:
        self.limits.append(limit)
        self.on_poll()
        if not self.batches:
            self.on_idle()
            await asyncio.sleep(0.01)
            return []
        batch = self.batches.pop(0)
        if isinstance(batch, Exception):
            raise batch
        return batch

    async def extend(self, handle: Handle) -> None:
        self.extended.append(handle)
        if self.extensions:
            raise self.extensions.pop(0)

    async def report(self, handle: Handle, outcome: Outcome) -> str:
        self.reports.append((handle, outcome))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            answer()
        await asyncio.sleep(0)
        return outcome.status

    async def close(self) -> None:
        raise AssertionError("the worker does not own the adapter")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool, float | None]]:
    """Back-offs are asked for, and over at once."""
    asked: list[tuple[int, bool, float | None]] = []

    def back_off(tries: int, *, refused: bool = False, asked_: float | None = None, **more: float | None) -> float:
        asked.append((tries, refused, more.get("asked", asked_)))
        return 0.01

    monkeypatch.setattr("scriptrun.worker.loop.back_off", back_off)
    return asked


def run_to_idle(
    orchestrator: Orchestrator, execute: Callable[[Task, Stop], Outcome] = lambda _task, _stop: DONE, at_once: int = 4
) -> None:
    """Work until there is nothing more to poll, then finish."""

    async def work() -> None:
        worker = Worker(orchestrator, execute, at_once)
        stopped = iter([True])
        orchestrator.on_idle = lambda: worker.stop() if next(stopped, False) else None
        async with asyncio.timeout(20):
            await worker.run()

    asyncio.run(work())


def test_each_task_is_executed_and_reported_once() -> None:
    orchestrator = Orchestrator([[task("a"), task("b")], [], [task("c")]])
    run_to_idle(orchestrator)
    assert sorted(handle["id"] for handle, _ in orchestrator.reports) == ["a", "b", "c"]
    assert {outcome.status for _, outcome in orchestrator.reports} == {"COMPLETED"}


def test_no_more_is_claimed_than_there_is_room_for() -> None:
    orchestrator = Orchestrator([[task("a"), task("b")], [task("c")]])
    both = threading.Barrier(2)
    polls_while_full: list[int] = []

    def execute(task: Task, _stop: Stop) -> Outcome:
        if task.id != "c":
            both.wait(20)
            time.sleep(0.05)  # for the loop to go wrong in
            polls_while_full.append(len(orchestrator.limits))
            both.wait(20)
        return DONE

    run_to_idle(orchestrator, execute, 2)
    assert polls_while_full == [1, 1]
    assert orchestrator.limits[0] == 2
    assert len(orchestrator.reports) == 3


def test_polling_goes_on_after_errors(no_waiting: list[tuple[int, bool, float | None]]) -> None:
    errors = [TryLater("away"), TryLater("busy", 7.0), Refused("wrong key")]
    orchestrator = Orchestrator([*errors, [task("a")]])
    run_to_idle(orchestrator)
    assert len(orchestrator.reports) == 1
    assert no_waiting == [(1, False, None), (2, False, 7.0), (3, True, None)]


def test_a_report_is_repeated_until_it_is_confirmed() -> None:
    orchestrator = Orchestrator([[task("a")]], [TryLater("away"), Refused("no"), TryLater("away")])
    run_to_idle(orchestrator)
    assert len(orchestrator.reports) == 4
    assert {outcome.status for _, outcome in orchestrator.reports} == {"COMPLETED"}


def test_what_is_gone_is_not_reported_again() -> None:
    orchestrator = Orchestrator([[task("a")]], [TryLater("away"), Gone("it is canceled")])
    run_to_idle(orchestrator)
    assert len(orchestrator.reports) == 2


def test_what_is_rejected_is_failed_instead() -> None:
    orchestrator = Orchestrator([[task("a")]], [Rejected("it is 5 bytes too long"), TryLater("away")])
    run_to_idle(orchestrator)
    first, *rest = [outcome for _, outcome in orchestrator.reports]
    assert first == DONE
    text = "the orchestrator does not accept the outcome: it is 5 bytes too long"
    failure = TaskFailure(Reason.OUTPUT_TOO_LARGE, text)
    assert rest == [Outcome(status="FAILED", failure=failure)] * 2


def test_a_failure_that_is_rejected_is_tried_without_its_output_and_then_let_go() -> None:
    outcome = Outcome(status="FAILED", output={"x": 1}, failure=TaskFailure(Reason.SCRIPT_FAILED, "no"), logs=("l",))
    orchestrator = Orchestrator([[task("a")]], [Rejected("too long"), Rejected("no")])
    run_to_idle(orchestrator, lambda _task, _stop: outcome)
    first, second = [outcome for _, outcome in orchestrator.reports]
    assert first == outcome
    text = "no\n(the orchestrator does not accept the outcome: too long)"
    assert second == Outcome(status="FAILED", failure=TaskFailure(Reason.SCRIPT_FAILED, text))


def test_handed_out_again_while_it_runs_it_goes_on_and_is_reported_for_the_latest() -> None:
    orchestrator = Orchestrator([[task("a")], [task("a", 2)]])
    executed: list[str] = []
    polled = threading.Event()
    orchestrator.on_poll = lambda: polled.set() if not orchestrator.batches else None

    def execute(task: Task, _stop: Stop) -> Outcome:
        executed.append(task.id)
        assert polled.wait(20)
        return DONE

    run_to_idle(orchestrator, execute)
    assert executed == ["a"]
    assert [handle["delivery"] for handle, _ in orchestrator.reports] == [2]


def test_handed_out_again_while_it_is_reported_it_is_reported_once_more() -> None:
    """A task that ended IN_PROGRESS may come back before our report has returned: it must not be forgotten."""
    waits = Outcome(status="IN_PROGRESS")
    orchestrator = Orchestrator([[task("a")]])

    async def work() -> None:
        worker = Worker(orchestrator, lambda _task, _stop: waits, 4)
        loop = asyncio.get_running_loop()
        real = orchestrator.report

        async def report(handle: Handle, outcome: Outcome) -> str:
            said = await real(handle, outcome)
            if len(orchestrator.reports) == 1:
                orchestrator.batches.append([task("a", 2)])
                while orchestrator.batches:  # noqa: ASYNC110 - until the loop has polled it
                    await asyncio.sleep(0.005)
                await asyncio.sleep(0.02)
            else:
                loop.call_soon(worker.stop)
            return said

        orchestrator.report = report  # type: ignore[method-assign]
        async with asyncio.timeout(20):
            await worker.run()

    asyncio.run(work())
    assert [handle["delivery"] for handle, _ in orchestrator.reports] == [1, 2]


def test_the_same_task_again_after_its_report_is_a_task_like_any_other() -> None:
    orchestrator = Orchestrator([[task("a")], [], [], [], [task("a", 2)]])
    executed: list[str] = []

    def execute(task: Task, _stop: Stop) -> Outcome:
        executed.append(task.id)
        return Outcome(status="IN_PROGRESS")

    run_to_idle(orchestrator, execute)
    assert executed == ["a", "a"]


def _run_until_stopped(task: Task, stop: Stop) -> Outcome:
    ended = threading.Event()
    stop.subscribe(ended.set)
    assert ended.wait(20)
    failure = TaskFailure(Reason.EVICTED, "stopped")
    return Outcome(status="FAILED", failure=failure)


def test_claims_are_extended_in_time_and_errors_do_not_end_that() -> None:
    errors = [TryLater("away"), TryLater("away"), Gone("canceled upstream")]
    orchestrator = Orchestrator([[task("a", lease_seconds=0.09)]], extensions=errors)
    run_to_idle(orchestrator, _run_until_stopped)
    assert orchestrator.extended == [{"id": "a", "delivery": 1}] * 3
    assert orchestrator.reports == []  # nobody waits for it


def test_a_defect_in_polling_ends_nothing() -> None:
    orchestrator = Orchestrator([[task("a")], ZeroDivisionError("a defect"), [task("b")]])
    run_to_idle(orchestrator)
    assert len(orchestrator.reports) == 2


def test_a_defect_in_reporting_is_trouble_that_passes() -> None:
    orchestrator = Orchestrator([[task("a"), task("b")]], [ZeroDivisionError("a defect")])
    run_to_idle(orchestrator)
    assert sorted(handle["id"] for handle, _ in orchestrator.reports[1:]) == ["a", "b"]


def test_a_defect_in_extending_does_not_end_extending() -> None:
    errors = [ZeroDivisionError("a defect"), Gone("canceled upstream")]
    orchestrator = Orchestrator([[task("a", lease_seconds=0.09)]], extensions=errors)
    run_to_idle(orchestrator, _run_until_stopped)
    assert len(orchestrator.extended) == 2


def test_a_defect_in_executing_fails_the_task() -> None:
    orchestrator = Orchestrator([[task("a")]])
    run_to_idle(orchestrator, lambda _task, _stop: DONE.nonsense)  # type: ignore[attr-defined]
    ((_, outcome),) = orchestrator.reports
    assert outcome.failure is not None
    assert outcome.failure.message.startswith("the worker itself failed: ")


def test_the_second_stop_ends_what_runs_and_reports_it() -> None:
    orchestrator = Orchestrator([[task("a"), task("b")]])

    async def work() -> None:
        worker = Worker(orchestrator, _run_until_stopped, 4)
        orchestrator.on_idle = worker.stop
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0.05)
        assert not running.done()
        worker.stop()
        async with asyncio.timeout(20):
            await running

    asyncio.run(work())
    assert {outcome.failure for _, outcome in orchestrator.reports} == {TaskFailure(Reason.EVICTED, "stopped")}
    assert len(orchestrator.reports) == 2


def test_after_the_second_stop_reports_are_not_repeated_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scriptrun.worker.loop._LAST_REPORT_SECONDS", 0.05)
    orchestrator = Orchestrator([[task("a")]], [TryLater("away")] * 1000)

    async def work() -> None:
        worker = Worker(orchestrator, _run_until_stopped, 4)
        orchestrator.on_idle = worker.stop
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0.05)
        worker.stop()
        async with asyncio.timeout(20):
            await running

    asyncio.run(work())
    assert 1 < len(orchestrator.reports) < 1000
