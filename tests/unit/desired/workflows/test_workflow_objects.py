"""What is made for a WorkflowRun, and what its status says."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.desired.workflows.names import output_name, step_run_name
from scriptrun.desired.workflows.objects import build_output, build_snapshot, build_step_run, parse_snapshot
from scriptrun.desired.workflows.status import build_end, build_patch, build_progress, build_refusal, build_wait
from scriptrun.desired.workflows.step_status import INLINE_LIMIT_BYTES, build_step, fits_inline, parse_step
from scriptrun.models import WorkflowRunStatus, WorkflowSpec
from scriptrun.policies.workflows.commands import Finish, StartScript
from scriptrun.policies.workflows.states import NO_OUTPUT, Snapshot, StepState

START = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = WorkflowSpec.model_validate({"steps": [{"name": "a_b", "script": "s.py"}], "finally": [], "config": {"k": 1}})
STATES = {"a": StepState("a", "Succeeded", "Resumed", "", 1, START, START, {"v": [1, None]}, 14)}
SNAPSHOT = Snapshot("ns", "run", "uid", "flow", SPEC, {"id": 7}, START, {"kind": "Manual"}, STATES)
RUN: dict[str, Any] = {
    "metadata": {"name": "run", "namespace": "ns", "uid": "uid", "resourceVersion": "5"},
    "spec": {"workflowRef": {"name": "flow"}, "input": {"id": 7}, "trigger": {"kind": "Manual"}},
}

NAMES = st.from_regex("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
STEPS = st.from_regex("[A-Za-z]([-A-Za-z0-9_]{0,38}[A-Za-z0-9])?", fullmatch=True)


@given(NAMES, STEPS, st.integers(1, 11))
def test_a_step_run_has_a_name_that_a_run_may_have(run: str, step: str, attempt: int) -> None:
    name = step_run_name(run, step, attempt)
    assert len(name) <= 55
    assert re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
    assert name == step_run_name(run, step, attempt) != step_run_name(run, step, attempt + 1)
    assert len(output_name(run, step)) <= 253


@given(NAMES, STEPS, STEPS)
def test_steps_of_one_run_have_names_of_their_own(run: str, one: str, other: str) -> None:
    assert (step_run_name(run, one, 1) == step_run_name(run, other, 1)) == (one == other)


def test_short_names_are_readable() -> None:
    assert step_run_name("order-7", "fetch-order", 1) == "order-7-fetch-order-1"
    assert re.fullmatch("order-7-fetch-order-[0-9a-f]{8}-1", step_run_name("order-7", "fetch_Order", 1))


def test_a_snapshot_is_immutable_owned_and_read_back_as_it_was() -> None:
    config_map = build_snapshot(SNAPSHOT)
    assert config_map["immutable"] is True
    assert config_map["metadata"]["ownerReferences"][0]["uid"] == "uid"
    assert parse_snapshot(config_map, RUN) == SNAPSHOT


def test_the_run_of_a_step() -> None:
    body = build_step_run(SNAPSHOT, StartScript("a_b", 2, "s.py", {"x": 1}))
    assert body["spec"] == {"scriptRef": {"name": "s.py"}, "variables": {"x": 1}}
    assert body["metadata"]["labels"]["scriptrun.dev/step"] == "a_b"
    assert body["metadata"]["labels"]["scriptrun.dev/workflow-run"] == "run"
    assert body["metadata"]["ownerReferences"][0]["kind"] == "WorkflowRun"


def test_large_outputs_are_kept_in_a_config_map() -> None:
    assert fits_inline("x" * (INLINE_LIMIT_BYTES - 2))
    assert not fits_inline("x" * INLINE_LIMIT_BYTES)
    assert not fits_inline(2**70)
    body = build_output(SNAPSHOT, "name", "a", {"ä": 2**70})
    assert json.loads(body["data"]["output.json"]) == {"ä": 2**70}
    assert body["immutable"] is True


@pytest.mark.parametrize("output", [NO_OUTPUT, None, {"a": 1}])
def test_a_step_is_read_back_as_it_was_written(output: object) -> None:
    size = 0 if output is NO_OUTPUT else len(json.dumps(output, separators=(",", ":")))
    state = StepState("a", "Failed", "ScriptFailed", "boom", 3, START, START + timedelta(seconds=1.5), output, size)
    assert parse_step(build_step("run", state)) == state
    reference = {"configMap": "c", "key": "output.json", "bytes": 9, "sha256": "a" * 64}
    entry = build_step("run", state, reference)
    assert "output" not in entry
    assert entry["outputRef"] == reference


def test_the_status_from_start_to_end_fits_the_model() -> None:
    states = {**STATES, "b": StepState("b", "Running", attempts=1, started_at=START)}
    progress = build_progress(SNAPSHOT, "a" * 64, states, {})
    assert (progress["phase"], progress["currentStep"], progress["progress"]) == ("Running", "b", "1/1")
    end = build_end(progress, {}, Finish("Failed", "StepFailed", "boom \x1b[31m"), START + timedelta(seconds=2))
    assert (end["phase"], end["durationSeconds"], end["message"]) == ("Failed", 2.0, "boom ")
    assert "currentStep" not in end
    for status in (progress, end, build_wait("others"), build_refusal({}, "InvalidInput", "x", START)):
        WorkflowRunStatus.model_validate(status)
    assert end["conditions"][0]["status"] == "False"


def test_a_status_is_for_this_run_alone() -> None:
    assert build_patch(RUN, {"phase": "Queued"})["metadata"]["resourceVersion"] == "5"
