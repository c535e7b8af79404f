"""Conductor's documents: tasks in, updates out, and what a task says when it is read back."""

import json
from dataclasses import replace
from typing import Any

import pytest

from scriptrun.errors import Rejected
from scriptrun.models.reasons import REASONS, Reason
from scriptrun.orchestrators.adapter import Outcome, Task, TaskFailure
from scriptrun.orchestrators.conductor.task import (
    Finding,
    build_extension,
    build_update,
    check_output_size,
    is_about,
    judge_update,
    read_task,
)
from unit.orchestrators.conductorshapes import HANDLE, RECORDED, TASK_ID, WORKFLOW_ID, recorded

NOW = 1_795_234_000_000


def update(outcome: Outcome) -> dict[str, Any]:
    return build_update(HANDLE, outcome, "w1", 10, NOW)


def failed(message: str, reason: Reason = Reason.SCRIPT_FAILED) -> Outcome:
    return Outcome(status="FAILED", failure=TaskFailure(reason, message))


def test_a_scripts_terminal_error_is_conductors() -> None:
    outcome = replace(failed("no such order"), terminal=True)
    update = build_update(read_task(RECORDED).handle, outcome, "w", 1.0, 0)
    assert (update["status"], update["reasonForIncompletion"]) == ("FAILED_WITH_TERMINAL_ERROR", "no such order")


def test_a_task() -> None:
    assert read_task(RECORDED, script_header="script") == Task(
        identity=TASK_ID,
        id=TASK_ID,
        type="greet",
        workflow_id=WORKFLOW_ID,
        script="hello.py",
        variables={"name": "Ada"},
        payload={name: value for name, value in RECORDED.items() if name != "inputData"},
        handle=HANDLE,
        lease_seconds=60,
    )


def test_without_a_header_all_input_is_the_scripts() -> None:
    task = read_task(RECORDED)
    assert (task.script, task.variables) == ("", {"name": "Ada", "script": "hello.py"})


def test_the_input_is_not_changed() -> None:
    read_task(document := recorded(), script_header="script")
    assert document == RECORDED


@pytest.mark.parametrize(("given", "seconds"), [(0, None), (30, 30), (None, None), ("60", None), (True, None)])
def test_lease(given: Any, seconds: float | None) -> None:
    assert read_task(recorded(responseTimeoutSeconds=given)).lease_seconds == seconds


def test_the_domain_is_the_tasks_own_where_it_has_one() -> None:
    assert read_task(RECORDED, "polled").domain == "polled"
    assert read_task(recorded(domain="prod"), "polled").domain == "prod"


def test_a_callback_has_the_same_identity_and_another_handle() -> None:
    first, second = read_task(RECORDED), read_task(recorded(pollCount=2))
    assert first.identity == second.identity
    assert first.handle != second.handle


@pytest.mark.parametrize("task_id", ["Not-a-UUID", "x" * 80, "é/\ud800", TASK_ID.upper()])
def test_an_identity_is_fit_for_a_name_whatever_the_id(task_id: str) -> None:
    identity = read_task(recorded(taskId=task_id)).identity
    assert identity.encode("ascii").decode().replace("-", "").isalnum()
    assert identity == identity.lower()
    assert len(identity) <= 40
    assert identity != read_task(recorded(taskId=task_id + "x")).identity


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"inputData": [1]}, Reason.INVALID_VARIABLES, "inputData must be a JSON object; it is a list"),
        ({"inputData": "text"}, Reason.INVALID_VARIABLES, "it is a str"),
        ({"inputData": {"script": 7}}, Reason.SCRIPT_NOT_ALLOWED, '"script" must be the name of a Script'),
        (
            {"inputData": {}, "externalInputPayloadStoragePath": "a/b.json"},
            Reason.INPUT_TOO_LARGE,
            "pass large data by reference",
        ),
    ],
)
def test_a_task_that_can_not_be_run_says_why(changes: dict[str, Any], reason: Reason, words: str) -> None:
    task = read_task(recorded(**changes), script_header="script")
    assert task.problem is not None
    assert task.problem.reason is reason
    assert words in task.problem.message
    assert task.script == ""
    assert task.handle == HANDLE


