"""What is to be done with an order, and what it comes to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scriptrun.pipeline.decisions import (
    TOO_LONG,
    Advance,
    Nothing,
    ReportToScheduler,
    SettleOrder,
    Supply,
    decide_order,
    decide_order_outcome,
)
from scriptrun.pipeline.manifests import build_environment, build_order_run, build_script, build_secret, find_order
from scriptrun.pipeline.orders import NewOrder, Order, OrderOutcome, Stage
from scriptrun.pipeline.settings import PipelineSettings

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
REQUEST = NewOrder("abc123", "scheduler", NOON, "base", "hello.py", "ada", script_url="https://x/y")
FRESH: dict[str, Any] = {"status": {}}
STARTED: dict[str, Any] = {"status": {"startedAt": "2026-01-31T12:00:01Z"}}
ENDED: dict[str, Any] = {"status": {"startedAt": "2026-01-31T12:00:01Z", "finishedAt": "2026-01-31T12:00:02Z"}}
SETTINGS = PipelineSettings(token="0123456789abcdef", namespace="n", server_url="https://s")  # type: ignore[arg-type]


def build(stage: Stage, **changes: Any) -> Order:
    return replace(Order(17, REQUEST, stage), **changes)


@pytest.mark.parametrize(
    ("stage", "run", "seconds", "expected"),
    [
        (Stage.NEW, None, 5, Nothing),
        (Stage.NEW, FRESH, 5, Nothing),
        (Stage.NEW, None, 61, SettleOrder),
        (Stage.NEW, FRESH, 61, SettleOrder),
        (Stage.PENDING, FRESH, 5, Supply),
        (Stage.PENDING, STARTED, 5, Supply),
        (Stage.PENDING, None, 5, Nothing),
        (Stage.PENDING, None, 11, SettleOrder),
        (Stage.SUPPLIED, FRESH, 5, Nothing),
        (Stage.SUPPLIED, STARTED, 5, Advance),
        (Stage.SUPPLIED, ENDED, 5, SettleOrder),
        (Stage.SUPPLIED, FRESH, 901, SettleOrder),
        (Stage.RUNNING, STARTED, 5, Nothing),
        (Stage.RUNNING, STARTED, 900, Nothing),
        (Stage.RUNNING, STARTED, 902, SettleOrder),
        (Stage.RUNNING, ENDED, 5000, SettleOrder),
        (Stage.RUNNING, None, 11, SettleOrder),
        (Stage.HANDED_OVER, None, 5, Nothing),
        (Stage.HANDED_OVER, None, 901, SettleOrder),
        (Stage.FINISHED, ENDED, 5, Nothing),
    ],
)
def test_the_next_step(stage: Stage, run: dict[str, Any] | None, seconds: float, expected: type) -> None:
    assert type(decide_order(build(stage), run, NOON + timedelta(seconds=seconds), 900)) is expected


def test_an_end_that_the_run_had_wins_over_the_limit() -> None:
    assert decide_order(build(Stage.RUNNING), ENDED, NOON + timedelta(days=1), 900) == SettleOrder()


def test_what_is_overdue_is_stopped() -> None:
    late = NOON + timedelta(seconds=1000)
    ran = decide_order(build(Stage.RUNNING, started_at=NOON), STARTED, late, 900)
    assert ran == SettleOrder(OrderOutcome(False, -1, TOO_LONG, 900), stop=True)
    waited = decide_order(build(Stage.SUPPLIED), FRESH, late, 900)
    assert waited == SettleOrder(OrderOutcome(False, -1, TOO_LONG, None), stop=True)


def test_a_starters_result_is_reported_for_a_day() -> None:
    order = build(Stage.REPORTING, finished_at=NOON)
    assert decide_order(order, None, NOON + timedelta(hours=23), 900) == ReportToScheduler()
    assert decide_order(order, None, NOON + timedelta(hours=25), 900) == Advance(Stage.FINISHED)


def status(reason: str, **more: Any) -> dict[str, Any]:
    return {"status": {"reason": reason, "durationSeconds": 1.5, "message": "why", **more}}


@pytest.mark.parametrize(
    ("run", "output", "expected"),
    [
        (status("Completed", exitCode=0), '{"output": "hi"}', OrderOutcome(True, 0, "hi", 1.5)),
        (status("Completed", exitCode=0), None, OrderOutcome(True, 0, "", 1.5)),
        (status("Completed", exitCode=0), '{"own": 1}', OrderOutcome(True, 0, '{"own": 1}', 1.5)),
        (status("Completed", exitCode=0), '{"output": 1}', OrderOutcome(True, 0, '{"output": 1}', 1.5)),
        (status("ScriptFailed", exitCode=3), '{"output": "so far"}', OrderOutcome(False, 3, "so far", 1.5)),
        (status("ScriptFailed", exitCode=3), None, OrderOutcome(False, 3, "why", 1.5)),
        (status("Timeout", exitCode=143), '{"output": "so far"}', OrderOutcome(False, -1, TOO_LONG, 1.5)),
        (status("OutOfMemory", exitCode=137), None, OrderOutcome(False, 137, "out-of-memory(OOM) error!\n", 1.5)),
        (status("OutputTooLarge", exitCode=0), None, OrderOutcome(False, 0, "why", 1.5)),
        ({"status": {"reason": "Canceled"}}, None, OrderOutcome(False, None, "Canceled", None)),
        ({"status": {"reason": "Timeout"}}, None, OrderOutcome(False, -1, TOO_LONG, 900)),
    ],
)
def test_what_a_run_comes_to(run: dict[str, Any], output: str | None, expected: OrderOutcome) -> None:
    assert decide_order_outcome(run, output, 900) == expected


def test_an_output_has_a_million_characters_at_most() -> None:
    outcome = decide_order_outcome(status("Completed"), '{"output": "' + "x" * 1_000_001 + '"}', 900)
    assert len(outcome.output or "") == 1_000_000


def test_a_run_carries_its_order_and_no_secret() -> None:
    run = build_order_run(build(Stage.NEW), SETTINGS)
    assert find_order(run) == 17
    assert run["metadata"]["name"] == "script-17-abc123"
    assert run == build_order_run(build(Stage.PENDING), SETTINGS)
    made = {**run, "metadata": {**run["metadata"], "uid": "u"}}
    secret = build_secret(made, build_environment({"api_token": "t"}, SETTINGS))
    assert secret["metadata"]["name"] == run["spec"]["secretEnv"]["name"] == f"{run['metadata']['name']}.run-env"
    assert secret["stringData"] == {"dtable_web_url": "https://s", "api_token": "t", "is_cloud": "1"}
    script = build_script(made, b"\xff")
    assert script["metadata"]["name"] == run["spec"]["source"]["configMap"]["name"]
    assert script["binaryData"] == {"index.py": "/w=="}
    assert build_script(made, "é".encode())["data"] == {"index.py": "é"}


def test_an_environment_holds_what_can_be_in_one() -> None:
    given = {"a": "1", "a-b": "1", "": "1", "A=B": "1", "n": 5, "z": "\x00", "SCRIPTRUN_POD": "x", "LD_PRELOAD": "x"}
    assert build_environment({**given, "is_cloud": "0"}, SETTINGS) == {
        "dtable_web_url": "https://s",
        "a": "1",
        "is_cloud": "1",
    }


@pytest.mark.parametrize("task", [{}, {"source": "zeebe", "id": "17"}, {"source": "scheduler", "id": "x"}])
def test_other_runs_belong_to_no_order(task: dict[str, Any]) -> None:
    assert find_order({"spec": {"task": task}}) is None
