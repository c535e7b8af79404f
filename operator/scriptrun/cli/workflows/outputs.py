"""Reads the output of a WorkflowRun, and what its steps' ScriptRuns say."""

import hashlib
from collections.abc import Iterable
from typing import Any

from scriptrun.cli.output.exit_codes import find_failed_step
from scriptrun.cli.output.printing import dump_json
from scriptrun.desired.links import is_owned_by
from scriptrun.desired.workflows.names import ATTEMPT_LABEL, STEP_LABEL, WORKFLOW_RUN_LABEL
from scriptrun.errors import KubeError, NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.resources import CONFIGMAPS, SCRIPTRUNS

__all__ = [
    "describe_step_run",
    "list_step_runs",
    "read_failed_script",
    "read_workflow_output",
    "sort_step_runs",
]


async def read_workflow_output(client: Client, run: dict[str, Any]) -> str | None:
    """Read a WorkflowRun's whole output as JSON text; None when it has none.

    Raises:
        NotFound: its ConfigMap is gone, or does not hold what the status names.
    """
    status, metadata = run.get("status") or {}, run["metadata"]
    if "output" in status:
        return dump_json(status["output"])
    if not (reference := status.get("outputRef")):
        return None
    body = await client.get(CONFIGMAPS, metadata["namespace"], reference["configMap"])
    text = str((body.get("data") or {}).get(reference["key"], ""))
    if hashlib.sha256(text.encode()).hexdigest() != reference["sha256"]:
        raise NotFound(f"ConfigMap {reference['configMap']} no longer holds the output of {metadata['name']}")
    return text


async def list_step_runs(client: Client, run: dict[str, Any], step: str = "") -> list[dict[str, Any]]:
    """List the ScriptRuns of a WorkflowRun's steps, oldest first.

    Args:
        client: to the API server.
        run: the WorkflowRun.
        step: only those of this step; "" stands for all.
    """
    metadata = run["metadata"]
    page = await client.list(
        SCRIPTRUNS, metadata["namespace"], labelSelector=f"{WORKFLOW_RUN_LABEL}={metadata['name']}"
    )
    # Anyone who may create ScriptRuns can write that label: the owner counts.
    mine = [body for body in page["items"] if is_owned_by(body, metadata["uid"])]
    wanted = [body for body in mine if not step or body["metadata"]["labels"].get(STEP_LABEL) == step]
    return sort_step_runs(wanted, run)


def sort_step_runs(step_runs: Iterable[dict[str, Any]], run: dict[str, Any]) -> list[dict[str, Any]]:
    """Sort the ScriptRuns of a WorkflowRun, oldest first; within a second, as its status has the steps. Pure."""
    names = [str(step.get("name")) for step in (run.get("status") or {}).get("steps") or []]

    def rank(body: dict[str, Any]) -> tuple[str, int, int]:
        metadata = body["metadata"]
        step, attempt = (metadata.get("labels") or {}).get(STEP_LABEL), read_attempt(body)
        return str(metadata.get("creationTimestamp")), names.index(step) if step in names else len(names), attempt

    return sorted(step_runs, key=rank)


def read_attempt(body: dict[str, Any]) -> int:
    """Read which attempt at its step a ScriptRun is, from 1 up. Pure."""
    text = str((body["metadata"].get("labels") or {}).get(ATTEMPT_LABEL, "1"))
    return int(text) if text.isdecimal() else 1


def describe_step_run(body: dict[str, Any]) -> str:
    """Say which step a ScriptRun belongs to, as a heading. Pure."""
    labels, attempt = body["metadata"].get("labels") or {}, read_attempt(body)
    return f"step {labels.get(STEP_LABEL, '?')}{'' if attempt == 1 else f', attempt {attempt}'}:"


async def read_failed_script(client: Client, run: dict[str, Any]) -> dict[str, Any] | None:
    """Read the status of the ScriptRun whose failure ended a WorkflowRun; None: there is none, or it can't be read."""
    step = find_failed_step(run.get("status") or {})
    if not step or not step.get("run"):
        return None
    try:
        body = await client.get(SCRIPTRUNS, run["metadata"]["namespace"], step["run"])
    except KubeError:
        return None
    return body.get("status") if is_owned_by(body, run["metadata"]["uid"]) else None
