"""Builds objects as the API server shows them, and the facts that the operator keeps of them.

Bodies come from the project's own manifests where it makes them (Jobs), filled in as the API server and the controllers
do. Every field has a default: a test names only what it is about.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from scriptrun.controller.observe import observe_job, observe_pod, observe_result, observe_run, observe_script
from scriptrun.desired.job import build_job
from scriptrun.desired.names import output_name, run_labels
from scriptrun.models.facts import JobFacts, PodFacts, ResultFacts, RunFacts, ScriptFacts
from scriptrun.models.script import ScriptSpec
from scriptrun.runtime.checks import Checks
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits
from scriptrun.settings import Settings

__all__ = [
    "NAMESPACE",
    "NOW",
    "at",
    "instant",
    "job_body",
    "job_facts",
    "output_body",
    "output_facts",
    "pod_body",
    "pod_facts",
    "quick_checks",
    "result_document",
    "run_body",
    "run_facts",
    "script_body",
    "script_facts",
    "script_spec",
    "settings",
    "terminated",
]

NAMESPACE = "space"
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
API_VERSION = "scriptrun.dev/v1alpha1"
SOURCE = {"inline": "print('hi')"}

_versions = itertools.count(1000)


def at(seconds: float) -> datetime:
    """An instant, in seconds after `NOW`."""
    return NOW + timedelta(seconds=seconds)


def instant(seconds: float = 0.0) -> str:
    """The same as Kubernetes writes it: whole seconds, UTC."""
    return at(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def settings(**fields: Any) -> Settings:
    """Settings that do not look at the environment's values of the given fields."""
    return Settings(**fields)


def quick_checks() -> Checks:
    """Checks of what is so small that all of it is checked at once: there are no worker processes."""
    return Checks(WorkerPool(WorkerLimits()))


def _metadata(name: str, uid: str, created: float, version: int | None) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": NAMESPACE,
        "uid": uid,
        "resourceVersion": str(next(_versions) if version is None else version),
        "creationTimestamp": instant(created),
        "generation": 1,
    }


def script_spec(**fields: Any) -> ScriptSpec:
    """A Script's spec; fields by their names on the wire."""
    return ScriptSpec.model_validate({"source": SOURCE, **fields})


