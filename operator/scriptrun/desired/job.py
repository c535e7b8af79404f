"""The Job of a run. Callers chose nothing of it but its deadline and retries; the rest is the Script's."""

from collections.abc import Sequence
from typing import Any

from scriptrun.desired.dependencies import build_installer, has_libraries
from scriptrun.desired.environment import build_environment
from scriptrun.desired.input import GRACE_PERIOD_SECONDS, build_owner, dump_json
from scriptrun.desired.names import (
    CONTAINER,
    RUNNER_ACCOUNT,
    SNAPSHOT_ANNOTATION,
    STOP_ANNOTATION,
    job_name,
    run_labels,
)
from scriptrun.desired.placement import build_placement
from scriptrun.desired.status import build_attempt
from scriptrun.desired.volumes import build_volumes
from scriptrun.models.container import ResourceRequirements
from scriptrun.models.facts import RunFacts
from scriptrun.models.script import ScriptSpec
from scriptrun.policies.attempts import Attempt
from scriptrun.policies.verdict import Verdict
from scriptrun.settings import Settings

__all__ = ["build_job", "build_stop"]

_NOTED_ATTEMPTS = 100  # disruptions are not limited, an object's annotations are (256 KiB)
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"  # for `kubectl logs`, whatever others add to the pod


def _build_pod_spec(run: RunFacts, script: ScriptSpec, input_sha256: str, settings: Settings) -> dict[str, Any]:
    volumes = build_volumes(run.key[1], script, settings)
    resources = _dump(script.resources) or _dump(settings.resources)
    container = {
        "name": CONTAINER,
        "image": script.image or settings.runner_image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["/opt/scriptrun/bin/runner"],
        **build_environment(run, script, input_sha256),
        **({"resources": resources} if resources else {}),
        "volumeMounts": volumes.mounts,
        "terminationMessagePolicy": "FallbackToLogsOnError",  # what the runtime says when it can't execute the runner
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "restartPolicy": "Never",
        "serviceAccountName": script.service_account_name or RUNNER_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_PERIOD_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            **_build_user(settings),
            "seccompProfile": {"type": "RuntimeDefault"},
            **volumes.security,
        },
        "containers": [container, *([build_installer(input_sha256, settings)] if has_libraries(script) else ())],
        "volumes": volumes.volumes,
        **build_placement(script, settings),
    }


def _dump(resources: ResourceRequirements) -> dict[str, Any]:
    """Write requests and limits, where there are any."""
    return {name: value for name, value in resources.model_dump(by_alias=True, exclude_none=True).items() if value}


def _build_user(settings: Settings) -> dict[str, int]:
    """Build user and group. Left out they are for the cluster to choose, as OpenShift does for each namespace."""
    user = settings.run_as_user
    return {} if user is None else {"runAsUser": user, "runAsGroup": user}


def _build_pod_metadata(labels: dict[str, str], script: ScriptSpec, settings: Settings) -> dict[str, Any]:
    """Build labels and annotations of the pods: the operator's defaults, over them the Script's, over all our own."""
    given = script.pod_metadata
    return {
        "labels": {**settings.pod_labels, **given.labels, **labels},
        "annotations": {**settings.pod_annotations, **given.annotations, _DEFAULT_CONTAINER: CONTAINER},
    }


def build_job(run: RunFacts, script: ScriptSpec, input_sha256: str, settings: Settings) -> dict[str, Any]:
    """Build the Job.

    It is Indexed with one completion: only then does Kubernetes tell a pod how often the ones before it failed
    (KEP-3850, annotations on the pod), which is how a script learns the number of its attempt.

    Args:
        run: the run.
        script: its Script's spec.
        input_sha256: of the input ConfigMap this Job belongs to; the runner refuses any other (``hash_input``).
        settings: the operator's.
    """
    namespace, name = run.key
    labels = run_labels(name, run.script)
    retries = run.spec.get("backoffLimit")
    backoff_limit = script.backoff_limit if retries is None else retries
    deadline = run.spec.get("activeDeadlineSeconds") or script.active_deadline_seconds
    snapshot = {
        "startDeadlineSeconds": script.start_deadline_seconds,
        "outputSchema": script.output_schema,
        "inputSha256": input_sha256,
    }
    disrupted = {"onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(name),
            "namespace": namespace,
            "labels": labels,
            "annotations": {SNAPSHOT_ANNOTATION: dump_json(snapshot)},
            "ownerReferences": [build_owner(run)],
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": backoff_limit,
            "backoffLimitPerIndex": backoff_limit,
            "activeDeadlineSeconds": deadline,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [{"action": "Ignore" if script.on_disruption == "Retry" else "FailJob", **disrupted}]
            },
            "template": {
                "metadata": _build_pod_metadata(labels, script, settings),
                "spec": _build_pod_spec(run, script, input_sha256, settings),
            },
        },
    }


def build_stop(uid: str, verdict: Verdict, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Build the merge patch that stops a Job: its pods are ended with their grace period, no new one is made.

    It says why in the same write, and which attempts there were: an operator that dies before it has said so in the
    run's status leaves the next one a Job from which nothing more could be learned, since the pods go.

    Args:
        uid: of the Job.
        verdict: why.
        attempts: those known; the last 100 are kept with the Job.
    """
    entries = [build_attempt(attempt) for attempt in attempts[-_NOTED_ATTEMPTS:]]
    why = dump_json({"reason": verdict.reason, "message": verdict.message, "attempts": entries})
    return {"metadata": {"uid": uid, "annotations": {STOP_ANNOTATION: why}}, "spec": {"suspend": True}}
