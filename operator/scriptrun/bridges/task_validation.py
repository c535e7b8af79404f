"""May this task be run, and does it fit? The messages are for an analyst in the orchestrator's user interface."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from scriptrun.desired.input import dump_json
from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.facts import Key
from scriptrun.models.reasons import Reason
from scriptrun.orchestrators.adapter import Task, TaskFailure
from scriptrun.policies.acceptance import INPUT_LIMIT_BYTES, check_exact
from scriptrun.policies.aliases import explain_ambiguous
from scriptrun.policies.documents import parse_document
from scriptrun.policies.effort import is_at_most
from scriptrun.policies.exactness import may_be_inexact
from scriptrun.policies.wildcards import matches_wildcards

__all__ = ["RUN_LIMIT_BYTES", "build_run_task", "check_script", "check_size", "name_script"]

RUN_LIMIT_BYTES = 1_300_000
"""Of a ScriptRun as JSON: etcd takes 1.5 MiB, of which its status needs some too."""

_FAR_TOO_LARGE_BYTES = 3 * INPUT_LIMIT_BYTES
"""By an estimate that is up to 2.5 times what it comes to as JSON."""


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(matches_wildcards(pattern, name) for pattern in patterns)


def name_script(task: Task, bridge: str, spec: BridgeSpec) -> str | TaskFailure:
    """Read from a task which Script it asks for, by name or alias.

    Args:
        task: the task.
        bridge: name of the Bridge.
        spec: of the Bridge.
    """
    if task.problem is not None:
        return task.problem
    name = task.script or spec.script
    if not name:
        return TaskFailure(
            Reason.SCRIPT_NOT_ALLOWED,
            f'the task names no Script: give it "{spec.script_header}" with the name of a Script '
            f"(a task header in Zeebe, an input parameter in Conductor), or set spec.script of Bridge {bridge}",
        )
    return name


def check_script(asked: str, found: Sequence[str], bridge: Key, spec: BridgeSpec) -> str | TaskFailure:
    """Check that a task asks for one Script, and one that its Bridge allows; returns the Script's name.

    Args:
        asked: the name or alias that the task asks for.
        found: the Scripts that answer to it.
        bridge: namespace and name of the Bridge.
        spec: of the Bridge.
    """
    for name in found or [asked]:
        if spec.scripts and not _matches(name, spec.scripts):
            return TaskFailure(
                Reason.SCRIPT_NOT_ALLOWED,
                f'Bridge {bridge[1]} does not allow Script "{name}", only: {", ".join(spec.scripts)} (spec.scripts)',
            )
    if len(found) > 1:
        return TaskFailure(Reason.SCRIPT_NOT_ALLOWED, explain_ambiguous(asked, found))
    if not found:
        return TaskFailure(
            Reason.SCRIPT_NOT_ALLOWED,
            f'there is no Script "{asked}" in namespace {bridge[0]}, by name or alias: '
            f'see "kubectl get scripts -n {bridge[0]}"',
        )
    return found[0]


def build_run_task(task: Task, source: str) -> dict[str, Any]:
    """Build ``spec.task`` of a task's run.

    Args:
        task: the task.
        source: its orchestrator.
    """
    return {
        "source": source,
        "id": task.id,
        "type": task.type,
        "workflowId": task.workflow_id,
        "domain": task.domain,
        "headers": task.headers,
        "payload": task.payload,
    }


async def check_size(body: dict[str, Any]) -> TaskFailure | None:
    """Check that a run can be kept by the API server: how large it is, and that it is JSON that survives unchanged.

    Each step takes long with large variables; other work of the event loop comes in between.
    """
    spec = body["spec"]
    if not is_at_most(spec["variables"], _FAR_TOO_LARGE_BYTES):
        return TaskFailure(
            Reason.INPUT_TOO_LARGE,
            f"the task's variables are more than {_FAR_TOO_LARGE_BYTES} bytes, at most {INPUT_LIMIT_BYTES} are allowed "
            "together with the script; pass large data by reference, or fetch fewer variables",
        )
    await asyncio.sleep(0)
    try:
        own = len(dump_json(spec["variables"]).encode())
        await asyncio.sleep(0)
        text = dump_json(spec)
        size = len(text.encode())
        if wrong := _check_sizes(own, size):
            return wrong
        await asyncio.sleep(0)
        parse_document(text)
    except (ValueError, RecursionError) as error:
        return TaskFailure(Reason.INVALID_VARIABLES, f"the task's variables can't be kept: {error}")
    await asyncio.sleep(0)
    inexact = check_exact(spec) if may_be_inexact(text) else None
    return TaskFailure(inexact.reason, inexact.message) if inexact else None


def _check_sizes(own: int, size: int) -> TaskFailure | None:
    if own > INPUT_LIMIT_BYTES:
        return TaskFailure(
            Reason.INPUT_TOO_LARGE,
            f"the task's variables are {own} bytes, at most {INPUT_LIMIT_BYTES} are allowed together with the script; "
            "pass large data by reference, or fetch fewer variables",
        )
    if size > RUN_LIMIT_BYTES:
        return TaskFailure(
            Reason.INPUT_TOO_LARGE,
            f"the task is {size} bytes with its variables, headers and payload, at most {RUN_LIMIT_BYTES} can be kept; "
            "pass large data by reference",
        )
    return None