def script_body(
    name: str = "hello.py",
    *,
    uid: str = "script-uid",
    version: int | None = None,
    status: dict[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A Script."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Script",
        "metadata": _metadata(name, uid, 0, version),
        "spec": {"source": SOURCE, **spec},
        **({"status": status} if status else {}),
    }


def script_facts(name: str = "hello.py", **fields: Any) -> ScriptFacts:
    """The same, observed."""
    return observe_script(script_body(name, **fields))


def run_body(
    name: str = "hello-1",
    *,
    script: str = "hello.py",
    uid: str = "",
    created: float = 0.0,
    version: int | None = None,
    status: dict[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A ScriptRun; its uid follows from its name unless given."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ScriptRun",
        "metadata": _metadata(name, uid or f"uid-of-{name}", created, version),
        "spec": {"scriptRef": {"name": script}, **spec},
        **({"status": status} if status else {}),
    }


def run_facts(name: str = "hello-1", **fields: Any) -> RunFacts:
    """The same, observed."""
    return observe_run(run_body(name, **fields))


def job_body(
    run: RunFacts | None = None,
    script: ScriptSpec | None = None,
    *,
    uid: str = "",
    created: float = 1.0,
    version: int | None = None,
    failed: str = "",
    complete: bool = False,
    input_sha256: str = "0" * 64,
) -> dict[str, Any]:
    """The Job of a run, with the condition that ended it (`failed` is the reason of that condition)."""
    run = run or run_facts()
    body = deepcopy(build_job(run, script or script_spec(), input_sha256, settings()))
    meta = _metadata(run.key[1], uid or f"uid-of-job-{run.uid}", created, version)
    body["metadata"] = {**body["metadata"], **meta}
    conditions: list[dict[str, str]] = []
    if complete:
        conditions = [{"type": name, "status": "True"} for name in ("SuccessCriteriaMet", "Complete")]
    if failed:
        text = {"reason": failed, "message": f"the Job says {failed}"}
        conditions = [{"type": name, "status": "True", **text} for name in ("FailureTarget", "Failed")]
    body["status"] = {"startTime": instant(created), **({"conditions": conditions} if conditions else {})}
    return body


def job_facts(run: RunFacts | None = None, script: ScriptSpec | None = None, **fields: Any) -> JobFacts:
    """The same, observed."""
    return observe_job(job_body(run, script, **fields))


def terminated(exit_code: int = 0, reason: str = "", message: str = "", *, seconds: float = 5.0) -> dict[str, Any]:
    """The `terminated` state of a container that started three seconds after the run and ended at `seconds`."""
    return {
        "exitCode": exit_code,
        "reason": reason or ("Error" if exit_code else "Completed"),
        "startedAt": instant(3),
        "finishedAt": instant(seconds),
        **({"message": message} if message else {}),
    }


def pod_body(
    run: RunFacts | None = None,
    *,
    suffix: str = "aaaaa",
    job_uid: str = "",
    created: float = 1.0,
    version: int | None = None,
    phase: str = "",
    state: dict[str, Any] | None = None,
    conditions: list[dict[str, Any]] | None = None,
    deleting: bool = False,
    beside: Sequence[str] = (),
    status: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A pod of a run's Job.

    Args:
        run: its run.
        suffix: the five characters at the end of its name.
        job_uid: of its Job.
        created: seconds after `NOW`.
        version: resourceVersion.
        phase: by default what goes with `state`.
        state: of its container, such as `{"running": {…}}`, `{"waiting": {…}}` or `{"terminated": {…}}`.
        conditions: of the pod.
        deleting: whether it has a deletionTimestamp.
        beside: names of containers beside the script's that run as soon as it has a state.
        status: further fields of the status, such as `reason` and `message`.
    """
    run = run or run_facts()
    state = state or {}
    ended = state.get("terminated")
    default = "Running" if "running" in state else "Pending"
    if ended:
        default = "Failed" if ended["exitCode"] else "Succeeded"
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": run.key[1], "controller": True}
    running = {"running": {"startedAt": instant(created)}}
    statuses: list[dict[str, Any]] = [{"name": name, "state": running} for name in beside]
    statuses.append({"name": "script", "state": state})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **_metadata(f"{run.key[1]}-0-{suffix}", f"uid-of-{suffix}", created, version),
            "labels": {**run_labels(run.key[1], run.script), "batch.kubernetes.io/job-name": run.key[1]},
            "ownerReferences": [{**owner, "uid": job_uid or f"uid-of-job-{run.uid}"}],
            **({"deletionTimestamp": instant(created + 30), "deletionGracePeriodSeconds": 30} if deleting else {}),
        },
        "spec": {"containers": [{"name": name} for name in ("script", *beside)]},
        "status": {
            "phase": phase or default,
            "conditions": conditions or [],
            **({"containerStatuses": sorted(statuses, key=lambda status: status["name"])} if state else {}),
            **(status or {}),
        },
    }


def pod_facts(run: RunFacts | None = None, **fields: Any) -> PodFacts:
    """The same, observed."""
    return observe_pod(pod_body(run, **fields))


def result_document(status: str = "COMPLETED", **fields: Any) -> dict[str, Any]:
    """What the runner writes of an attempt; fields by their names on the wire."""
    failed = status == "FAILED"
    return {
        "schema": 1,
        "status": status,
        "exitCode": 1 if failed else 0,
        "reason": "ScriptFailed" if failed else "",
        "message": "",
        "startedAt": "2026-11-21T12:00:03.250Z",
        "finishedAt": "2026-11-21T12:00:04.500Z",
        "outputBytes": 0,
        "outputSha256": "",
        **fields,
    }


def output_body(
    pod: str = "hello-1-0-aaaaa",
    result: object = None,
    output: str | None = None,
    *,
    run: RunFacts | None = None,
    version: int | None = None,
) -> dict[str, Any]:
    """The ConfigMap that a runner writes. `result` may be anything, and a string stands as it is."""
    run = run or run_facts()
    if result is None:
        facts = {"outputBytes": len(output.encode()), "outputSha256": sha256(output.encode()).hexdigest()}
        result = result_document(**(facts if output is not None else {}))
    meta = _metadata(output_name(pod), f"uid-of-output-{pod}", 4, version)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            **meta,
            "labels": {"scriptrun.dev/output": "true", "app.kubernetes.io/managed-by": "scriptrun"},
            "ownerReferences": [
                {"apiVersion": API_VERSION, "kind": "ScriptRun", "name": run.key[1], "uid": run.uid},
            ],
        },
        "immutable": True,
        "data": {
            "result.json": result if isinstance(result, str) else json.dumps(result),
            "log": "",
            **({} if output is None else {"output.json": output}),
        },
    }


def output_facts(pod: str = "hello-1-0-aaaaa", result: object = None, output: str | None = None) -> ResultFacts | None:
    """The same, observed."""
    return observe_result(output_body(pod, result, output))
