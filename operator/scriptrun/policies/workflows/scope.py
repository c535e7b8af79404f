"""What the expressions of a step may read."""

from collections.abc import Iterable, Mapping
from typing import Any

from scriptrun.policies.expressions.render import Scope
from scriptrun.policies.workflows.states import NO_OUTPUT, Snapshot, StepState

__all__ = ["build_scope"]


def build_scope(snapshot: Snapshot, states: Mapping[str, StepState], reads: Iterable[str], step: str) -> Scope:
    """Build the scope of a step's expressions: the same in every attempt.

    Args:
        snapshot: of the run.
        states: of its steps.
        reads: names of the steps that may be read.
        step: whose expressions they are; "" for the run's output.
    """
    steps = {name: _describe(states[name]) for name in reads if name in states}
    run = {
        "name": snapshot.name,
        "namespace": snapshot.namespace,
        "uid": snapshot.uid,
        "startedAt": snapshot.started_at.isoformat().replace("+00:00", "Z"),
        "workflow": snapshot.workflow,
        "trigger": dict(snapshot.trigger),
    }
    variables = {"input": snapshot.input, "config": snapshot.spec.config, "steps": steps, "run": run, "event": {}}
    return Scope(variables, f"{snapshot.uid}/{step}", snapshot.started_at)


def _describe(state: StepState) -> dict[str, Any]:
    described: dict[str, Any] = {
        "phase": state.phase,
        "reason": state.reason,
        "message": state.message,
        "attempts": state.attempts,
    }
    return described if state.output is NO_OUTPUT else {**described, "output": state.output}
