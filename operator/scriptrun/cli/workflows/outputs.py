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
    "sort_by_creation",
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
    return sort_by_creation(wanted)


def sort_by_creation(step_runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort ScriptRuns by their creation, oldest first. Pure."""
    return sorted(step_runs, key=lambda body: str(body["metadata"].get("creationTimestamp")))


def describe_step_run(body: dict[str, Any]) -> str:
    """Say which step a ScriptRun belongs to, as a heading. Pure."""
    labels = body["metadata"].get("labels") or {}
    attempt = labels.get(ATTEMPT_LABEL, "1")
    return f"step {labels.get(STEP_LABEL, '?')}{'' if attempt == '1' else f', attempt {attempt}'}:"


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
