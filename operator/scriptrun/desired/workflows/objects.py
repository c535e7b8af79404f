"""What is created for a WorkflowRun: the snapshot, the ScriptRuns of its steps, the outputs that are large."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scriptrun.desired.workflows.names import ATTEMPT_LABEL, build_owner, snapshot_name, step_labels, step_run_name
from scriptrun.desired.workflows.step_status import build_step, parse_step
from scriptrun.models import WorkflowSpec
from scriptrun.models.base import API_VERSION
from scriptrun.policies.workflows.commands import StartScript
from scriptrun.policies.workflows.states import Snapshot, StepState

__all__ = ["OUTPUT_KEY", "build_output", "build_snapshot", "build_step_run", "hash_text", "parse_snapshot"]

OUTPUT_KEY = "output.json"


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def hash_text(text: str) -> str:
    """Hash a text: SHA-256 in lower-case hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def _build_config_map(snapshot: Snapshot, name: str, step: str, data: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": snapshot.namespace,
            "labels": step_labels(snapshot, step),
            "ownerReferences": [build_owner(snapshot.name, snapshot.uid)],
        },
        "immutable": True,
        "data": dict(data),
    }


def build_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    """Build the immutable ConfigMap that a run goes by from its start on, whatever happens to its Workflow."""
    document = {
        "startedAt": snapshot.started_at.isoformat(),
        "workflow": snapshot.workflow,
        "spec": snapshot.spec.model_dump(by_alias=True, exclude_unset=True),
        "earlier": [build_step(snapshot.name, state) for state in snapshot.earlier.values()],
    }
    return _build_config_map(snapshot, snapshot_name(snapshot.name), "", {"snapshot.json": _dump(document)})


def parse_snapshot(config_map: Mapping[str, Any], run: Mapping[str, Any]) -> Snapshot:
    """Read a snapshot.

    Args:
        config_map: as ``build_snapshot`` made it.
        run: its WorkflowRun.
    """
    document = json.loads(config_map["data"]["snapshot.json"])
    metadata, spec = run["metadata"], run["spec"]
    earlier: list[StepState] = [parse_step(entry) for entry in document["earlier"]]
    return Snapshot(
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        document["workflow"],
        WorkflowSpec.model_validate(document["spec"]),
        spec.get("input") or {},
        datetime.fromisoformat(document["startedAt"]),
        spec.get("trigger") or {},
        {state.name: state for state in earlier},
    )


def build_step_run(snapshot: Snapshot, command: StartScript) -> dict[str, Any]:
    """Build the ScriptRun of an attempt."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ScriptRun",
        "metadata": {
            "name": step_run_name(snapshot.name, command.step, command.attempt),
            "namespace": snapshot.namespace,
            "labels": {**step_labels(snapshot, command.step), ATTEMPT_LABEL: str(command.attempt)},
            "ownerReferences": [build_owner(snapshot.name, snapshot.uid)],
        },
        "spec": {"scriptRef": {"name": command.script}, "variables": command.variables},
    }


def build_output(snapshot: Snapshot, name: str, step: str, output: Any) -> dict[str, Any]:
    """Build the immutable ConfigMap of an output that the status has no room for."""
    return _build_config_map(snapshot, name, step, {OUTPUT_KEY: _dump(output)})
