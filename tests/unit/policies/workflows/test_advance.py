"""What comes next, case by case."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scriptrun.models import WorkflowSpec
from scriptrun.policies.expressions.faults import Fault
from scriptrun.policies.expressions.render import render
from scriptrun.policies.workflows.advance import Decision, advance
from scriptrun.policies.workflows.attempts import OUTPUTS_LIMIT_BYTES
from scriptrun.policies.workflows.commands import CancelScript, Evaluate, Finish, StartScript, WaitUntil
from scriptrun.policies.workflows.states import Results, RunResult, Snapshot, StepState

START = datetime(2026, 1, 1, tzinfo=UTC)
ACTIVE = RunResult("Active", created_at=START)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def step(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "script": f"{name}.py", **more}


def snapshot(*steps: dict[str, Any], **spec: Any) -> Snapshot:
    model = WorkflowSpec.model_validate({"steps": list(steps), **spec})
    return Snapshot("ns", "run", "uid", "flow", model, {"id": 7}, START)


def succeeded(output: Any = None, at: float = 1) -> RunResult:
    return RunResult("Succeeded", "Completed", created_at=START, finished_at=later(at), output=output)


def failed(*, retryable: bool = True, at: float = 1) -> RunResult:
    return RunResult("Failed", "ScriptFailed", "boom", START, later(at), retryable)


def decide(
    given: Snapshot,
    runs: Mapping[tuple[str, int], RunResult] | None = None,
    states: Mapping[str, StepState] | None = None,
    *,
    at: float = 2,
    cancel: bool = False,
) -> Decision:
    """Decide, with expressions evaluated as they are asked for."""
    rendered: dict[tuple[str, str], Any] = {}
    while True:
        decision = advance(given, states or {}, Results(runs or {}, rendered, cancel), later(at))
        evaluations = [one for one in decision.commands if isinstance(one, Evaluate)]
        if not evaluations:
            return decision
        rendered |= {one.key: render(one.document, one.place, one.scope) for one in evaluations}


def phases(decision: Decision) -> dict[str, tuple[str, str]]:
    return {name: (state.phase, state.reason) for name, state in decision.states.items()}


def test_the_first_step_starts_with_its_variables_evaluated() -> None:
    decision = decide(snapshot(step("a", variables={"x": "{{ input.id }}"}), step("b")))
    assert decision.commands == (StartScript("a", 1, "a.py", {"x": 7}), WaitUntil(later(3600)))
    assert phases(decision) == {"a": ("Running", "")}


def test_the_next_step_reads_the_output_of_the_one_before() -> None:
    given = snapshot(step("fetch-it"), step("b", variables={"x": '{{ steps["fetch-it"].output.v }}'}))
    decision = decide(given, {("fetch-it", 1): succeeded({"v": [1]})})
    assert decision.commands[0] == StartScript("b", 1, "b.py", {"x": [1]})


def test_a_step_whose_condition_is_false_is_skipped_and_the_next_one_starts_at_once() -> None:
    decision = decide(snapshot(step("a", when="{{ input.id < 0 }}"), step("b")))
    assert decision.commands[0] == StartScript("b", 1, "b.py", {})
    assert phases(decision) == {"a": ("Skipped", "ConditionFalse"), "b": ("Running", "")}


def test_the_output_of_a_skipped_step_is_missing() -> None:
    given = snapshot(step("a", when="{{ false }}"), step("b", variables={"x": "{{ steps.a.output }}"}))
    decision = decide(given)
    assert phases(decision)["b"] == ("Failed", "ExpressionFailed")
    assert "steps[1].variables.x: {{ steps.a.output }} steps.a.output is missing" in decision.states["b"].message


@pytest.mark.parametrize("when", ["{{ input.id }}", "true", "{{ 'true' }}"])
def test_a_condition_that_is_neither_true_nor_false_fails_its_step(when: str) -> None:
    decision = decide(snapshot(step("a", when=when)))
    assert decision.commands == (
        Finish(
            "Failed",
            "StepFailed",
            "step a failed: ExpressionFailed: steps[0].when: is neither true nor false",
        ),
    )


def test_a_failure_skips_the_rest_runs_finally_and_fails_the_run() -> None:
    given = snapshot(step("a"), step("b"), **{"finally": [step("f", variables={"p": "{{ steps.a.phase }}"})]})
    runs = {("a", 1): failed()}
    decision = decide(given, runs)
    assert decision.commands == (StartScript("f", 1, "f.py", {"p": "Failed"}),)
    assert phases(decision)["b"] == ("Skipped", "NotReached")
    decision = decide(given, {**runs, ("f", 1): succeeded()}, decision.states)
    assert decision.commands == (Finish("Failed", "StepFailed", "step a failed: ScriptFailed: boom"),)


def test_a_failure_with_continue_goes_on_and_the_run_succeeds() -> None:
    given = snapshot(step("a", onFailure="Continue"), step("b"))
    decision = decide(given, {("a", 1): failed(), ("b", 1): succeeded({"v": 1})})
    assert decision.commands == (Finish("Succeeded", "Completed", output={"v": 1}),)


def test_a_failing_finally_fails_the_run_but_not_the_ones_after_it() -> None:
    given = snapshot(step("a"), **{"finally": [step("f"), step("g")]})
    runs = {("a", 1): succeeded(), ("f", 1): failed()}
    assert decide(given, runs).commands == (StartScript("g", 1, "g.py", {}),)
    (finish,) = decide(given, {**runs, ("g", 1): succeeded()}).commands
    assert finish == Finish("Failed", "StepFailed", "step f failed: ScriptFailed: boom")


def test_retries_wait_longer_each_time_up_to_the_limit() -> None:
    given = snapshot(step("a", retry={"limit": 3, "delaySeconds": 10, "maxDelaySeconds": 15}))
    runs = {("a", 1): failed(at=1)}
    assert decide(given, runs).commands == (WaitUntil(later(11)),)
    assert decide(given, runs, at=11).commands[0] == StartScript("a", 2, "a.py", {})
    runs |= {("a", 2): failed(at=20)}
    assert decide(given, runs, at=21).commands == (WaitUntil(later(35)),)
    runs |= {("a", 3): failed(at=40), ("a", 4): failed(at=60)}
    decision = decide(given, runs, at=61)
    assert phases(decision) == {"a": ("Failed", "ScriptFailed")}
    assert decision.states["a"].attempts == 4


def test_what_another_attempt_can_not_help_is_not_retried() -> None:
    decision = decide(snapshot(step("a", retry={"limit": 3})), {("a", 1): failed(retryable=False)}, at=100)
    assert phases(decision) == {"a": ("Failed", "ScriptFailed")}


def test_a_step_that_takes_too_long_is_canceled_and_then_failed() -> None:
    given = snapshot(step("a", activeDeadlineSeconds=5, retry={"limit": 2}), step("b"))
    assert WaitUntil(later(5)) in decide(given, {("a", 1): ACTIVE}).commands
    assert CancelScript("a", 1) in decide(given, {("a", 1): ACTIVE}, at=5).commands
    canceled = RunResult("Canceled", "Canceled", created_at=START, finished_at=later(6))
    assert phases(decide(given, {("a", 1): canceled}, at=6))["a"] == ("Failed", "Timeout")


def test_a_run_that_takes_too_long_ends_as_timeout_after_finally() -> None:
    given = snapshot(step("a"), step("b"), activeDeadlineSeconds=10, **{"finally": [step("f")]})
    assert decide(given, {("a", 1): ACTIVE}, at=10).commands == (CancelScript("a", 1),)
    canceled = RunResult("Canceled", "Canceled", created_at=START, finished_at=later(11))
    decision = decide(given, {("a", 1): canceled}, at=11)
    assert phases(decision) == {"a": ("Failed", "RunTimeout"), "b": ("Skipped", "RunTimeout"), "f": ("Running", "")}
    (finish,) = decide(given, {("f", 1): succeeded()}, decision.states, at=12).commands
    assert isinstance(finish, Finish)
    assert (finish.phase, finish.reason) == ("Failed", "Timeout")


def test_cancel_ends_what_is_under_way_and_skips_the_rest() -> None:
    given = snapshot(step("a"), step("b"))
    assert decide(given, {("a", 1): ACTIVE}, cancel=True).commands == (CancelScript("a", 1),)
    canceled = RunResult("Canceled", "Canceled", created_at=START, finished_at=later(3))
    decision = decide(given, {("a", 1): canceled}, cancel=True)
    assert phases(decision) == {"a": ("Canceled", "Canceled"), "b": ("Skipped", "Canceled")}
    assert decision.commands == (Finish("Canceled", "Canceled", "the run was canceled"),)


def test_cancel_during_a_wait_for_a_retry_ends_at_once() -> None:
    given = snapshot(step("a", retry={"limit": 3, "delaySeconds": 1000}))
    (finish,) = decide(given, {("a", 1): failed()}, cancel=True).commands
    assert isinstance(finish, Finish)
    assert finish.phase == "Canceled"


def test_a_deleted_run_is_not_started_again() -> None:
    decision = decide(snapshot(step("a", retry={"limit": 3})), {("a", 1): RunResult("Gone")})
    assert phases(decision) == {"a": ("Failed", "RunDeleted")}


def test_the_output_is_evaluated_at_the_end() -> None:
    given = snapshot(step("a"), output={"t": "id {{ input.id }}", "v": "{{ steps.a.output.v }}"})
    assert decide(given, {("a", 1): succeeded({"v": 1})}).commands == (
        Finish("Succeeded", "Completed", output={"t": "id 7", "v": 1}),
    )
    (finish,) = decide(given, {("a", 1): succeeded({})}).commands
    assert isinstance(finish, Finish)
    assert (finish.phase, finish.reason) == ("Failed", "ExpressionFailed")
    assert "steps.a.output.v is missing" in finish.message


def test_steps_of_an_earlier_run_are_taken_over_with_their_outputs() -> None:
    earlier = {"a": StepState("a", "Succeeded", "Completed", attempts=1, output={"v": 3})}
    given = snapshot(step("a"), step("b", variables={"x": "{{ steps.a.output.v }}"}))
    resumed = Snapshot("ns", "run", "uid", "flow", given.spec, {}, START, earlier=earlier)
    decision = decide(resumed)
    assert decision.commands[0] == StartScript("b", 1, "b.py", {"x": 3})
    assert phases(decision)["a"] == ("Succeeded", "Resumed")


def test_steps_side_by_side_end_together_when_one_fails() -> None:
    """Today one step runs at a time; nothing but the choice of the next one knows that."""
    given = snapshot(step("a"), step("b"))
    runs = {("a", 1): ACTIVE, ("b", 1): failed()}
    decision = decide(given, runs)
    assert decision.commands == (CancelScript("a", 1),)
    canceled = RunResult("Canceled", "Canceled", created_at=START, finished_at=later(3))
    decision = decide(given, {**runs, ("a", 1): canceled}, decision.states)
    assert phases(decision) == {"a": ("Canceled", "NotReached"), "b": ("Failed", "ScriptFailed")}
    assert decision.commands == (Finish("Failed", "StepFailed", "step b failed: ScriptFailed: boom"),)


def test_uuids_of_a_step_are_the_same_in_each_attempt() -> None:
    given = snapshot(step("a", variables={"key": "{{ uuid() }}"}, retry={"limit": 1, "delaySeconds": 0}))
    (first, _), (second, _) = decide(given).commands, decide(given, {("a", 1): failed()}).commands
    assert isinstance(first, StartScript)
    assert isinstance(second, StartScript)
    assert second.attempt == 2
    assert first.variables == second.variables


def test_an_evaluation_that_failed_is_not_asked_for_again() -> None:
    given = snapshot(step("a", variables={"x": "{{ 1 }}"}))
    results = Results({}, {("a", "variables"): Fault("steps[0].variables", "takes too long")})
    decision = advance(given, {}, results, START)
    assert phases(decision) == {"a": ("Failed", "ExpressionFailed")}


def test_outputs_that_are_too_large_together_fail_the_step_that_adds_the_last() -> None:
    given = snapshot(step("a"), step("b", onFailure="Continue"), step("c"))
    half = replace(succeeded("x"), output_bytes=OUTPUTS_LIMIT_BYTES // 2 + 1)
    decision = decide(given, {("a", 1): half, ("b", 1): half, ("c", 1): succeeded("y")})
    assert phases(decision)["b"] == ("Failed", "OutputTooLarge")
    assert str(OUTPUTS_LIMIT_BYTES) in decision.states["b"].message
    assert phases(decision)["c"] == ("Succeeded", "Completed")
    assert decide(given, {("a", 1): half}, decision.states).states == decision.states
