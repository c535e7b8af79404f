"""One fault at a time, on a real orchestrator and a real cluster: each has happened, and nothing came of it."""

import threading
import time
from collections.abc import Callable

import pytest

from clusterlab.process import OperatorProcess
from peers.faults.lab import Lab, asks, on_each
from peers.faults.orchestrators import LEASE_SECONDS
from peers.faults.relay import Exchange
from peers.faults.tasks import Task

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterfixtures", "peers.faults.fixtures"]

RUN = r"/scriptruns/[^/]+"
AWAY_SECONDS = LEASE_SECONDS + 3.0
STEP_SECONDS = 120.0

Strike = Callable[[Lab, Callable[[], object]], threading.Event]


def _at_orchestrator(when: str) -> Strike:
    return lambda lab, act: lab.proxy.strike(when, lab.proxy.is_done("report"), act)


def _at_bridge(when: str, matches: Callable[[Exchange], bool]) -> Strike:
    return lambda lab, act: lab.bridge_api.strike(when, matches, act)


def _at_operator(when: str, matches: Callable[[Exchange], bool]) -> Strike:
    return lambda lab, act: lab.operator_api.strike(when, matches, act)


BRIDGE_STEPS: dict[str, Strike] = {
    "a task was handed out": _at_bridge("before", asks("POST", "/scriptruns")),
    "its run was made": _at_bridge("after", asks("POST", "/scriptruns")),
    "its run has ended": _at_orchestrator("before"),
    "its report was taken": _at_orchestrator("after"),
    "its report was confirmed": _at_bridge("before", asks("PATCH", f"{RUN}/status", '"Delivered"')),
    "that was noted": _at_bridge("before", asks("PATCH", RUN, '"finalizers"')),
    "its run was let go": _at_bridge("after", asks("PATCH", RUN, '"finalizers"')),
}
OPERATOR_STEPS: dict[str, Strike] = {
    "a run was seen": _at_operator("before", asks("POST", "/jobs")),
    "its input was made": _at_operator("after", asks("POST", "/configmaps")),
    "its Job was made": _at_operator("after", asks("POST", "/jobs")),
    "its end was seen": _at_operator("before", asks("PATCH", f"{RUN}/status", '"finishedAt"')),
    "its end was written": _at_operator("after", asks("PATCH", f"{RUN}/status", '"finishedAt"')),
}


def _kill_at_each(lab: Lab, steps: dict[str, Strike], process: OperatorProcess) -> list[tuple[Task, str]]:
    brought = []
    for step, strike in steps.items():
        come = strike(lab, process.kill)
        brought.append(lab.bring())
        assert come.wait(STEP_SECONDS), f"it never came so far: {step}"
        assert not process.running
        lab.revive()
    return brought


@on_each
def test_a_bridge_that_is_killed_at_any_step(lab: Lab) -> None:
    lab.settle(*_kill_at_each(lab, BRIDGE_STEPS, lab.bridge))


@on_each
def test_an_operator_that_is_killed_at_any_step(lab: Lab) -> None:
    lab.settle(*_kill_at_each(lab, OPERATOR_STEPS, lab.operator))


@on_each
def test_the_answer_to_a_claim_is_lost(lab: Lab) -> None:
    lab.proxy.lose("claim")
    brought = lab.bring()
    lab.settle(brought)
    assert lab.proxy.faults == {"claim answer lost": 1}
    # It came again, and what was lost has no run.
    assert 1 <= len(lab.runs_of(brought[0])) < lab.proxy.claims_of(brought[0].number)


@on_each
def test_the_answer_to_a_report_is_lost(lab: Lab) -> None:
    lab.proxy.lose("report")
    brought = lab.bring()
    lab.settle(brought)
    assert lab.proxy.faults == {"report answer lost": 1}
    *_, run = lab.runs_of(brought[0])
    assert run.status["report"]["state"] == "Delivered"
    assert run.status["report"]["attempts"] >= 2


@on_each
def test_the_answer_to_the_report_of_a_failure_is_lost(lab: Lab) -> None:
    lab.proxy.lose("report")
    brought = lab.bring("flaky")
    lab.settle(brought)
    assert lab.proxy.faults == {"report answer lost": 1}
    assert {run.phase for run in lab.runs_of(brought[0])} == {"Failed", "Succeeded"}


