"""How a WorkflowRun ends whose steps are all over."""

from collections.abc import Iterator, Mapping
from typing import Any

from scriptrun.policies.expressions.faults import Fault
from scriptrun.policies.workflows.commands import Command, Evaluate, Finish
from scriptrun.policies.workflows.scope import build_scope
from scriptrun.policies.workflows.states import NO_OUTPUT, Results, Snapshot, StepState

__all__ = ["decide_end"]


def decide_end(snapshot: Snapshot, states: Mapping[str, StepState], results: Results) -> Iterator[Command]:
    """Decide how a run ends; where its output is not evaluated yet, that comes first.

    Args:
        snapshot: of the run.
        states: of its steps, all over.
        results: with the evaluated output.
    """
    if failure := _find_failure(snapshot, states):
        yield failure
        return
    if snapshot.spec.output is None:
        yield Finish("Succeeded", "Completed", output=_find_last_output(snapshot, states))
        return
    key = ("", "output")
    if key not in results.rendered:
        names = [step.name for step in snapshot.steps]
        yield Evaluate(key, snapshot.spec.output, "output", build_scope(snapshot, states, names, ""))
        return
    output = results.rendered[key]
    if isinstance(output, Fault):
        yield Finish("Failed", "ExpressionFailed", output.describe())
    else:
        yield Finish("Succeeded", "Completed", output=output)


def _find_failure(snapshot: Snapshot, states: Mapping[str, StepState]) -> Finish | None:
    """Find out from the states alone why a run has failed: what ended it may be long ago."""
    main = [(step, states[step.name]) for step in snapshot.spec.steps]
    for step, state in main:
        if state.phase in ("Failed", "Canceled") and step.on_failure == "Fail" and not _was_stopped(state):
            return _fail(state)
    for _, state in main:
        if state.reason == "RunTimeout":
            return Finish("Failed", "Timeout", state.message)
        if state.reason == "Canceled" and _was_stopped(state):
            return Finish("Canceled", "Canceled", state.message)
    for step in snapshot.spec.finally_:
        if states[step.name].phase == "Failed" and step.on_failure == "Fail":
            return _fail(states[step.name])
    return None


def _was_stopped(state: StepState) -> bool:
    """Whether a step was ended or skipped with its run, and did not fail by itself."""
    return state.reason == "RunTimeout" or (state.phase in ("Canceled", "Skipped") and state.reason != "ConditionFalse")


def _fail(state: StepState) -> Finish:
    why = ": ".join(part for part in (state.reason, state.message) if part)
    return Finish("Failed", "StepFailed", f"step {state.name} failed: {why}")


def _find_last_output(snapshot: Snapshot, states: Mapping[str, StepState]) -> Any:
    for step in reversed(snapshot.spec.steps):
        if states[step.name].phase == "Succeeded":
            return states[step.name].output
    return NO_OUTPUT