def test_a_script_that_an_expression_did_not_find_is_none() -> None:
    task = read_task(recorded(inputData={"script": None, "name": "Ada"}), script_header="script")
    assert (task.script, task.variables, task.problem) == ("", {"name": "Ada"}, None)


@pytest.mark.parametrize("document", [None, [], "task", {}, {"taskId": 7}, {"taskId": ""}])
def test_what_is_no_task(document: object) -> None:
    with pytest.raises(ValueError, match="without taskId"):
        read_task(document)


def test_a_task_with_next_to_nothing_in_it() -> None:
    task = read_task({"taskId": TASK_ID})
    assert (task.type, task.workflow_id, task.variables, task.problem) == ("", "", {}, None)
    assert task.handle == {"taskId": TASK_ID, "workflowInstanceId": "", "pollCount": 0}


def test_an_extension_changes_nothing_else() -> None:
    assert build_extension(HANDLE, "w1") == {
        "taskId": TASK_ID,
        "workflowInstanceId": WORKFLOW_ID,
        "status": "IN_PROGRESS",
        "workerId": "w1",
        "extendLease": True,
    }


def test_completed() -> None:
    assert update(Outcome(status="COMPLETED", output={"greeting": "Hello Ada"}, logs=("one", "two"))) == {
        "taskId": TASK_ID,
        "workflowInstanceId": WORKFLOW_ID,
        "status": "COMPLETED",
        "workerId": "w1",
        "outputData": {"greeting": "Hello Ada"},
        "logs": [{"log": "one", "createdTime": NOW}, {"log": "two", "createdTime": NOW}],
    }


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.COMPLETED])
def test_what_another_try_can_t_mend_is_not_tried_again(reason: Reason) -> None:
    facts = REASONS[reason]
    final = facts.blame != "script" and not facts.retryable
    sent = update(failed("no", reason))
    assert sent["status"] == ("FAILED_WITH_TERMINAL_ERROR" if final else "FAILED")
    assert sent["reasonForIncompletion"] == ("no" if reason is Reason.SCRIPT_FAILED else f"{reason}: no")


def test_a_failure_has_its_output_too() -> None:
    outcome = Outcome(status="FAILED", output={"step": 3}, failure=TaskFailure(Reason.SCRIPT_FAILED, "no"))
    assert update(outcome)["outputData"] == {"step": 3}


@pytest.mark.parametrize(
    ("back_off", "callback", "seconds"), [(0, 10, 10), (0, 0, 1), (0.2, 10, 1), (2.1, 10, 3), (90, 10, 90)]
)
def test_in_progress_is_never_due_at_once(back_off: float, callback: float, seconds: int) -> None:
    outcome = Outcome(status="IN_PROGRESS", back_off_seconds=back_off)
    assert build_update(HANDLE, outcome, "w1", callback, NOW)["callbackAfterSeconds"] == seconds


def test_a_long_reason_is_cut_where_the_server_would_and_stands_in_the_log_whole() -> None:
    whole = "𝄞" * 400  # two UTF-16 units each
    sent = update(failed(whole))
    assert sent["reasonForIncompletion"] == "𝄞" * 249 + "…"
    assert len(sent["reasonForIncompletion"].encode("utf-16-le")) <= 1000
    assert [entry["log"] for entry in sent["logs"]] == [whole]


def test_a_reason_that_just_fits() -> None:
    sent = update(failed("x" * 500))
    assert sent["reasonForIncompletion"] == "x" * 500
    assert sent["logs"] == []


def test_many_lines_are_one_entry() -> None:
    lines = tuple(str(number) for number in range(501))
    assert [entry["log"] for entry in update(Outcome(status="COMPLETED", logs=lines))["logs"]] == ["\n".join(lines)]
    assert len(update(Outcome(status="COMPLETED", logs=lines[:500]))["logs"]) == 500


