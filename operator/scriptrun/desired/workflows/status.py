"""The status of a WorkflowRun, and whether it has to be written."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scriptrun.desired.status import build_condition, format_instant
from scriptrun.desired.workflows.names import snapshot_name
from scriptrun.desired.workflows.step_status import build_step
from scriptrun.models.base import API_VERSION
from scriptrun.policies.text import escape_controls, shorten
from scriptrun.policies.workflows.commands import Finish
from scriptrun.policies.workflows.states import Snapshot, StepState

__all__ = ["RUN_INLINE_LIMIT_BYTES", "build_end", "build_patch", "build_progress", "build_refusal", "build_wait"]

RUN_INLINE_LIMIT_BYTES = 8192
_MESSAGE_LIMIT = 4096

References = Mapping[str, Mapping[str, Any]]
"""Where outputs are that are in ConfigMaps, by step; that of the run under ""."""


def build_patch(run: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, Any]:
    """Build the patch that applies a status, to this very run and no namesake."""
    metadata = run["metadata"]
    return {
        "apiVersion": API_VERSION,
        "kind": "WorkflowRun",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "status": dict(status),
    }


def _message(text: str) -> dict[str, str]:
    return {"message": shorten(escape_controls(text), _MESSAGE_LIMIT)} if text else {}


def build_wait(message: str) -> dict[str, Any]:
    """Build the status of a run that waits for its turn."""
    return {"phase": "Queued", "reason": "Concurrency", **_message(message)}


def build_refusal(before: dict[str, Any], reason: str, message: str, now: datetime) -> dict[str, Any]:
    """Build the status of a run that can't start.

    Args:
        before: its status.
        reason: why, in one word.
        message: why, for people.
        now: the time.
    """
    phase = "Canceled" if reason == "Canceled" else "Failed"
    return {
        "phase": phase,
        "reason": reason,
        **_message(message),
        "conditions": [build_condition(before, "Succeeded", "False", reason, now, escape_controls(message))],
        "finishedAt": format_instant(now),
    }


def build_progress(
    snapshot: Snapshot, digest: str, states: Mapping[str, StepState], references: References
) -> dict[str, Any]:
    """Build the status of a run under way.

    Args:
        snapshot: of the run.
        digest: SHA-256 of the snapshot.
        states: of its steps.
        references: where large outputs are.
    """
    running = [state.name for state in states.values() if not state.is_over]
    over = sum(state.is_over for state in states.values())
    return {
        "phase": "Running",
        "snapshot": {"configMap": snapshot_name(snapshot.name), "sha256": digest},
        "steps": [build_step(snapshot.name, state, references.get(name)) for name, state in states.items()],
        **({"currentStep": running[0]} if running else {}),
        "progress": f"{over}/{len(snapshot.steps)}",
        "startedAt": format_instant(snapshot.started_at),
    }


def build_end(progress: dict[str, Any], before: dict[str, Any], finish: Finish, now: datetime) -> dict[str, Any]:
    """Build the status of a run that is over, without its output.

    Args:
        progress: as ``build_progress`` has it.
        before: its status.
        finish: how it ends.
        now: the time.
    """
    started = datetime.fromisoformat(progress["startedAt"])
    value = "True" if finish.phase == "Succeeded" else "False"
    return {
        **{key: item for key, item in progress.items() if key != "currentStep"},
        "phase": finish.phase,
        "reason": finish.reason,
        **_message(finish.message),
        "conditions": [
            build_condition(before, "Succeeded", value, finish.reason, now, escape_controls(finish.message))
        ],
        "finishedAt": format_instant(now),
        "durationSeconds": round((now - started).total_seconds(), 3),
    }