@on_each
def test_a_report_times_out_that_has_arrived(lab: Lab) -> None:
    lab.proxy.lose("report", "silent")
    brought = lab.bring()
    lab.settle(brought)
    assert lab.proxy.faults == {"report unanswered": 1}


@on_each
def test_the_answer_to_an_extension_is_lost(lab: Lab) -> None:
    lab.proxy.lose("extension")
    task, workflow = lab.bring("held")
    lab.wait("it to be extended all the same", lambda: lab.proxy.extensions_of(task.number) >= 2)
    assert lab.proxy.faults == {"extension answer lost": 1}
    lab.let_go(task)
    lab.settle((task, workflow))


@on_each
def test_the_orchestrator_is_killed_and_comes_back(lab: Lab) -> None:
    brought = [lab.bring("held"), lab.bring("held")]
    _start_and_end_one(lab, brought, lab.orchestrator.server.kill)
    lab.orchestrator.server.start()
    brought.append(lab.bring())
    lab.let_go(brought[1][0])
    lab.settle(*brought)


@on_each
def test_the_line_is_cut_for_longer_than_a_lease(lab: Lab) -> None:
    brought = [lab.bring("held"), lab.bring("held")]
    _start_and_end_one(lab, brought, lambda: lab.proxy.cut(AWAY_SECONDS))
    time.sleep(AWAY_SECONDS)
    lab.let_go(brought[1][0])
    lab.settle(*brought)
    assert lab.proxy.faults["connection cut"] > 1


def _start_and_end_one(lab: Lab, brought: list[tuple[Task, str]], act: Callable[[], object]) -> None:
    """Let something happen when all scripts have started, and the first of them end after that."""
    for task, _workflow in brought:
        lab.wait_said(task, "start")
    act()
    lab.let_go(brought[0][0])
    lab.wait_said(brought[0][0], "end")


@on_each
def test_nobody_extends_the_lease_of_a_long_script(lab: Lab) -> None:
    """The task is handed out again; its run goes on, or, where that is another attempt, its end is not taken."""
    task, workflow = lab.bring("held")
    lab.wait_said(task, "start")
    (handed_out,) = lab.proxy.tasks_of(task.number)
    lab.bridge.kill()
    time.sleep(AWAY_SECONDS)
    lab.wait("its lease to be over", lambda: lab.orchestrator.is_lapsed(workflow, handed_out))
    lab.revive()
    lab.wait("it to be handed out again", lambda: lab.proxy.claims_of(task.number) >= 2)
    lab.let_go(task)
    lab.settle((task, workflow))
    *before, last = [run.status["report"]["state"] for run in lab.runs_of(task)]
    assert last == "Delivered"
    assert set(before) == (set() if lab.orchestrator.name == "zeebe" else {"Dropped"})


@on_each
def test_a_task_is_canceled_upstream(lab: Lab) -> None:
    brought = lab.bring("canceled", 600)
    lab.wait_said(brought[0], "start")
    assert lab.orchestrator.cancel(brought[1])
    lab.settle(brought)
    runs = lab.runs_of(brought[0])
    assert {run.end for run in runs} == {("Canceled", "Canceled")}
    assert {run.status["report"]["state"] for run in runs} == {"Dropped"}


@on_each
def test_a_task_is_handed_out_twice(lab: Lab) -> None:
    task, workflow = lab.bring("held")
    lab.wait_said(task, "start")
    (handed_out,) = lab.proxy.tasks_of(task.number)

    def look() -> bool:
        lab.orchestrator.hand_out_again(handed_out)
        return lab.proxy.claims_of(task.number) >= 2

    lab.wait("it to be handed out twice", look)
    lab.let_go(task)
    lab.settle((task, workflow))
    assert len(lab.runs_of(task)) == 1


@on_each
def test_two_replicas_share_a_bridge(lab: Lab) -> None:
    second = lab.world.site.make_bridge(WATCH_NAMESPACES=lab.world.space.name)
    second.start()
    try:
        second.wait_for_log("working", STEP_SECONDS)
        brought = [lab.bring("held"), lab.bring()]
        lab.wait_said(brought[0][0], "start")
        lab.bridge.kill()
        second.wait_for_log("serving", STEP_SECONDS)
        lab.let_go(brought[0][0])
        brought.append(lab.bring())
        second.wait_for_log("task claimed", STEP_SECONDS)
        lab.settle(*brought)
    finally:
        second.kill()