def test_half_characters_are_replaced_as_the_server_does() -> None:
    sent = update(Outcome(status="COMPLETED", output={"a": "\ud800!"}))
    assert sent["outputData"] == {"a": "?!"}
    json.dumps(sent, ensure_ascii=False).encode()


COMPLETED = Outcome(status="COMPLETED", output={"n": None, "e": "", "f": 1.0})
WAITS = Outcome(status="IN_PROGRESS", output={"progress": 1})


def judge(document: dict[str, Any], outcome: Outcome) -> Finding:
    return judge_update(document, HANDLE, update(outcome))


def test_confirmed_when_it_is_what_was_sent() -> None:
    done = recorded(status="COMPLETED", outputData={"n": None, "e": "", "f": 1})
    assert judge(done, COMPLETED) == Finding("confirmed", "COMPLETED")
    elsewhere = recorded(status="COMPLETED", outputData={}, externalOutputPayloadStoragePath="a.json")
    assert judge(elsewhere, COMPLETED).state == "confirmed"
    lost = recorded(status="FAILED", reasonForIncompletion="no")
    assert judge(lost, failed("no")).state == "confirmed"
    assert judge(recorded(status="FAILED", reasonForIncompletion=None), failed("")).state == "confirmed"


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "CANCELED"},
        {"status": "TIMED_OUT", "reasonForIncompletion": "responseTimeout: 2 exceeded"},
        {"status": "COMPLETED", "workerId": "w2", "outputData": COMPLETED.output},
        {"status": "COMPLETED", "outputData": {"n": 1}},
        {"status": "COMPLETED", "outputData": COMPLETED.output, "reasonForIncompletion": "other"},
        {"status": "FAILED_WITH_TERMINAL_ERROR", "workerId": "w2"},
    ],
)
def test_anothers_end_is_not_ours(changes: dict[str, Any]) -> None:
    finding = judge(recorded(**changes), COMPLETED)
    assert finding.state == "gone"
    assert changes["status"] in finding.message


def test_not_applied_yet() -> None:
    for outcome in (COMPLETED, failed("no"), WAITS):
        assert judge(RECORDED, outcome).state == "waiting"
    assert judge(recorded(status="SCHEDULED"), COMPLETED).state == "waiting"


def test_in_progress_shows_as_scheduled_and_then_as_handed_out_again() -> None:
    assert judge(recorded(status="SCHEDULED", callbackAfterSeconds=10), WAITS) == Finding(
        "confirmed", "IN_PROGRESS, due again in 10 s"
    )
    assert judge(recorded(pollCount=2), WAITS).state == "confirmed"
    assert judge(recorded(status="COMPLETED", pollCount=2), WAITS).state == "confirmed"
    assert judge(recorded(status="CANCELED"), WAITS).state == "gone"


def test_an_output_that_the_server_found_too_large() -> None:
    said = "The payload size: 11000008 of task: x in workflow: y  is greater than the permissible limit: 10485760 bytes"
    document = recorded(status="FAILED_WITH_TERMINAL_ERROR", reasonForIncompletion=said)
    assert judge(document, COMPLETED) == Finding("rejected", said)


def test_output_size_names_both_numbers() -> None:
    sent = update(Outcome(status="COMPLETED", output={"a": "é" * 10}))
    check_output_size(sent, 28)
    with pytest.raises(Rejected, match="28 bytes, and Conductor takes at most 27"):
        check_output_size(sent, 27)


@pytest.mark.parametrize(
    ("message", "about"),
    [
        (f"No such task found by id: {TASK_ID}", True),
        (f"No such workflow found by id: {WORKFLOW_ID}", True),
        ("No static resource api/tasks.", False),
        ("", False),
    ],
)
def test_a_404_counts_only_where_tasks_are_known(message: str, about: bool) -> None:
    assert is_about(message, HANDLE) is about
    assert not is_about("anything", {"taskId": "x", "workflowInstanceId": ""})
