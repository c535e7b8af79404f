"""Zeebe's jobs and what is said of them: documents in, documents out. Pure.

Shapes are those of the Orchestration Cluster REST API v2 of 8.6 to 8.10 (``/v2/jobs``): 8.6 gives ``key`` as a number,
later versions ``jobKey`` as a string and, where somebody asked for leases, a token that has to be sent back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scriptrun.models.bridge import ZeebeSpec
from scriptrun.models.reasons import REASONS, Reason
from scriptrun.orchestrators.adapter import Handle, Outcome, Task, TaskFailure
from scriptrun.policies.text import escape_controls, shorten

__all__ = ["JobCommand", "build_activation", "build_extension", "build_job_commands", "read_job", "read_key"]

MESSAGE_LIMIT = 4000
"""Characters of an error message that are sent; Zeebe keeps them in every incident."""

_TOKENS = ("jobLeaseToken", "leaseToken")
_TOKEN_CHARACTERS = 1024
_DIGITS = 19  # of a 64-bit number


@dataclass(frozen=True, slots=True)
class JobCommand:
    """One way to report how a job ended.

    Attributes:
        command: last part of the path: completion, failure or error.
        body: to send.
        says: what it means, for people.
    """

    command: str
    body: dict[str, Any]
    says: str


def build_activation(
    spec: ZeebeSpec, worker: str, limit: int, lease_seconds: float, poll_seconds: float
) -> dict[str, Any]:
    """Build the request that activates jobs.

    Args:
        spec: what to claim.
        worker: name of this worker.
        limit: the most jobs to activate.
        lease_seconds: how long they stay ours.
        poll_seconds: how long to wait for the first.
    """
    ask: dict[str, Any] = {
        "type": spec.task_type,
        "worker": worker,
        "maxJobsToActivate": limit,
        "timeout": round(lease_seconds * 1000),
        "requestTimeout": max(1, round(poll_seconds * 1000)),  # 0 would be the gateway's own default
    }
    if spec.fetch_variables:
        ask["fetchVariable"] = spec.fetch_variables
    if spec.tenant_ids:
        ask["tenantIds"] = spec.tenant_ids
    return ask


def read_job(job: object, script_header: str) -> Task:
    """Build a task of an activated job.

    Its payload is empty: a script that reads the task from standard input gets one made of id, type and variables,
    as with any other run. The whole job would hold its variables twice.

    Args:
        job: as Zeebe gave it.
        script_header: the task header that names the Script.

    Raises:
        ValueError: it has no key or no retries, so that it can be neither run nor failed.
    """
    if not isinstance(job, dict):
        raise ValueError(f"no job, but a {type(job).__name__}")
    key, retries = _read_number(job, "jobKey", "key"), _read_number(job, "retries")
    headers = job.get("customHeaders")
    headers = headers if isinstance(headers, dict) else {}
    variables = job.get("variables")
    problem = None
    if not isinstance(variables, dict | None):
        text = f"the job's variables must be a JSON object; they are a {type(variables).__name__}"
        problem = TaskFailure(Reason.INVALID_VARIABLES, text)
    script = headers.get(script_header, "")
    handle: Handle = {"key": key, "retries": int(retries)}
    handle |= {name: token for name in _TOKENS if _is_token(token := job.get(name))}
    return Task(
        identity=f"{key}-{retries}",
        id=key,
        type=str(job.get("type") or ""),
        workflow_id=str(job.get("processInstanceKey") or ""),
        script=script if isinstance(script, str) else "",
        headers=headers,
        variables=variables if isinstance(variables, dict) else {},
        handle=handle,
        problem=problem,
    )


def _read_number(job: Mapping[str, Any], *names: str) -> str:
    """Read a number that is given as one or as a string."""
    value = next((job[name] for name in names if job.get(name) is not None), None)
    text = str(value) if isinstance(value, str) or type(value) is int else ""
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        raise ValueError(f"a job without {names[0]}")
    return text


def _is_token(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _TOKEN_CHARACTERS


def read_key(handle: Handle) -> str:
    """Read the job's key."""
    return _read_number(handle, "key")


def build_extension(handle: Handle, lease_seconds: float) -> dict[str, Any]:
    """Build the update that makes the lease last so long from now."""
    return {"changeset": {"timeout": round(lease_seconds * 1000)}, **_pick_token(handle)}


def build_job_commands(handle: Handle, outcome: Outcome) -> tuple[JobCommand, ...]:
    """Build the ways to report how a job ended, best first: the next is for when the engine refuses one for good.

    Completed: with its output, and nothing else will do. Failed: with the output as variables, else without.
    """
    token = _pick_token(handle)
    if outcome.status == "COMPLETED":
        return (JobCommand("completion", {"variables": outcome.output, **token}, "completed"),)
    if thrown := _build_error(outcome):
        return tuple(
            JobCommand("error", {**body, **token}, f"BPMN error {body['errorCode']} thrown") for body in thrown
        )
    failure = _decide_failure(outcome)
    retryable = REASONS[failure.reason].retryable and not outcome.terminal
    left = max(0, int(handle["retries"]) - 1) if retryable else 0
    body: dict[str, Any] = {"retries": left, "errorMessage": _cut(f"{failure.reason}: {failure.message}")}
    if left:
        body["retryBackOff"] = round(outcome.back_off_seconds * 1000)
    says = f"failed, {left} left to try" if left else "failed, an incident for an analyst"
    bare = JobCommand("failure", {**body, **token}, says)
    if not outcome.output:
        return (bare,)
    return JobCommand("failure", {**body, "variables": outcome.output, **token}, says), bare


def _decide_failure(outcome: Outcome) -> TaskFailure:
    if outcome.status == "IN_PROGRESS":
        text = (
            "the script ended with IN_PROGRESS, which Zeebe does not know: end with COMPLETED or FAILED, and let the "
        )
        return TaskFailure(Reason.INVALID_OUTPUT, text + "process wait with a timer or a message")
    return outcome.failure or TaskFailure(Reason.SCRIPT_FAILED, "the script said FAILED")


def _build_error(outcome: Outcome) -> list[dict[str, Any]]:
    """Build the BPMN error that a script asks for with ``{"error": {"code": …, "message": …}}`` and FAILED."""
    asked = outcome.output.get("error")
    said_by_script = outcome.failure is None or outcome.failure.reason is Reason.SCRIPT_FAILED
    if outcome.status != "FAILED" or not said_by_script or not isinstance(asked, dict):
        return []
    code, message = asked.get("code"), asked.get("message", "")
    if type(code) is int and abs(code) < 2**63:
        code = str(code)  # an HTTP status, say: the process compares texts
    if not isinstance(code, str) or not code or not isinstance(message, str):
        return []
    bare = {"errorCode": code, "errorMessage": _cut(message)}
    variables = {name: value for name, value in outcome.output.items() if name != "error"}
    return [{**bare, "variables": variables}, bare] if variables else [bare]


def _pick_token(handle: Handle) -> dict[str, Any]:
    return {name: handle[name] for name in _TOKENS if name in handle}


def _cut(text: str) -> str:
    """Cut a text for people to what is sent, and replace half surrogate pairs, which no JSON can carry."""
    return shorten(escape_controls(text.encode(errors="replace").decode()), MESSAGE_LIMIT)
