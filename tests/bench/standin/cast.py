"""Plays who takes part in a run: Job controller, scheduler, kubelet and runner, each with its own writes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

Manifest = dict[str, Any]

# As long as those of a real pod: they are half of what a watch brings.
_MANAGED_FIELDS = [
    {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {f"f:field{number}": {".": {}, f"f:part{number}": {}} for number in range(30)},
    }
    for manager in ("kube-controller-manager", "kubelet")
]


def play_pod(job: Manifest) -> Iterator[tuple[float, str, Manifest]]:
    """Yield what is written after a Job was made: seconds since then, plural, object.

    The instants are those measured on the local cluster at rest.
    """
    name, started = job["metadata"]["name"], _now()
    pod = _build_pod(job)
    yield 0.01, "pods", pod
    yield 0.02, "jobs", _with_status(job, {"active": 1, "startTime": started, "ready": 0})
    scheduled = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": started}]
    pod = {**pod, "spec": {**pod["spec"], "nodeName": "node"}, "status": {"phase": "Pending", "conditions": scheduled}}
    yield 0.03, "pods", _copy(pod)
    yield 0.30, "pods", _with_container(pod, "Running", {"running": {"startedAt": started}})
    yield 0.60, "configmaps", build_output(pod["metadata"]["name"], name, job["metadata"]["ownerReferences"][0]["uid"])
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": started, "finishedAt": _now()}
    yield 1.30, "pods", _with_container(pod, "Succeeded", {"terminated": ended})
    yield 2.30, "jobs", _with_status(job, {"succeeded": 1, "startTime": started})


def build_output(pod: str, run: str, uid: str) -> Manifest:
    """Build what the runner writes for a run of the benchmarks' Script."""
    output = json.dumps({"greeting": f"Hello {run}"})
    result = {
        "schema": 1,
        "status": "COMPLETED",
        "exitCode": 0,
        "reason": "",
        "message": "",
        "startedAt": _now(),
        "finishedAt": _now(),
        "outputBytes": len(output),
    }
    return {
        "metadata": {
            "name": f"{pod}-output",
            "labels": {"scriptrun.dev/output": "true", "app.kubernetes.io/managed-by": "scriptrun"},
            "ownerReferences": [
                {"apiVersion": "scriptrun.dev/v1alpha1", "kind": "ScriptRun", "name": run, "uid": uid},
            ],
        },
        "immutable": True,
        "data": {"result.json": json.dumps(result), "output.json": output, "log": ""},
    }


def _build_pod(job: Manifest) -> Manifest:
    template, metadata = job["spec"]["template"], job["metadata"]
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }
    return {
        "metadata": {
            "name": f"{metadata['name']}-0-abcde",
            "labels": template["metadata"]["labels"],
            "ownerReferences": [owner],
            "managedFields": _MANAGED_FIELDS,
        },
        "spec": template["spec"],
        "status": {"phase": "Pending"},
    }


def _with_container(pod: Manifest, phase: str, state: Manifest) -> Manifest:
    container = {"name": "script", "image": "image", "imageID": "id", "restartCount": 0, "ready": True, "state": state}
    status = {**pod["status"], "phase": phase, "containerStatuses": [container]}
    return _copy({**pod, "status": status})


def _with_status(job: Manifest, status: Manifest) -> Manifest:
    return _copy({**job, "status": status})


def _copy(body: Manifest) -> Manifest:
    """Copy what the store writes to."""
    return {**body, "metadata": {**body["metadata"]}}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
