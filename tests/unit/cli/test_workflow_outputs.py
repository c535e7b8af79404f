"""The order of a WorkflowRun's ScriptRuns."""

from typing import Any

from scriptrun.cli.workflows.outputs import sort_step_runs
from scriptrun.desired.workflows.names import ATTEMPT_LABEL, STEP_LABEL

RUN = {"status": {"steps": [{"name": "count"}, {"name": "again"}]}}


def step_run(step: str, attempt: int, second: int) -> dict[str, Any]:
    labels = {STEP_LABEL: step, ATTEMPT_LABEL: str(attempt)}
    return {"metadata": {"labels": labels, "creationTimestamp": f"2026-01-01T00:00:{second:02}Z"}}


def test_those_of_one_second_are_in_the_order_of_the_steps_and_attempts() -> None:
    ordered = [step_run("late", 1, 0), *(step_run("count", number, 1) for number in (2, 10)), step_run("again", 1, 1)]
    assert sort_step_runs(reversed(ordered), RUN) == ordered
