"""Workflow and WorkflowRun: what the API server shows is read, and what it refuses is refused here, too."""

from typing import Any

import pytest
from pydantic import ValidationError

from scriptrun.models import WorkflowRunSpec, WorkflowRunStatus, WorkflowSpec
from scriptrun.models.workflow import MOST_STEPS

STEP = {
    "name": "fetch-order",
    "script": "fetch.py",
    "variables": {"id": "{{ input.id }}"},
    "when": "{{ true }}",
    "onFailure": "Continue",
    "retry": {"limit": 2, "delaySeconds": 3, "maxDelaySeconds": 4},
    "activeDeadlineSeconds": 5,
}
EVERYTHING: dict[str, Any] = {
    "description": "Totals",
    "project": "finance",
    "tags": ["report"],
    "active": False,
    "parametersSchema": {"type": "object"},
    "config": {"somekey": "some value 2"},
    "steps": [STEP],
    "finally": [{"name": "notify", "script": "notify.py"}],
    "output": {"sum": "{{ 1 }}"},
    "concurrencyPolicy": "Replace",
    "maxConcurrentRuns": 2,
    "activeDeadlineSeconds": 60,
    "ttlSecondsAfterFinished": 0,
}
STATUS: dict[str, Any] = {
    "phase": "Running",
    "snapshot": {"configMap": "r-snapshot", "sha256": "a" * 64},
    "steps": [{"name": "a", "phase": "Succeeded", "run": "r-a-1", "attempts": 1, "output": [1]}],
    "currentStep": "b",
    "progress": "1/2",
    "outputRef": {"configMap": "r-output", "key": "output.json", "bytes": 9, "sha256": "a" * 64},
}


def test_what_is_written_comes_back_as_it_was() -> None:
    spec = WorkflowSpec.model_validate(EVERYTHING)
    assert EVERYTHING.keys() == {field.alias for field in WorkflowSpec.model_fields.values()}
    assert spec.model_dump(by_alias=True, exclude_unset=True) == EVERYTHING
    assert WorkflowRunStatus.model_validate(STATUS).model_dump(by_alias=True, exclude_unset=True) == STATUS


def test_a_run_with_nothing_has_the_defaults() -> None:
    spec = WorkflowRunSpec.model_validate({"workflowRef": {"name": "w"}})
    assert (spec.input, spec.cancel, spec.resume, spec.trigger.kind) == ({}, False, None, "Manual")


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": []},
        {"steps": [STEP | {"name": f"s{number}"} for number in range(MOST_STEPS + 1)]},
        {"steps": [STEP | {"name": "x" * 41}]},
        {"steps": [STEP | {"onFailure": "Ignore"}]},
        {"steps": [STEP | {"retry": {"limit": 11}}]},
        {"steps": [{"name": "a"}]},
        {"steps": [STEP], "activeDeadlineSeconds": 0},
        {"steps": [STEP], "output": [1]},
    ],
)
def test_what_the_crd_refuses_is_refused_here_too(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WorkflowSpec.model_validate(wrong)
