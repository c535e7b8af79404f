"""Reports that are not taken: too large, gone, answered by nobody; and a run that somebody deletes meanwhile."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from builders import script_body
from scriptrun.errors import Gone, Rejected, TryLater
from scriptrun.orchestrators.adapter import Handle, Outcome
from unit.bridges.orchestrator import Job, Orchestrator
from unit.bridges.replica import BridgeReplica, Leases
from unit.bridges.simulation import bridge_body
from unit.bridges.workshop import Plan, Workshop
from unit.controller.conftest import quiet
from unit.controller.replica import GOOD_FEED
from unit.controller.server import Body, Faults, Server
from unit.controller.virtualtime import run_virtually

__all__ = ["quiet"]


@dataclass
class Told:
    """A report that the orchestrator was sent."""

    status: str
    message: str
    output: dict[str, Any]


def open_world(plan: Plan, **bridge: Any) -> tuple[Server, Orchestrator, Workshop, BridgeReplica]:
    """One task, one bridge that is not started yet, and those who run what it makes."""
    server, orchestrator, noise = Server(), Orchestrator(), random.Random(1)
    workshop = Workshop(server, noise, lambda _: plan)
    server.create("scripts", script_body("hello.py"))
    server.create("bridges", bridge_body(**bridge))
    orchestrator.add(Job("t0", 3, {"script": "hello.py"}))
    replica = BridgeReplica((server, orchestrator, Leases(exclusive=True)), noise, Faults(), GOOD_FEED)
    return server, orchestrator, workshop, replica


def play(answer: Callable[[int], str], seconds: float = 60, people: Callable[[Server], None] | None = None) -> Any:
    """Play one task whose reports are answered as a test wants it; returns reports and run."""
    told: list[Told] = []

    async def story() -> Body | None:
        server, orchestrator, _, replica = open_world(Plan(("good",), 1.0))

        def report(_: Orchestrator, handle: Handle, outcome: Outcome) -> str:
            told.append(Told(outcome.status, outcome.failure.message if outcome.failure else "", outcome.output))
            return answer(len(told))

        orchestrator.report = report.__get__(orchestrator)  # type: ignore[method-assign]
        replica.start()
        await asyncio.sleep(10)
        if people:
            people(server)
        await asyncio.sleep(seconds - 10)
        runs = server.of_kind("scriptruns")
        await replica.crash()
        return runs[0] if runs else None

    return told, run_virtually(story())


def _raise(error: Exception) -> str:
    raise error


def report_of(run: Body) -> dict[str, Any]:
    report: dict[str, Any] = run["status"]["report"]
    return report


def test_an_output_that_is_not_accepted_is_a_failure_that_is() -> None:
    def answer(number: int) -> str:
        return "failed" if number > 1 else _raise(Rejected("2100000 bytes, at most 2000000"))

    told, run = play(answer)
    assert [item.status for item in told] == ["COMPLETED", "FAILED"]
    assert "2100000 bytes, at most 2000000" in told[1].message
    assert told[1].output == {}
    assert report_of(run)["state"] == "Delivered"
    assert run["metadata"]["finalizers"] == []


def test_what_is_never_accepted_is_dropped_and_not_sent_for_ever() -> None:
    told, run = play(lambda _: _raise(Rejected("wrong state")))
    assert len(told) == 2
    assert report_of(run) == {"state": "Dropped", "attempts": 1, "message": "wrong state"}
    assert run["metadata"]["finalizers"] == []


def test_a_task_that_is_gone_is_dropped() -> None:
    told, run = play(lambda _: _raise(Gone("job t0 is canceled")))
    assert len(told) == 1
    assert report_of(run)["state"] == "Dropped"
    assert report_of(run)["message"] == "job t0 is canceled"


def test_gone_after_a_lost_answer_was_delivered() -> None:
    told, run = play(lambda number: _raise(TryLater("no answer") if number == 1 else Gone("no such job")))
    assert len(told) == 2
    assert report_of(run)["state"] == "Delivered"
    assert report_of(run)["message"].startswith("confirmed by absence")


def test_as_long_as_nobody_answers_the_run_says_so_now_and_then() -> None:
    told, run = play(lambda _: _raise(TryLater("503: starting")), seconds=200)
    assert 10 < len(told) < 40
    report = report_of(run)
    assert (report["state"], report["message"]) == ("Pending", "503: starting")
    assert report["nextAttemptAt"] > run["status"]["finishedAt"]
    [condition] = [item for item in run["status"]["conditions"] if item["type"] == "Reported"]
    assert (condition["status"], condition["reason"]) == ("False", "Pending")
    assert "scriptrun.dev/report" in run["metadata"]["finalizers"]


def test_whoever_deletes_a_run_does_not_wait_for_ever() -> None:
    """It goes after a lease without an answer; its task is then handed out again, and gets another run."""
    deleted: list[str] = []

    def delete(server: Server) -> None:
        [run] = server.of_kind("scriptruns")
        deleted.append(run["metadata"]["uid"])
        server.delete("scriptruns", run["metadata"]["name"])

    _, run = play(lambda _: _raise(TryLater("no answer")), seconds=100, people=delete)
    assert run["metadata"]["uid"] not in deleted
    assert "deletionTimestamp" not in run["metadata"]


def test_a_failure_whose_answer_was_lost_is_not_held_against_the_next_attempt() -> None:
    """It arrived; before it can be repeated, the task is handed out again, and its new run is under way."""

    async def story() -> tuple[Job, int, list[Body]]:
        server, orchestrator, workshop, replica = open_world(Plan(("bad",), 9.0), retryBackOffSeconds=2)
        honest, job = orchestrator.report, orchestrator.jobs["t0"]

        def report(_: Orchestrator, handle: Handle, outcome: Outcome) -> str:
            if job.deliveries > 1:
                return honest(handle, outcome)
            if not job.failures:
                honest(handle, outcome)
            raise TryLater("no answer")

        orchestrator.report = report.__get__(orchestrator)  # type: ignore[method-assign]
        replica.start()
        await asyncio.sleep(60)
        await replica.crash()
        return job, workshop.started["t0"], server.of_kind("scriptruns")

    job, started, runs = run_virtually(story())
    assert (job.state, job.retries, job.completions, started) == ("completed", 2, 1, 2)
    assert [report_of(run)["state"] for run in runs] == ["Delivered", "Delivered"]
    assert report_of(runs[0])["message"].startswith("confirmed by redelivery")
