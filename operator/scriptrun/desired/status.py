"""Status patches: what is said of a run and of a Script. Applied whole, by server-side apply, with our own manager."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scriptrun.desired.input import find_handler
from scriptrun.desired.interruptions import without_interruptions
from scriptrun.desired.names import output_name
from scriptrun.models.base import API_VERSION
from scriptrun.models.facts import RunFacts, ScriptFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import Attempt
from scriptrun.policies.documents import parse_document
from scriptrun.policies.exactness import find_unkept
from scriptrun.policies.readiness import NotReady
from scriptrun.policies.text import shorten
from scriptrun.policies.verdict import Verdict

__all__ = [
    "INLINE_LIMIT_BYTES",
    "Progress",
    "build_attempt",
    "build_condition",
    "build_end",
    "build_failed_pass",
    "build_progress",
    "build_script_status",
    "build_smaller_ends",
    "format_instant",
    "own_status",
]

INLINE_LIMIT_BYTES = 8192
_MESSAGE_LIMIT = 4096
_BRIEF_LIMIT = 200

_PHASES = {Reason.COMPLETED: "Succeeded", Reason.CANCELED: "Canceled"}


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an unfinished run stands."""

    phase: str
    reason: str = ""
    message: str = ""
    accepted: bool = False


def format_instant(instant: datetime) -> str:
    """Write an instant as RFC 3339 in UTC with milliseconds."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def build_condition(
    status: dict[str, Any], type_: str, value: str, reason: str, now: datetime, message: str = ""
) -> dict[str, Any]:
    """Build a condition; its transition time stays as long as its value does."""
    before: dict[str, Any] = next((item for item in status.get("conditions") or () if item["type"] == type_), {})
    since = before.get("lastTransitionTime") if before.get("status") == value else None
    return {
        "type": type_,
        "status": value,
        "reason": reason,
        "message": shorten(message, _MESSAGE_LIMIT),
        "lastTransitionTime": since or format_instant(now),
    }


def build_attempt(attempt: Attempt) -> dict[str, Any]:
    """Build an attempt's entry in ``status.attempts``."""
    pod, result = attempt.pod, attempt.result
    started = (result.started_at if result else None) or pod.started_at
    finished = (result.finished_at if result else None) or pod.finished_at
    exit_code = result.exit_code if result and result.exit_code is not None else pod.exit_code
    return {
        "number": attempt.number,
        "pod": pod.name,
        **({"startedAt": format_instant(started)} if started else {}),
        **({"finishedAt": format_instant(finished)} if finished else {}),
        **({"exitCode": exit_code} if exit_code is not None else {}),
        **({"reason": str(attempt.verdict.reason)} if attempt.verdict else {}),
    }


def _patch(run: RunFacts, status: dict[str, Any]) -> dict[str, Any]:
    namespace, name = run.key
    return {
        "apiVersion": API_VERSION,
        "kind": "ScriptRun",
        # The version makes it fail (409) for a namesake that was created after this run was deleted. The uid would not:
        # where a status is applied, the API server overlooks it.
        "metadata": {"name": name, "namespace": namespace, "uid": run.uid, "resourceVersion": str(run.version)},
        "status": status,
    }


def _common(run: RunFacts, attempts: Sequence[Attempt], job_name: str, now: datetime) -> dict[str, Any]:
    entries = [build_attempt(attempt) for attempt in attempts]
    started = next((entry["startedAt"] for entry in entries if "startedAt" in entry), None)
    queued = run.status.get("queuedAt")
    return {
        **({"jobName": job_name} if job_name else {}),
        **({"attempts": entries, "attemptCount": entries[-1]["number"]} if entries else {}),
        **({"startedAt": started} if started else {}),
        **({"queuedAt": queued} if queued else {}),
    }


def build_progress(
    run: RunFacts, progress: Progress, attempts: Sequence[Attempt], job_name: str, now: datetime
) -> dict[str, Any]:
    """Build the status patch of an unfinished run."""
    accepted = (
        build_condition(run.status, "Accepted", "True", "Accepted", now)
        if progress.accepted
        else build_condition(run.status, "Accepted", "Unknown", progress.reason or "Pending", now, progress.message)
    )
    status = {
        "phase": progress.phase,
        "conditions": [accepted],
        **({"reason": progress.reason} if progress.reason else {}),
        **({"message": shorten(progress.message, _MESSAGE_LIMIT)} if progress.message else {}),
        **_common(run, attempts, job_name, now),
    }
    if progress.phase == "Queued" and "queuedAt" not in status:
        status["queuedAt"] = format_instant(now)
    return _patch(run, status)


def own_status(run: RunFacts) -> dict[str, Any]:
    """The part of a run's status that the operator writes; the rest is the bridge's."""
    own = {name: value for name, value in without_interruptions(run.status).items() if name != "report"}
    if "conditions" in own:
        own["conditions"] = [item for item in own["conditions"] if item["type"] != "Reported"]
    return own


def build_failed_pass(run: RunFacts, reason: str, message: str, now: datetime) -> dict[str, Any]:
    """Build the status patch of an unfinished run that the operator can't reconcile: all but the reason stays."""
    own = own_status(run)
    accepted = any(item["type"] == "Accepted" and item["status"] == "True" for item in own.get("conditions") or ())
    status = {
        **own,
        "phase": own.get("phase") or "Pending",
        "conditions": own["conditions"]
        if accepted
        else [build_condition(run.status, "Accepted", "Unknown", reason, now, message)],
        "reason": reason,
        "message": shorten(message, _MESSAGE_LIMIT),
    }
    return _patch(run, status)


