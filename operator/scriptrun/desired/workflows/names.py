"""Names and labels of everything made for a WorkflowRun."""

import re
from hashlib import sha256
from typing import Any

from scriptrun.desired.names import MANAGED_BY
from scriptrun.models.base import API_VERSION
from scriptrun.models.scriptrun import NAME_LIMIT
from scriptrun.policies.workflows.states import Snapshot

__all__ = [
    "ATTEMPT_LABEL",
    "STEP_LABEL",
    "WORKFLOW_LABEL",
    "WORKFLOW_RUN_LABEL",
    "build_owner",
    "output_name",
    "run_output_name",
    "snapshot_name",
    "step_labels",
    "step_run_name",
]

WORKFLOW_LABEL = "scriptrun.dev/workflow"
WORKFLOW_RUN_LABEL = "scriptrun.dev/workflow-run"
STEP_LABEL = "scriptrun.dev/step"
ATTEMPT_LABEL = "scriptrun.dev/attempt"

_LABEL = re.compile("[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DIGEST_LENGTH = 8


def step_run_name(run: str, step: str, attempt: int) -> str:
    """Name the ScriptRun of an attempt: at most 55 characters, the same each time.

    Args:
        run: name of the WorkflowRun.
        step: name of the step.
        attempt: its number.
    """
    name = f"{run}-{step}-{attempt}"
    if len(name) <= NAME_LIMIT and _LABEL.fullmatch(step):
        return name
    digest = sha256(f"{run}/{step}".encode()).hexdigest()[:_DIGEST_LENGTH]
    rest = f"{digest}-{attempt}"
    readable = re.sub("[^a-z0-9]+", "-", f"{run}-{step}".lower())
    return f"{readable[: NAME_LIMIT - 1 - len(rest)].rstrip('-')}-{rest}"


def snapshot_name(run: str) -> str:
    """Name the ConfigMap with the Workflow as it was when the run started."""
    return f"{run}-snapshot"


def output_name(run: str, step: str) -> str:
    """Name the ConfigMap with the output of a step."""
    return f"{step_run_name(run, step, 0).removesuffix('-0')}-step-output"


def run_output_name(run: str) -> str:
    """Name the ConfigMap with the output of the run."""
    return f"{run}-run-output"


def step_labels(snapshot: Snapshot, step: str = "") -> dict[str, str]:
    """Build the labels of what is made for a run, or for one of its steps."""
    labels = {
        "app.kubernetes.io/managed-by": MANAGED_BY,
        WORKFLOW_LABEL: snapshot.workflow,
        WORKFLOW_RUN_LABEL: snapshot.name,
    }
    return {**labels, STEP_LABEL: step} if step else labels


def build_owner(name: str, uid: str) -> dict[str, Any]:
    """Build the owner reference that makes an object go when its WorkflowRun goes."""
    return {
        "apiVersion": API_VERSION,
        "kind": "WorkflowRun",
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
