"""Every place where a text of a stranger becomes one for people: nothing in it commands a terminal from there on."""

import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest

from builders import NOW, job_facts, pod_facts, result_document, run_facts
from scriptrun import errors
from scriptrun.api.problems import Problem, Wrong, build_response
from scriptrun.cli.output.tables import Row, decide_layout, format_row
from scriptrun.desired.event import build_failure_event
from scriptrun.desired.report import TaskReport
from scriptrun.desired.status import build_end
from scriptrun.models.facts import PodFacts
from scriptrun.models.reasons import Reason
from scriptrun.orchestrators.adapter import Outcome, TaskFailure
from scriptrun.orchestrators.conductor.task import build_update
from scriptrun.orchestrators.http_client import Answer
from scriptrun.orchestrators.zeebe.job import build_job_commands
from scriptrun.policies.attempts import judge_attempt, parse_result
from scriptrun.policies.outcome import decide_outcome
from scriptrun.policies.readiness import NotReady
from scriptrun.policies.text import escape_controls
from scriptrun.policies.verdict import Verdict, Wait

NASTY = "\x1b[31mno such\x1b[0m customer\x1b \x7f\x9b\u202e\rend"
SHOWN = r"no such customer\x1b \x7f\x9b\u202e\x0dend"
ERRORS = [
    class_ for _, class_ in inspect.getmembers(errors, inspect.isclass) if issubclass(class_, errors.ScriptRunError)
]


@pytest.mark.parametrize("class_", ERRORS)
def test_every_error(class_: Callable[..., Exception]) -> None:
    options = {"final": True} if class_ is errors.AddressNotAllowed else {}
    assert str(class_(NASTY, **options)) == SHOWN


def test_what_is_decided() -> None:
    assert Verdict(Reason.SCRIPT_FAILED, NASTY).message == SHOWN
    assert Wait("PodPending", NASTY).message == SHOWN
    assert NotReady("SourceMissing", NASTY).message == SHOWN
    assert TaskFailure(Reason.SCRIPT_FAILED, NASTY).message == SHOWN
    assert TaskReport("Delivered", 1, f"BPMN error {NASTY} thrown").message == f"BPMN error {SHOWN} thrown"


def end_of(pod: PodFacts, result: dict[str, Any] | None) -> tuple[Verdict, dict[str, Any]]:
    """How a run whose only attempt ended so is settled."""
    attempt = judge_attempt(1, pod, parse_result(result, None))
    assert attempt.verdict is not None
    return attempt.verdict, build_end(run_facts(), attempt.verdict, [attempt], attempt, "hello-1", NOW)["status"]


def test_what_a_script_says_of_its_failure() -> None:
    verdict, status = end_of(pod_facts(), result_document("FAILED", message=NASTY, exitCode=3))
    assert status["message"] == SHOWN
    assert {item["message"] for item in status["conditions"]} == {"", SHOWN}
    assert build_failure_event(run_facts(), verdict, NOW)["message"] == SHOWN


def test_what_the_kubelet_quotes() -> None:
    ended = {"exitCode": 128, "reason": "StartError", "message": NASTY}
    _, status = end_of(pod_facts(phase="Failed", state={"terminated": ended}), None)
    assert status["message"] == f"the container could not be started: {SHOWN}"


def test_what_a_registry_answers() -> None:
    pod = pod_facts(phase="Pending", state={"waiting": {"reason": "ErrImagePull", "message": NASTY}})
    waiting = decide_outcome(run_facts(), job_facts(), [judge_attempt(1, pod, None)], NOW)
    assert isinstance(waiting, Wait)
    assert waiting.message == f"ErrImagePull: {SHOWN}"


@pytest.mark.parametrize("size", [1024, 4096])
def test_a_cut_message_is_whole_up_to_the_cut(size: int) -> None:
    verdict = Verdict(Reason.SCRIPT_FAILED, "x" + "\x07" * size)
    status = build_end(run_facts(), verdict, [], None, "", NOW)["status"]
    for message in (status["message"], build_failure_event(run_facts(), verdict, NOW)["message"]):
        assert message.removesuffix("…") == "x" + r"\x07" * (len(message) // 4)


def test_what_an_orchestrator_answers() -> None:
    answer = Answer(
        400, "", {"title": NASTY, "detail": f"the password sec\x1b[0mret {NASTY}"}, "", None, frozenset({"secret"})
    )
    assert (answer.reason, answer.message) == (SHOWN, f"the password [hidden] {SHOWN}")


def test_what_an_orchestrator_is_told() -> None:
    failed = Outcome(status="FAILED", failure=TaskFailure(Reason.SCRIPT_FAILED, NASTY), logs=(NASTY,))
    update = build_update({"taskId": "t", "workflowInstanceId": "w"}, failed, "me", 1.0, 0)
    assert update["reasonForIncompletion"] == SHOWN
    assert [entry["log"] for entry in update["logs"]] == [SHOWN]
    handle = {"key": "1", "retries": 3}
    assert build_job_commands(handle, failed)[0].body["errorMessage"] == f"ScriptFailed: {SHOWN}"
    thrown = Outcome(status="FAILED", failure=failed.failure, output={"error": {"code": "E", "message": NASTY}})
    assert build_job_commands(handle, thrown)[0].body["errorMessage"] == SHOWN


def test_what_a_caller_of_the_api_is_told() -> None:
    problem = Problem("invalid", NASTY, [Wrong(pointer=f"/variables/{NASTY}", detail=NASTY)])
    text = bytes(build_response(problem, "/here").body).decode()
    assert escape_controls(text) == text
    body = json.loads(text)
    assert (body["detail"], body["errors"]) == (SHOWN, [{"pointer": f"/variables/{NASTY}", "detail": SHOWN}])


def test_what_stands_in_tables() -> None:
    row = Row({"Name": "x", "Reason": f"{NASTY}\n2"}, "team", "x", "1", "")
    layout = decide_layout(["Name", "Reason", "Name"], [row], namespaces=False)
    assert format_row(row, layout) == f"x      {SHOWN} 2   x"
    assert layout.header == "NAME   " + "REASON".ljust(len(SHOWN) + 2) + "   NAME"