def _build_output(attempt: Attempt) -> dict[str, Any]:
    """Build ``output`` (when small, and kept exactly) and ``outputRef`` (when it is in a ConfigMap)."""
    result = attempt.result
    if result is None or result.output is None:
        return {}
    entry: dict[str, Any] = {}
    if len(result.output.raw) <= INLINE_LIMIT_BYTES:
        # Of a run that failed nobody has checked the output, and a script may have written anything.
        with suppress(ValueError):
            output = parse_document(result.output.raw)
            if not find_unkept(result.output.raw.decode(), "output"):
                entry["output"] = output
    if result.output.config_map:
        entry["outputRef"] = {
            "configMap": output_name(attempt.pod.name),
            "key": "output.json",
            "bytes": len(result.output.raw),
            "sha256": hashlib.sha256(result.output.raw).hexdigest(),
        }
    return entry


def build_end(
    run: RunFacts, verdict: Verdict, attempts: Sequence[Attempt], last: Attempt | None, job_name: str, now: datetime
) -> dict[str, Any]:
    """Build the status patch of a run that is over.

    Args:
        run: the run.
        verdict: why it ended.
        attempts: every attempt known.
        last: the attempt that decided, whose output and exit code are shown.
        job_name: "" when no Job was made.
        now: aware UTC; becomes ``finishedAt``.
    """
    refused = not job_name and verdict.reason is not Reason.CANCELED
    succeeded = verdict.reason is Reason.COMPLETED
    common = _common(run, attempts, job_name, now)
    status: dict[str, Any] = {
        "phase": _PHASES.get(verdict.reason, "Failed"),
        "reason": str(verdict.reason),
        "conditions": [
            build_condition(run.status, "Accepted", "False", str(verdict.reason), now, verdict.message)
            if refused
            else build_condition(run.status, "Accepted", "True", "Accepted", now),
            build_condition(
                run.status, "Succeeded", "True" if succeeded else "False", str(verdict.reason), now, verdict.message
            ),
        ],
        **({"message": shorten(verdict.message, _MESSAGE_LIMIT)} if verdict.message else {}),
        **common,
        "finishedAt": format_instant(now),
    }
    if "startedAt" in common:
        began = datetime.fromisoformat(common["startedAt"])
        status["durationSeconds"] = max(0.0, round((now - began).total_seconds(), 3))
    if last is not None:
        exit_code = last.result.exit_code if last.result else last.pod.exit_code
        if exit_code is not None:
            status["exitCode"] = exit_code
        if last.result:
            status["resultStatus"] = last.result.status
        if verdict.reason not in (Reason.INVALID_OUTPUT, Reason.OUTPUT_LOST):
            status |= _build_output(last)
    return _patch(run, status)


def build_smaller_ends(run: RunFacts, end: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Build ends to write where the run's object has no room for the whole one, the next smaller each time.

    Args:
        run: the run.
        end: as ``build_end`` built it.
    """
    status = end["status"]
    if "outputRef" in status or "output" not in status:
        brief = {key: value for key, value in status.items() if key not in ("output", "attempts", "message")}
        brief["conditions"] = [{**item, "message": ""} for item in status["conditions"]]
        message = shorten(str(status.get("message") or ""), _BRIEF_LIMIT)
        yield _patch(run, {**brief, **({"message": message} if message else {})})
    reason = str(Reason.INPUT_TOO_LARGE)
    told = "variables and task leave no room for the run's status; pass large data by reference"
    yield _patch(
        run,
        {
            "phase": "Failed",
            "reason": reason,
            "message": told,
            "finishedAt": status["finishedAt"],
            "conditions": [
                {
                    "type": "Succeeded",
                    "status": "False",
                    "reason": reason,
                    "message": "",
                    "lastTransitionTime": status["finishedAt"],
                }
            ],
        },
    )


def build_script_status(
    script: ScriptFacts, wrong: NotReady | None, sha256: str, last_run: dict[str, Any] | None, now: datetime
) -> dict[str, Any]:
    """Build the status patch of a Script: it fails (409) when the Script has changed, or is another of that name.

    Args:
        script: the Script.
        wrong: why it is not ready; None when it is.
        sha256: of its source, in hex; "" when there is none.
        last_run: the entry ``lastRun``.
        now: aware UTC.
    """
    ready = build_condition(
        script.status,
        "Ready",
        "False" if wrong else "True",
        wrong.reason if wrong else "Ready",
        now,
        wrong.message if wrong else "",
    )
    return {
        "apiVersion": API_VERSION,
        "kind": "Script",
        "metadata": {
            "name": script.key[1],
            "namespace": script.key[0],
            "resourceVersion": str(script.version),
        },
        "status": {
            "conditions": [{**ready, "observedGeneration": script.generation}],
            "observedGeneration": script.generation,
            **({"handler": handler} if (handler := find_handler(script)) else {}),
            **({"sha256": sha256} if sha256 else {}),
            **({"lastRun": last_run} if last_run else {}),
        },
    }
