"""Entries of ``status.steps``: written and read."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scriptrun.desired.status import format_instant
from scriptrun.desired.workflows.names import step_run_name
from scriptrun.policies.exactness import find_unkept
from scriptrun.policies.text import escape_controls, shorten
from scriptrun.policies.workflows.states import NO_OUTPUT, StepState

__all__ = ["INLINE_LIMIT_BYTES", "build_reference", "build_step", "fits_inline", "parse_step"]

INLINE_LIMIT_BYTES = 2048
_MESSAGE_LIMIT = 1024


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def fits_inline(output: Any, limit_bytes: int = INLINE_LIMIT_BYTES) -> bool:
    """Whether an output is small enough for the status, and Kubernetes rounds no number in it."""
    text = _dump(output)
    return len(text.encode()) <= limit_bytes and not find_unkept(text, "output")


def build_reference(name: str, output: Any, key: str, digest: str) -> dict[str, Any]:
    """Build the ``outputRef`` of an output in a ConfigMap."""
    return {"configMap": name, "key": key, "bytes": len(_dump(output).encode()), "sha256": digest}


def build_step(run: str, state: StepState, reference: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Build the entry of a step.

    Args:
        run: name of the WorkflowRun.
        state: of the step.
        reference: where its output is; None: in the entry itself.
    """
    entry: dict[str, Any] = {"name": state.name, "phase": state.phase}
    if state.reason:
        entry["reason"] = state.reason
    if state.message:
        entry["message"] = shorten(escape_controls(state.message), _MESSAGE_LIMIT)
    if state.attempts:
        entry |= {"run": step_run_name(run, state.name, state.attempts), "attempts": state.attempts}
    for key, time in (("startedAt", state.started_at), ("finishedAt", state.finished_at)):
        if time:
            entry[key] = format_instant(time)
    if reference:
        entry["outputRef"] = dict(reference)
    elif state.output is not NO_OUTPUT:
        entry["output"] = state.output
    return entry


def parse_step(entry: Mapping[str, Any], output: Any = NO_OUTPUT) -> StepState:
    """Read the entry of a step.

    Args:
        entry: of ``status.steps``.
        output: read from where ``outputRef`` points.
    """
    output = entry.get("output", output)
    if output is NO_OUTPUT:
        size = 0
    else:
        size = entry["outputRef"]["bytes"] if "outputRef" in entry else len(_dump(output).encode())
    return StepState(
        entry["name"],
        entry["phase"],
        entry.get("reason", ""),
        entry.get("message", ""),
        entry.get("attempts", 0),
        _parse_time(entry.get("startedAt")),
        _parse_time(entry.get("finishedAt")),
        output,
        size,
    )


def _parse_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
