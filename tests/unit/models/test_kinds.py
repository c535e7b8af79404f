"""The models read what the API server shows, write what it reads, and hold the closed list of reasons."""

from typing import Any

import pytest
from pydantic import ValidationError

from builders import run_body, script_body
from scriptrun.models import Script, ScriptRun, ScriptRunStatus, ScriptSpec
from scriptrun.models.reasons import REASONS, Reason
from scriptrun.models.scriptrun import NAME_LIMIT

EVERYTHING: dict[str, Any] = {
    "aliases": ["my_script.py", "etl/load.py"],
    "description": "Greets someone",
    "source": {"configMap": {"name": "scripts", "key": "hello.py", "sha256": "a" * 64}},
    "handler": "exec",
    "command": ["tool", "{script}"],
    "contract": "stdio",
    "dependencies": {
        "requirements": ["six>=1.16"],
        "lock": f"six==1.17.0 --hash=sha256:{'a' * 64}\n",
        "pythonVersion": "3.12",
    },
    "image": "registry/own:1",
    "activeDeadlineSeconds": 60,
    "attemptDeadlineSeconds": 30,
    "backoffLimit": 2,
    "onDisruption": "Fail",
    "maxConcurrentRuns": 3,
    "variablesSchema": {"type": "object", "x-own": {"a": [1]}},
    "outputSchema": {"type": "object"},
    "output": {"transport": "TerminationMessage", "limitBytes": 4096},
    "env": [
        {"name": "A", "value": "1"},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
        {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ],
    "envFrom": [{"prefix": "P_", "configMapRef": {"name": "c"}}, {"secretRef": {"name": "s"}}],
    "allowSecretEnv": True,
    "config": {"pkg": {"a": 1}},
    "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi", "cpu": 0.5}},
    "volumes": [
        {"name": "files", "configMap": {"name": "c", "defaultMode": 0o400, "items": [{"key": "a", "path": "b/a"}]}},
        {"name": "keys", "secret": {"secretName": "s", "optional": True}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "trust", "projected": {"sources": [{"configMap": {"name": "ca"}}, {"secret": {"name": "s"}}]}},
        {"name": "cache", "persistentVolumeClaim": {"claimName": "cache", "readOnly": True}},
        {"name": "pod", "downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"name": "vault", "csi": {"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"a": "b"}}},
        {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}},
    ],
    "volumeMounts": [{"name": "files", "mountPath": "/data/a", "subPath": "b/a", "readOnly": True}],
    "podMetadata": {"labels": {"team": "a"}, "annotations": {"example.org/cost": "17"}},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "gpu", "operator": "Gt", "values": ["1"]}]}]
            }
        },
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "rack", "labelSelector": {"matchLabels": {"team": "a"}}, "matchLabelKeys": ["team"]}
            ]
        },
    },
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2}
    ],
    "priorityClassName": "batch",
    "runtimeClassName": "gvisor",
    "serviceAccountName": "workload",
    "imagePullSecrets": [{"name": "registry"}],
    "startDeadlineSeconds": 30,
    "ttlSecondsAfterFinished": 60,
}
STATUS: dict[str, Any] = {
    "phase": "Failed",
    "conditions": [{"type": "Succeeded", "status": "False", "reason": "ScriptFailed", "message": "boom"}],
    "reason": "ScriptFailed",
    "message": "boom",
    "jobName": "hello-1",
    "attempts": [{"number": 1, "pod": "hello-1-0-aaaaa", "exitCode": 1, "reason": "ScriptFailed"}],
    "attemptCount": 1,
    "output": [1, {"a": None}],
    "outputRef": {"configMap": "hello-1-0-aaaaa-output", "key": "output.json", "bytes": 2, "sha256": "a" * 64},
    "resultStatus": "FAILED",
    "exitCode": 1,
    "finishedAt": "2026-11-21T12:00:00.000Z",
    "durationSeconds": 1.5,
    "report": {"state": "Pending", "attempts": 1},
}


def test_a_script_with_everything_comes_back_as_it_was() -> None:
    spec = ScriptSpec.model_validate(EVERYTHING)
    assert EVERYTHING.keys() == {field.alias for field in ScriptSpec.model_fields.values()}
    assert spec.model_dump(by_alias=True, exclude_unset=True) == EVERYTHING


def test_a_script_with_nothing_has_the_defaults() -> None:
    spec = ScriptSpec.model_validate({})
    assert (spec.active_deadline_seconds, spec.backoff_limit, spec.on_disruption) == (900, 0, "Retry")
    assert (spec.output.transport, spec.output.limit_bytes, spec.contract) == ("ConfigMap", 900_000, "files")
    assert (spec.start_deadline_seconds, spec.ttl_seconds_after_finished) == (300, 86_400)
    assert (spec.handler, spec.max_concurrent_runs, spec.attempt_deadline_seconds) == (None, None, None)


def test_defaults_are_not_shared() -> None:
    one, other = ScriptSpec(), ScriptSpec()
    one.command.append("x")
    one.env.clear()
    one.variables_schema["a"] = 1
    assert (other.command, other.variables_schema) == ([], {})


def test_a_status_with_everything_comes_back_as_it_was() -> None:
    status = ScriptRunStatus.model_validate(STATUS)
    assert status.model_dump(by_alias=True, exclude_unset=True) == STATUS


def test_what_the_api_server_shows_is_read() -> None:
    script = Script.model_validate(script_body())
    assert script.spec.source is not None
    assert script.spec.source.inline == "print('hi')"
    run = ScriptRun.model_validate(run_body(variables={"a": {"b": 1}}, status=STATUS))
    assert run.spec.variables == {"a": {"b": 1}}
    assert run.status is not None
    assert run.status.attempts[0].exit_code == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"handler": "ruby"},
        {"contract": "pipes"},
        {"backoffLimit": -1},
        {"backoffLimit": 101},
        {"activeDeadlineSeconds": 0},
        {"maxConcurrentRuns": 0},
        {"output": {"limitBytes": 900_001}},
        {"source": {"configMap": {"name": "", "key": "k"}}},
        {"source": {"configMap": {"name": "n", "key": "k", "sha256": "A" * 64}}},
        {"command": ["x"] * 65},
        {"ttlSecondsAfterFinished": -1},
    ],
)
def test_what_the_crd_refuses_is_refused_here_too(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ScriptSpec.model_validate(wrong)


def test_a_runs_name_leaves_room_for_its_pods() -> None:
    assert NAME_LIMIT + len("-0-xxxxx") == 63


def test_each_reason_is_explained() -> None:
    assert set(REASONS) == set(Reason)
    for facts in REASONS.values():
        assert facts.summary.endswith(".")


def test_nobody_is_to_blame_for_success_alone() -> None:
    assert {reason for reason, facts in REASONS.items() if facts.blame == "nobody"} == {Reason.COMPLETED}
    assert REASONS[Reason.COMPLETED].retryable is False


def test_the_list_of_reasons_is_closed() -> None:
    # Bridges and people's scripts depend on these words: a new one is an addition to the API, a change breaks it.
    assert set(Reason) == {
        *("Completed", "ScriptFailed", "Timeout", "OutOfMemory", "Evicted", "NodeLost", "ImageError", "Unschedulable"),
        *("DependencyError", "IndexUnavailable"),
        *("SidecarFailed", "ScriptNotAllowed", "SourceMissing", "DigestMismatch", "InvalidVariables", "InvalidOutput"),
        *("OutputTooLarge", "OutputLost", "InputTooLarge", "OperatorCrashed", "Canceled"),
    }
