"""Zeebe's documents: a job becomes a task, an outcome becomes a command. Shapes as 8.6 gave them and as 8.10 says."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.models.bridge import ZeebeSpec
from scriptrun.models.reasons import REASONS, Reason
from scriptrun.orchestrators.adapter import Outcome, TaskFailure
from scriptrun.orchestrators.zeebe.job import (
    MESSAGE_LIMIT,
    build_activation,
    build_extension,
    build_job_commands,
    read_job,
)

# As Zeebe 8.6.0 answered.
JOB_8_6: dict[str, Any] = {
    "key": 2251799813685257,
    "type": "script-python",
    "processInstanceKey": 2251799813685251,
    "processDefinitionId": "p",
    "processDefinitionVersion": 1,
    "processDefinitionKey": 2251799813685250,
    "elementId": "t",
    "elementInstanceKey": 2251799813685256,
    "customHeaders": {"script": "hello", "region": "eu"},
    "worker": "w",
    "retries": 3,
    "deadline": 1795234094325,
    "variables": {"a": 1},
    "tenantId": "<default>",
}
# As the published API of 8.10 describes it: keys are strings under new names; a token where leases were asked for.
JOB_8_10: dict[str, Any] = {
    **{name: value for name, value in JOB_8_6.items() if name != "key"},
    "jobKey": "2251799813685257",
    "processInstanceKey": "2251799813685251",
    "rootProcessInstanceKey": "2251799813685251",
    "processDefinitionKey": "2251799813685250",
    "elementInstanceKey": "2251799813685256",
    "kind": "BPMN_ELEMENT",
    "listenerEventType": "UNSPECIFIED",
    "userTask": None,
    "tags": [],
    "jobLeaseToken": "kQ3v",
}
HANDLE = {"key": "2251799813685257", "retries": 3}


@pytest.mark.parametrize("job", [JOB_8_6, JOB_8_10])
def test_a_job_of_any_version_becomes_the_same_task(job: dict[str, Any]) -> None:
    task = read_job(job, "script")
    assert (task.identity, task.id, task.workflow_id) == ("2251799813685257-3", "2251799813685257", "2251799813685251")
    assert (task.type, task.script, task.domain) == ("script-python", "hello", "")
    assert (task.headers, task.variables, task.payload) == ({"script": "hello", "region": "eu"}, {"a": 1}, {})
    assert task.problem is None


def test_the_handle_holds_what_a_report_needs_and_survives_json() -> None:
    assert read_job(JOB_8_6, "script").handle == HANDLE
    handle = read_job(JOB_8_10, "script").handle
    assert handle == {**HANDLE, "jobLeaseToken": "kQ3v"}
    assert json.loads(json.dumps(handle)) == handle


def test_another_header_may_name_the_script() -> None:
    assert read_job(JOB_8_6, "region").script == "eu"
    assert read_job(JOB_8_6, "absent").script == ""


@pytest.mark.parametrize("headers", [None, [], "x", {"script": ["a"]}, {"script": None}])
def test_headers_that_name_no_script_are_left_to_the_bridge(headers: object) -> None:
    assert read_job({**JOB_8_6, "customHeaders": headers}, "script").script == ""


@pytest.mark.parametrize("variables", [[1], "text", 7, True])
def test_variables_that_are_no_object_are_a_problem(variables: object) -> None:
    problem = read_job({**JOB_8_6, "variables": variables}, "script").problem
    assert problem is not None
    assert problem.reason is Reason.INVALID_VARIABLES
    assert "must be a JSON object; they are a" in problem.message


def test_no_variables_are_none() -> None:
    task = read_job({**JOB_8_6, "variables": None}, "script")
    assert (task.variables, task.problem) == ({}, None)


@pytest.mark.parametrize(
    "job",
    [
        None,
        [],
        "x",
        {},
        {"key": "a/b", "retries": 1},
        {"key": 1},
        {"key": True, "retries": 1},
        {"key": 1.5, "retries": 1},
        {"key": [1], "retries": 1},
        {"key": "1" * 20, "retries": 1},
        {"key": 1, "retries": "1" * 5000},
    ],
)
def test_what_can_not_be_reported_is_no_job(job: object) -> None:
    with pytest.raises(ValueError, match="job"):
        read_job(job, "script")


@pytest.mark.parametrize("token", [7, ["x"], {"a": 1}, "x" * 1025, ""])
def test_a_lease_token_is_a_short_text_or_none(token: object) -> None:
    """It is kept in the run, and sent back."""
    assert "jobLeaseToken" not in read_job({**JOB_8_10, "jobLeaseToken": token}, "script").handle


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**31 - 1))
def test_the_identity_names_one_attempt_and_fits_a_name(key: int, retries: int) -> None:
    identity = read_job({**JOB_8_6, "key": key, "retries": retries}, "script").identity
    assert re.fullmatch("[0-9a-z-]{1,40}", identity)
    assert identity == read_job({**JOB_8_10, "jobKey": str(key), "retries": retries}, "script").identity
    assert identity.split("-") == [str(key), str(retries)]


def test_activation_asks_for_no_more_than_it_was_told() -> None:
    spec = ZeebeSpec(address="http://zeebe:8080")
    assert build_activation(spec, "scriptrun/main", 7, 60, 20) == {
        "type": "script-python",
        "worker": "scriptrun/main",
        "maxJobsToActivate": 7,
        "timeout": 60_000,
        "requestTimeout": 20_000,
    }
    full = ZeebeSpec(address="http://zeebe:8080", fetch_variables=["a", "b"], tenant_ids=["t"])
    asked = build_activation(full, "w", 1, 60, 20)
    assert (asked["fetchVariable"], asked["tenantIds"]) == (["a", "b"], ["t"])


def test_a_poll_is_never_the_gateways_own_length() -> None:
    # 0 is the gateway's default, 10 s; less does not wait at all.
    assert build_activation(ZeebeSpec(address="http://zeebe:8080"), "w", 1, 60, 0.0001)["requestTimeout"] == 1


def test_an_extension_counts_from_now_and_carries_the_token() -> None:
    assert build_extension(HANDLE, 60) == {"changeset": {"timeout": 60_000}}
    assert build_extension({**HANDLE, "leaseToken": "x"}, 60) == {"changeset": {"timeout": 60_000}, "leaseToken": "x"}


def fail(reason: Reason = Reason.SCRIPT_FAILED, message: str = "exit code 1", **more: Any) -> Outcome:
    return Outcome(status="FAILED", failure=TaskFailure(reason, message), **more)


def test_completed_sends_the_output_and_nothing_else() -> None:
    (report,) = build_job_commands(HANDLE, Outcome(status="COMPLETED", output={"a": [1]}))
    assert (report.command, report.body, report.says) == ("completion", {"variables": {"a": [1]}}, "completed")


def test_failed_takes_one_try_away_and_waits() -> None:
    (report,) = build_job_commands(HANDLE, fail(back_off_seconds=10.5))
    assert report.command == "failure"
    assert report.body == {"retries": 2, "retryBackOff": 10_500, "errorMessage": "ScriptFailed: exit code 1"}
    assert report.says == "failed, 2 left to try"


@pytest.mark.parametrize("retries", [1, 0])
def test_the_last_try_makes_an_incident(retries: int) -> None:
    (report,) = build_job_commands({**HANDLE, "retries": retries}, fail(back_off_seconds=10))
    assert report.body == {"retries": 0, "errorMessage": "ScriptFailed: exit code 1"}
    assert "incident" in report.says


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.COMPLETED])
def test_what_trying_again_can_not_help_is_an_incident_at_once(reason: Reason) -> None:
    (report,) = build_job_commands(HANDLE, fail(reason, "because", back_off_seconds=1))
    assert report.body["retries"] == (2 if REASONS[reason].retryable else 0)
    assert report.body["errorMessage"] == f"{reason}: because"


def test_the_output_of_a_failure_goes_along_where_it_can() -> None:
    with_output, without = build_job_commands(HANDLE, fail(output={"step": 3}))
    assert with_output.body == {**without.body, "variables": {"step": 3}}
    assert "variables" not in without.body


def test_in_progress_is_a_failure_that_says_why() -> None:
    *_, report = build_job_commands(HANDLE, Outcome(status="IN_PROGRESS", output={"a": 1}))
    assert (report.command, report.body["retries"]) == ("failure", 0)
    assert "IN_PROGRESS, which Zeebe does not know" in report.body["errorMessage"]


def test_a_terminal_failure_is_an_incident_at_once() -> None:
    (report,) = build_job_commands(HANDLE, fail(terminal=True, back_off_seconds=10.5))
    assert report.body == {"retries": 0, "errorMessage": "ScriptFailed: exit code 1"}


def test_a_script_throws_a_bpmn_error() -> None:
    (report,) = build_job_commands(HANDLE, fail(output={"error": {"code": "NoStock", "message": "none left"}}))
    assert (report.command, report.says) == ("error", "BPMN error NoStock thrown")
    assert report.body == {"errorCode": "NoStock", "errorMessage": "none left"}


def test_a_whole_number_is_a_code_of_a_bpmn_error() -> None:
    (report,) = build_job_commands(HANDLE, fail(output={"error": {"code": 404}}))
    assert report.body == {"errorCode": "404", "errorMessage": ""}


def test_the_rest_of_the_output_goes_with_the_bpmn_error() -> None:
    with_rest, without = build_job_commands(HANDLE, fail(output={"error": {"code": "NoStock"}, "left": 0}))
    assert with_rest.body == {"errorCode": "NoStock", "errorMessage": "", "variables": {"left": 0}}
    assert without.body == {"errorCode": "NoStock", "errorMessage": ""}


@pytest.mark.parametrize(
    "outcome",
    [
        fail(output={"error": {"code": ""}}),
        fail(output={"error": {"code": 7.5}}),
        fail(output={"error": {"code": True}}),
        fail(output={"error": {"code": 10**5000}}),
        fail(output={"error": {"code": "a", "message": 7}}),
        fail(output={"error": "a"}),
        fail(output={"error": {"message": "a"}}),
        fail(Reason.TIMEOUT, output={"error": {"code": "a"}}),
        Outcome(status="COMPLETED", output={"error": {"code": "a"}}),
        Outcome(status="IN_PROGRESS", output={"error": {"code": "a"}}),
    ],
)
def test_what_only_looks_like_a_bpmn_error_is_none(outcome: Outcome) -> None:
    assert {report.command for report in build_job_commands(HANDLE, outcome)} <= {"completion", "failure"}


def test_every_command_carries_the_token() -> None:
    handle = {**HANDLE, "jobLeaseToken": "kQ3v"}
    outcomes = [
        Outcome(status="COMPLETED", output={"a": 1}),
        fail(output={"a": 1}),
        fail(output={"error": {"code": "E"}, "a": 1}),
    ]
    for report in (report for outcome in outcomes for report in build_job_commands(handle, outcome)):
        assert report.body["jobLeaseToken"] == "kQ3v"


@given(st.text(st.characters(codec=None), max_size=50), st.integers(0, 300))
def test_a_message_always_fits_and_can_be_sent(text: str, times: int) -> None:
    (report,) = build_job_commands(HANDLE, fail(message=text * times))
    sent = report.body["errorMessage"]
    assert len(sent) <= MESSAGE_LIMIT
    json.dumps(sent, ensure_ascii=False).encode()
    assert sent.startswith("ScriptFailed: ")
