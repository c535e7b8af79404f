"""The fault suite's own eyes: each kind of thing that may go wrong is found, and nothing where nothing is wrong."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from chaos.journal import Entry
from peers.faults.audit import Auditor, Findings
from peers.faults.orchestrators import ConductorSide, End, Orchestrator
from peers.faults.proxy import Proxy
from peers.faults.record import build_entry, render_table
from peers.faults.suite import Result
from peers.faults.tasks import Task
from peers.faults.world import World
from peers.servers.conductor import Conductor

TASK = Task(7, "good", 1.0)
GOOD_END = End("completed", {"number": 7, "run": "main-a"}, completions=1)
CANCELED: list[str] = []
GOOD_ENTRIES = [Entry("main-a", 1, "7.start"), Entry("main-a", 1, "7.end")]


def build_run(name: str = "main-a", task: str = "a", workflow: str = "1", **changes: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "finalizers": changes.get("finalizers", [])},
        "spec": {"task": {"id": task, "workflowId": workflow}},
        "status": {
            "finishedAt": changes.get("finished_at", "2026-11-21T05:00:00Z"),
            "conditions": [{"type": "Reported", "status": changes.get("reported", "True")}],
        },
    }


def build_job(uid: str, active: int = 0) -> dict[str, Any]:
    return {"metadata": {"name": "main-a", "ownerReferences": [{"uid": uid}]}, "status": {"active": active}}


def audit(
    end: End = GOOD_END,
    entries: list[Entry] = GOOD_ENTRIES,
    runs: list[dict[str, Any]] | None = None,
    jobs: list[dict[str, Any]] | None = None,
    task: Task = TASK,
) -> Findings:
    world = SimpleNamespace(
        runs=lambda: [build_run()] if runs is None else runs,
        jobs=lambda: [build_job("uid-main-a")] if jobs is None else jobs,
        journal=SimpleNamespace(read=lambda: entries),
    )
    cancel = CANCELED.append
    orchestrator = SimpleNamespace(refresh=lambda: None, look=lambda workflow, tasks: end, cancel=cancel)
    proxy = SimpleNamespace(tasks_of=lambda number: {"a"})
    auditor = Auditor(cast(World, world), cast(Orchestrator, orchestrator), cast(Proxy, proxy))
    return auditor.audit({task: "1"}, 0)


def test_nothing_is_wrong() -> None:
    assert not audit()


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (End("open"), "is open and must be completed"),
        (End("failed", message="no luck"), "is failed and must be completed: no luck"),
        (End("completed", {}, completions=1), "came back with {}"),
        (End("completed", {"number": 8, "run": "main-a"}, completions=1), "came back with {'number': '8'"),
        (End("completed", {"number": 7, "run": "main-b"}, completions=1), "not what its script said in ['main-a']"),
    ],
)
def test_a_task_is_lost(end: End, words: str) -> None:
    (text,) = audit(end).lost
    assert words in text


def test_a_task_that_was_to_be_canceled_is_completed() -> None:
    assert audit(task=Task(7, "canceled", 600.0)).lost


def test_a_completion_that_no_script_has_made() -> None:
    assert audit(entries=GOOD_ENTRIES[:1]).lost


def test_two_runs_of_one_attempt() -> None:
    entries = [*GOOD_ENTRIES, Entry("main-b", 1, "7.end")]
    runs = [build_run(), build_run("main-b")]
    assert any("attempt a did '7.end' 2 times" in text for text in audit(entries=entries, runs=runs).twice)


def test_a_task_that_the_orchestrator_gave_up_may_be_executed_once_more_and_no_more() -> None:
    entries = [*GOOD_ENTRIES, Entry("main-b", 1, "7.end")]
    runs = [build_run(), build_run("main-b", "b")]
    lapsed = End("completed", GOOD_END.output, completions=1, lapsed=1)
    assert not audit(lapsed, entries, runs)
    assert audit(GOOD_END, entries, runs).twice


@pytest.mark.parametrize(
    ("attempts", "completions", "lapsed"),
    [
        ([("COMPLETED", 0)], 1, 0),
        ([("FAILED", 0), ("COMPLETED", 1)], 1, 0),
        ([("TIMED_OUT", 0), ("COMPLETED", 1)], 1, 1),
        ([("TIMED_OUT", 0)], 0, 1),
        # Killed after it had made the next attempt, and before it noted why.
        ([("COMPLETED", 0), ("COMPLETED", 1)], 1, 1),
        ([("COMPLETED", 0), ("SCHEDULED", 1)], 0, 1),
        ([("FAILED", 0), ("COMPLETED", 1), ("COMPLETED", 1)], 2, 0),
    ],
)
def test_what_conductor_gave_up_and_what_it_counts(
    attempts: list[tuple[str, int]], completions: int, lapsed: int
) -> None:
    tasks = [
        {"taskId": str(place), "status": status, "retryCount": count} for place, (status, count) in enumerate(attempts)
    ]
    server = SimpleNamespace(address="", read_workflow=lambda workflow: {"status": "COMPLETED", "tasks": tasks})
    end = ConductorSide(cast(Conductor, server), "faults").look("1", set())
    assert (end.completions, end.lapsed) == (completions, lapsed)


def test_a_workflow_that_was_started_twice_is_canceled_and_not_counted() -> None:
    CANCELED.clear()
    entries = [*GOOD_ENTRIES, Entry("main-b", 1, "7.end")]
    assert not audit(entries=entries, runs=[build_run(), build_run("main-b", "b", "2")])
    assert CANCELED == ["2"]
    left = audit(runs=[build_run(), build_run("main-b", "b", "2", finished_at="")]).leftovers
    assert "main-b has not ended" in left[0]


def test_a_task_is_completed_twice() -> None:
    assert audit(End("completed", GOOD_END.output, completions=2)).twice


@pytest.mark.parametrize(
    ("job", "words"), [(build_job("uid-gone"), "has no run"), (build_job("uid-main-a", 1), "is still at work")]
)
def test_a_job_is_an_orphan(job: dict[str, Any], words: str) -> None:
    (text,) = audit(jobs=[job]).orphans
    assert words in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"finished_at": ""}, "has not ended"),
        ({"reported": "False"}, "is not reported"),
        ({"finalizers": ["scriptrun.dev/report"]}, "is not let go"),
    ],
)
def test_a_run_is_left(changes: dict[str, Any], words: str) -> None:
    (text,) = audit(runs=[build_run(**changes)]).leftovers
    assert words in text


def test_what_is_found_is_counted() -> None:
    findings = Findings(lost=["one"], orphans=["two", "three"])
    result = Result(200, {"bridge": 3, "operator": 2}, {"connection cut": 4}, findings, 1, 10.0, 5.0, 201)
    entry = build_entry(result)
    assert {name: entry[name] for name in ("tasks", "kills", "lost", "twice", "orphans", "leftovers")} == {
        "tasks": 200,
        "kills": 5,
        "lost": 1,
        "twice": 0,
        "orphans": 2,
        "leftovers": 0,
    }
    assert "| Zeebe | 200 | 5 | 1 | 0 | 2 | 0 |" in list(render_table({"zeebe": entry}))
