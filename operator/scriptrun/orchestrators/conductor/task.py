"""Conductor's tasks, and our updates of them: what the documents look like and what they mean. Pure.

Facts are those of Conductor OSS 3.32 (``TaskResource``, ``ExecutionService.poll``, ``WorkflowExecutorOps.updateTask``).
"""

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from scriptrun.errors import Rejected
from scriptrun.models.reasons import REASONS, Reason
from scriptrun.orchestrators.adapter import Handle, Outcome, Task, TaskFailure
from scriptrun.policies.text import escape_controls, shorten

__all__ = [
    "OUTPUT_LIMIT_BYTES",
    "Finding",
    "build_extension",
    "build_update",
    "check_output_size",
    "describe_task_end",
    "describe_workflow_end",
    "is_about",
    "is_handle",
    "judge_update",
    "read_task",
]

_TASK_ENDS = frozenset(
    (
        "CANCELED",
        "COMPLETED",
        "COMPLETED_WITH_ERRORS",
        "FAILED",
        "FAILED_WITH_TERMINAL_ERROR",
        "SKIPPED",
        "TIMED_OUT",
    )
)
"""Statuses that a task never leaves."""
OUTPUT_LIMIT_BYTES = 10_485_760
"""Default of ``conductor.app.maxTaskOutputPayloadSizeThreshold``: with more the server fails the task for good."""

_WORKFLOW_ENDS = frozenset(("COMPLETED", "FAILED", "TERMINATED", "TIMED_OUT"))
_REASON_LIMIT = 500  # UTF-16 units: `TaskResult.setReasonForIncompletion` cuts there
_LOG_ENTRIES = 500
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOO_LARGE = re.compile(r"payload size.*greater than the permissible limit", re.DOTALL | re.IGNORECASE)


def read_task(document: object, domain: str = "", script_header: str = "") -> Task:
    """Build a task of one entry of a poll's answer.

    Args:
        document: as the server gave it.
        domain: that was polled.
        script_header: the input parameter that names the Script; empty: none does.

    Raises:
        ValueError: it is no task at all, so that it can't even be failed.
    """
    if not isinstance(document, dict) or not _is_text(document.get("taskId")):
        raise ValueError(f"a {type(document).__name__} without taskId")
    variables, problem = _read_input(document)
    script = variables.pop(script_header, None) if script_header else None
    script = "" if script is None else script  # an expression that finds nothing gives null
    if not isinstance(script, str):
        problem = problem or TaskFailure(
            Reason.SCRIPT_NOT_ALLOWED, f'the input parameter "{script_header}" must be the name of a Script, a text'
        )
    lease_seconds = document.get("responseTimeoutSeconds")
    return Task(
        identity=_build_identity(document["taskId"]),
        id=document["taskId"],
        type=_read_text(document, "taskType") or _read_text(document, "taskDefName"),
        workflow_id=_read_text(document, "workflowInstanceId"),
        domain=_read_text(document, "domain") or domain,
        script=script if isinstance(script, str) else "",
        variables=variables,
        payload={name: value for name, value in document.items() if name != "inputData"},
        handle={
            "taskId": document["taskId"],
            "workflowInstanceId": _read_text(document, "workflowInstanceId"),
            "pollCount": _read_count(document),
        },
        lease_seconds=lease_seconds if type(lease_seconds) is int and lease_seconds > 0 else None,
        problem=problem,
    )


def _read_input(document: Mapping[str, Any]) -> tuple[dict[str, Any], TaskFailure | None]:
    variables = document.get("inputData")
    if document.get("externalInputPayloadStoragePath"):
        text = "the task's input is so large that the server keeps it elsewhere: pass large data by reference"
        return {}, TaskFailure(Reason.INPUT_TOO_LARGE, text)
    if not isinstance(variables, dict | None):
        text = f"the task's inputData must be a JSON object; it is a {type(variables).__name__}"
        return {}, TaskFailure(Reason.INVALID_VARIABLES, text)
    return dict(variables or {}), None


def _build_identity(task_id: str) -> str:
    """Conductor gives a retry an id of its own; the same id again is the same attempt, until it ends IN_PROGRESS."""
    return task_id if _UUID.fullmatch(task_id) else sha256(task_id.encode(errors="replace")).hexdigest()[:40]


def build_extension(handle: Handle, worker_id: str) -> dict[str, Any]:
    """Build the update that makes ``responseTimeoutSeconds`` count anew, and changes nothing else."""
    return {**_build_address(handle), "status": "IN_PROGRESS", "workerId": worker_id, "extendLease": True}


def build_update(
    handle: Handle, outcome: Outcome, worker_id: str, callback_seconds: float, now_milliseconds: int
) -> dict[str, Any]:
    """Build the update that reports how a task ended.

    Args:
        handle: of the task.
        outcome: how it ended.
        worker_id: who says so.
        callback_seconds: when a task that ended IN_PROGRESS is to be handed out again, unless its outcome says so.
        now_milliseconds: since the epoch, for the log.
    """
    reason = _explain(outcome.failure) if outcome.failure else ""
    short = _cut(reason)
    logs = list(outcome.logs) if short == reason else [*outcome.logs, reason]
    if len(logs) > _LOG_ENTRIES:
        logs = ["\n".join(logs)]
    update: dict[str, Any] = {
        **_build_address(handle),
        "status": _decide_status(outcome),
        "workerId": worker_id,
        "outputData": outcome.output,
        "logs": [{"log": escape_controls(line), "createdTime": now_milliseconds} for line in logs],
    }
    if short:
        update["reasonForIncompletion"] = short
    if outcome.status == "IN_PROGRESS":
        # With 0 the task is in its queue again before this update is stored: two workers would have it.
        update["callbackAfterSeconds"] = max(1, math.ceil(outcome.back_off_seconds or callback_seconds))
    return _without_half_characters(update)


