"""Who may start while others of the same Workflow are there, and what a run takes over from an earlier one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scriptrun.models import WorkflowSpec
from scriptrun.policies.workflows.admission import Other, decide_admission
from scriptrun.policies.workflows.resume import Earlier, decide_resume
from scriptrun.policies.workflows.states import StepState

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def other(name: str, age: int, *, started: bool = True) -> Other:
    return Other(name, NOW - timedelta(seconds=age), started)


def spec(**more: Any) -> WorkflowSpec:
    return WorkflowSpec.model_validate({"steps": [{"name": name, "script": "s.py"} for name in "abc"], **more})


def decide(*others: Other, **more: Any) -> tuple[str, tuple[str, ...]]:
    admission = decide_admission(spec(**more), "me", NOW, [other("me", 0, started=False), *others])
    return admission.action, admission.cancel


def test_all_may_run_side_by_side() -> None:
    assert decide(other("a", 1), other("b", 2)) == ("Start", ())


def test_forbid_refuses_the_later_one_of_two() -> None:
    assert decide(other("a", 1), concurrencyPolicy="Forbid") == ("Refuse", ())
    assert decide(other("a", 1, started=False), concurrencyPolicy="Forbid") == ("Refuse", ())
    assert decide(other("a", -1, started=False), concurrencyPolicy="Forbid") == ("Start", ())


def test_replace_cancels_the_older_ones_and_waits_for_them() -> None:
    assert decide(other("a", 1), other("b", 2, started=False), concurrencyPolicy="Replace") == ("Wait", ("a", "b"))
    assert decide(concurrencyPolicy="Replace") == ("Start", ())
    assert decide(other("newer", -1), concurrencyPolicy="Replace") == ("Wait", ())


def test_the_oldest_starts_when_there_is_room() -> None:
    assert decide(other("a", 1), maxConcurrentRuns=1) == ("Wait", ())
    assert decide(other("a", 1, started=False), maxConcurrentRuns=1) == ("Wait", ())
    assert decide(other("a", -1, started=False), maxConcurrentRuns=1) == ("Start", ())
    assert decide(other("a", 1), maxConcurrentRuns=2) == ("Start", ())


STATES = {
    "a": StepState("a", "Succeeded", "Completed", output={"v": 1}),
    "b": StepState("b", "Skipped", "ConditionFalse"),
    "c": StepState("c", "Failed", "ScriptFailed"),
}


def test_the_steps_before_are_taken_over() -> None:
    earlier = Earlier("first", "flow", True, STATES)
    assert decide_resume(spec(), "c", "flow", earlier) == {"a": STATES["a"], "b": STATES["b"]}
    assert decide_resume(spec(), "a", "flow", earlier) == {}


@pytest.mark.parametrize(
    ("step", "earlier", "said"),
    [
        ("x", Earlier("first", "flow", True, STATES), "no step 'x'"),
        ("c", None, "there is no such WorkflowRun"),
        ("c", Earlier("first", "other", True, STATES), "is a run of the Workflow other"),
        ("c", Earlier("first", "flow", False, STATES), "has not ended"),
        ("c", Earlier("first", "flow", True, {"a": STATES["c"]}), "a comes before c and is Failed in first"),
        ("c", Earlier("first", "flow", True, {"a": STATES["a"]}), "b comes before c and is not one of its steps"),
        ("b", Earlier("first", "flow", True, {"a": StepState("a", "Skipped", "Canceled")}), "is Skipped in first"),
    ],
)
def test_what_can_not_be_resumed_is_refused(step: str, earlier: Earlier | None, said: str) -> None:
    refused = decide_resume(spec(), step, "flow", earlier)
    assert isinstance(refused, str)
    assert said in refused