def is_handle(handle: Handle) -> bool:
    """Whether what was kept of a task still names one."""
    kinds = {"taskId": str, "workflowInstanceId": str, "pollCount": int}
    return all(type(handle.get(name)) is kind for name, kind in kinds.items()) and bool(handle["taskId"])


def _build_address(handle: Handle) -> dict[str, Any]:
    return {"taskId": handle["taskId"], "workflowInstanceId": handle["workflowInstanceId"]}


def _decide_status(outcome: Outcome) -> str:
    """Decide the status.

    A caller's mistake stays one; what a script did wrong it may do right the next time, unless it says otherwise.
    """
    if outcome.status != "FAILED" or outcome.failure is None:
        return outcome.status
    facts = REASONS[outcome.failure.reason]
    if outcome.terminal:
        return "FAILED_WITH_TERMINAL_ERROR"
    return "FAILED" if facts.retryable or facts.blame == "script" else "FAILED_WITH_TERMINAL_ERROR"


def _explain(failure: TaskFailure) -> str:
    """Say why, in the script's own words where it is the script that says so."""
    if failure.reason is Reason.SCRIPT_FAILED:
        return failure.message
    return f"{failure.reason}: {failure.message}"


def _cut(reason: str) -> str:
    """Cut a reason to what the server keeps of it, so that what is read back is what was sent."""
    units = reason.encode("utf-16-le", "replace")
    if len(units) <= 2 * _REASON_LIMIT:
        return reason
    kept = units[: 2 * (_REASON_LIMIT - 1)].decode("utf-16-le", "ignore")
    return shorten(reason, len(kept) + 1)


def _without_half_characters(update: dict[str, Any]) -> dict[str, Any]:
    """Replace half surrogate pairs, as the server does, so that what is read back is what was sent."""
    text = json.dumps(update, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        clean: dict[str, Any] = json.loads(text.encode(errors="replace"))
        return clean
    return update


@dataclass(frozen=True, slots=True)
class Finding:
    """What a task, read back, says of an update.

    Attributes:
        state: confirmed, waiting (not applied, but it may still be), gone (it never will be), or rejected.
        message: for people.
    """

    state: Literal["confirmed", "waiting", "gone", "rejected"]
    message: str


def judge_update(document: Mapping[str, Any], handle: Handle, update: Mapping[str, Any]) -> Finding:
    """Judge by the task, as read back, whether an update was applied: the server answers 200 either way.

    Args:
        document: the task.
        handle: as of the delivery that the update answers.
        update: as sent.
    """
    status = _read_text(document, "status")
    if update["status"] == "IN_PROGRESS":
        if _read_count(document) > handle["pollCount"]:
            return Finding("confirmed", "IN_PROGRESS, and handed out again since")
        if status == "SCHEDULED":
            return Finding("confirmed", f"IN_PROGRESS, due again in {update['callbackAfterSeconds']} s")
    if status not in _TASK_ENDS:
        return Finding("waiting", f"the task is still {status}")
    if _is_same(document, update):
        return Finding("confirmed", status)
    reason = _read_text(document, "reasonForIncompletion")
    if document.get("workerId") == update["workerId"] and _TOO_LARGE.search(reason):
        return Finding("rejected", reason)
    by = _read_text(document, "workerId") or "nobody"
    return Finding("gone", f"the task is {status} already, last handed to {by}{f': {reason}' if reason else ''}")


def describe_task_end(document: Mapping[str, Any]) -> str:
    """Say how a task, as read, has ended; "" for one that has not."""
    return _describe_end("task", document, _TASK_ENDS)


def describe_workflow_end(document: Mapping[str, Any]) -> str:
    """Say how a workflow, as read, has ended; "" for one that has not."""
    return _describe_end("workflow", document, _WORKFLOW_ENDS)


def _describe_end(what: str, document: Mapping[str, Any], ends: Collection[str]) -> str:
    status, reason = _read_text(document, "status"), _read_text(document, "reasonForIncompletion")
    return f"the {what} is {status}{f': {reason}' if reason else ''}" if status in ends else ""


def _is_same(document: Mapping[str, Any], update: Mapping[str, Any]) -> bool:
    elsewhere = bool(document.get("externalOutputPayloadStoragePath"))
    return (
        document.get("status") == update["status"]
        and document.get("workerId") == update["workerId"]
        and _read_text(document, "reasonForIncompletion") == update.get("reasonForIncompletion", "")
        and (elsewhere or (document.get("outputData") or {}) == update["outputData"])
    )


def check_output_size(update: Mapping[str, Any], limit_bytes: int = OUTPUT_LIMIT_BYTES) -> None:
    """Check an update's output against the server's limit.

    Raises:
        Rejected: with both numbers.
    """
    size = len(json.dumps(update["outputData"], ensure_ascii=False, separators=(",", ":")).encode())
    if size > limit_bytes:
        raise Rejected(
            f"the output is {size} bytes, and Conductor takes at most {limit_bytes}: pass large data by reference"
        )


def is_about(message: str, handle: Handle) -> bool:
    """Whether a server's message speaks of this task, and so knows tasks: else the address is wrong."""
    return any(name and name in message for name in (handle["taskId"], handle["workflowInstanceId"]))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _read_text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _read_count(document: Mapping[str, Any]) -> int:
    value = document.get("pollCount")
    return value if type(value) is int else 0
