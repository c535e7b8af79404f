"""What the API server itself refuses, in words that say what to change; and what kubectl shows."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clusterlab.space import GROUP, Space, Watches, build_run, build_script
from scriptrun.bridges.bridge_controller import observe_bridge
from scriptrun.controller.observe import observe_run
from scriptrun.desired.bridge import Standing, Work, build_bridge_status
from scriptrun.desired.status import build_end
from scriptrun.errors import Conflict
from scriptrun.kube.client import APPLY, Client
from scriptrun.kube.connection import open_connection
from scriptrun.kube.resources import BRIDGES, SCRIPTRUNS
from scriptrun.models.reasons import Reason
from scriptrun.policies.verdict import Verdict

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

INLINE = {"source": {"inline": "print(1)"}}
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_SPREAD = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname"}
FIXED = "a run's spec is immutable but for cancel and ttlSecondsAfterFinished; create a new run"

# case: (name, fields of its spec, words of the refusal)
SCRIPTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "two sources": (
        "x",
        {"source": {"inline": "1", "fromRun": {}}},
        "set exactly one of configMap, folder, inline or fromRun",
    ),
    "empty source": ("x", {"source": {}}, "set exactly one of configMap, folder, inline or fromRun"),
    "no source": ("x", {"handler": "python"}, "source is missing"),
    "no source for the command": ("x", {"command": ["perl", "{script}"]}, "source is missing"),
    "command of python": ("x", {**INLINE, "handler": "python", "command": ["x"]}, "command belongs to handler exec"),
    "other handler": ("x", {**INLINE, "handler": "ruby"}, 'supported values: "python", "shell", "node", "exec"'),
    "other contract": ("x", {**INLINE, "contract": "mail"}, 'supported values: "files", "stdio", "stream", "package"'),
    "own account": (
        "x",
        {**INLINE, "serviceAccountName": "builder"},
        "serviceAccountName needs output.transport TerminationMessage",
    ),
    "large message": (
        "x",
        {**INLINE, "output": {"transport": "TerminationMessage", "limitBytes": 5000}},
        "limitBytes is at most 4096 with transport TerminationMessage",
    ),
    "runner's variable": (
        "x",
        {**INLINE, "env": [{"name": "SCRIPTRUN_POD", "value": "x"}]},
        "names that start with SCRIPTRUN_ are set by the runner; choose another",
    ),
    "two values": (
        "x",
        {**INLINE, "env": [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
        "set value or valueFrom, not both",
    ),
    "short pin": (
        "x",
        {"source": {"configMap": {"name": "x", "key": "x", "sha256": "abc"}}},
        "spec.source.configMap.sha256",
    ),
    **{
        f"key {key!r} of {kind}": ("x", {**INLINE, "podMetadata": {kind: {key: "x"}}}, words)
        for kind in ("labels", "annotations")
        for key, words in (
            ("scriptrun.dev/run", "keys of kubernetes.io, k8s.io and scriptrun.dev are reserved"),
            ("batch.kubernetes.io/job-name", "are reserved"),
            ("container.apparmor.security.beta.kubernetes.io/script", "are reserved"),
            ("io.kubernetes.cri-o.Devices", "are reserved"),
            ("app.kubernetes.io/managed-by", "are reserved"),
            ("a b", "keys are an optional DNS prefix"),
            (f"{'a.' * 200}b/c", "keys are an optional DNS prefix"),
        )
    },
    "value of a label": ("x", {**INLINE, "podMetadata": {"labels": {"team": "a b"}}}, "spec.podMetadata.labels.team"),
    "many labels": (
        "x",
        {**INLINE, "podMetadata": {"labels": {f"k{number}": "" for number in range(65)}}},
        "must have at most 64 items",
    ),
    "large annotations": (
        "x",
        {**INLINE, "podMetadata": {"annotations": {"a": "x" * 20_000, "b": "x" * 20_000}}},
        "annotations have at most 32768 characters together",
    ),
    **{
        f"{field} of a pod": ("x", {**INLINE, field: value}, f'unknown field "spec.{field}"')
        for field, value in {
            "securityContext": {"runAsUser": 0},
            "hostNetwork": True,
            "hostPID": True,
            "initContainers": [],
            "automountServiceAccountToken": True,
            "containers": [{"name": "x", "securityContext": {"privileged": True}}],
        }.items()
    },
    "system's priority": (
        "x",
        {**INLINE, "priorityClassName": "system-node-critical"},
        'spec.priorityClassName: Invalid value: "system-node-critical": classes that start with system- are for the',
    ),
    "no class": ("x", {**INLINE, "runtimeClassName": "a b"}, "spec.runtimeClassName"),
    "misspelt affinity": (
        "x",
        {**INLINE, "affinity": {"nodeAffinty": {}}},
        'unknown field "spec.affinity.nodeAffinty"',
    ),
    **{
        f"affinity that {operator} {values}": (
            "x",
            {
                **INLINE,
                "affinity": {
                    "nodeAffinity": {
                        _REQUIRED: {
                            "nodeSelectorTerms": [
                                {"matchExpressions": [{"key": "a", "operator": operator, "values": values}]}
                            ]
                        }
                    }
                },
            },
            words,
        )
        for operator, values, words in (
            ("In", [], "operators In and NotIn need values"),
            ("Exists", ["a"], "operators Exists and DoesNotExist take no values"),
            ("Gt", ["1", "2"], "operators Gt and Lt need exactly one value"),
            ("Near", [], "matchExpressions[0].operator"),
        )
    },
    "keys without a selector": (
        "x",
        {**INLINE, "affinity": {"podAffinity": {_REQUIRED: [{"topologyKey": "a", "matchLabelKeys": ["team"]}]}}},
        "matchLabelKeys needs labelSelector",
    ),
    "spread without a key": (
        "x",
        {**INLINE, "topologySpreadConstraints": [{"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}]},
        "spec.topologySpreadConstraints[0].topologyKey: Required value",
    ),
    "spread over few": (
        "x",
        {**INLINE, "topologySpreadConstraints": [{**_SPREAD, "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 2}]},
        "minDomains needs whenUnsatisfiable DoNotSchedule",
    ),
    "no time": ("x", {**INLINE, "activeDeadlineSeconds": 0}, "should be greater than or equal to 1"),
    "long name": ("x" * 64, INLINE, "metadata.name must be at most 63 characters"),
}
RUNS: dict[str, tuple[str, dict[str, Any], str]] = {
    "long name": ("x" * 56, {}, "metadata.name must be a DNS label of at most 55 characters"),
    "dotted name": ("a.b", {}, "metadata.name must be a DNS label of at most 55 characters"),
    "other secret": (
        "mine",
        {"secretEnv": {"name": "somebody-elses"}},
        "spec.secretEnv.name must be the run's name followed by '.run-env'",
    ),
    "list of variables": ("x", {"variables": [1]}, "spec.variables in body must be of type object"),
    "negative retries": ("x", {"backoffLimit": -1}, "should be greater than or equal to 0"),
    "own image": ("x", {"image": "evil"}, 'unknown field "spec.image"'),
    "own environment": ("x", {"env": [{"name": "A", "value": "b"}]}, 'unknown field "spec.env"'),
    "typo": ("x", {"varaibles": {}}, 'unknown field "spec.varaibles"'),
}
CHANGES: dict[str, dict[str, Any]] = {
    "script": {"scriptRef": {"name": "other"}},
    "variables": {"variables": {"name": "Eve"}},
    "variables dropped": {"variables": None},
    "source of variables": {"variablesFrom": [{"configMap": {"name": "x"}}]},
    "own source": {"source": {"configMap": {"name": "x", "key": "x"}}},
    "secret": {"secretEnv": {"name": "fixed.run-env"}},
    "deadline": {"activeDeadlineSeconds": 10},
    "retries": {"backoffLimit": 1},
    "task": {"task": {"id": "other"}},
}


@pytest.fixture(scope="module")
def place(make_space: Callable[[], Space]) -> Space:
    """A namespace with one run in it."""
    space = make_space()
    space.add_run("fixed", "absent", variables={"name": "Ada"})
    return space


@pytest.mark.parametrize("case", SCRIPTS)
def test_a_wrong_script_is_refused(place: Space, case: str) -> None:
    name, spec, words = SCRIPTS[case]
    answer = place.api.post(f"{place.script_path()}?dryRun=All&fieldValidation=Strict", build_script(name, **spec))
    assert answer.status in (400, 422), answer
    assert words in answer.message


def test_as_much_pod_metadata_as_there_may_be(place: Space) -> None:
    labels = {f"{'p' * 63}.example.org/{'k' * 60}{number:03}": "v" * 63 for number in range(62)}
    labels |= {"sidecar.istio.io/inject": "true", "app.kubernetes.io/part-of": "billing"}
    annotations = {f"a{number}": "x" * 500 for number in range(63)}
    annotations |= {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
    script = build_script("full", **INLINE, podMetadata={"labels": labels, "annotations": annotations})
    made = place.create(f"{place.script_path()}?dryRun=All&fieldValidation=Strict", script)
    assert made["spec"]["podMetadata"] == {"labels": labels, "annotations": annotations}


@pytest.mark.parametrize("case", RUNS)
def test_a_wrong_run_is_refused(place: Space, case: str) -> None:
    name, spec, words = RUNS[case]
    answer = place.api.post(f"{place.run_path()}?dryRun=All&fieldValidation=Strict", build_run(name, "x", **spec))
    assert answer.status in (400, 422), answer
    assert words in answer.message


@pytest.mark.parametrize("case", CHANGES)
def test_a_runs_spec_is_fixed(place: Space, case: str) -> None:
    answer = place.patch_run("fixed", **CHANGES[case])
    assert answer.status == 422, answer
    assert FIXED in answer.message


def test_what_may_change_is_cancel_and_the_time_it_is_kept(place: Space) -> None:
    place.add_run("open", "absent")
    assert place.patch_run("open", ttlSecondsAfterFinished=7).status == 200
    assert place.patch_run("open", cancel=True).status == 200
    answer = place.patch_run("open", cancel=False)
    assert answer.status == 422
    assert "cancel can't be taken back; create a new run" in answer.message


def test_spec_and_status_are_written_apart(place: Space) -> None:
    """Whoever may write runs can't write their status with them."""
    body = build_run("boast", "x") | {"status": {"phase": "Succeeded", "finishedAt": "2026-01-01T00:00:00Z"}}
    assert "status" not in place.create(place.run_path(), body)
    answer = place.api.patch(place.run_path("boast"), {"status": {"phase": "Succeeded"}})
    assert answer.status == 200
    assert "status" not in answer.body


def test_what_is_found_out_about_a_run_is_not_written_to_its_namesake(place: Space, kubeconfig: Path) -> None:
    """The API server overlooks the uid of a status that is applied; the version it does not."""

    async def end(run: dict[str, Any]) -> None:
        facts = observe_run(run)
        body = build_end(facts, Verdict(Reason.OUTPUT_LOST, "lost"), [], None, "", datetime.now(UTC))
        async with open_connection(str(kubeconfig)) as connection:
            await Client(connection).patch(SCRIPTRUNS, facts.key, body, kind=APPLY, subresource="status")

    first = place.create(place.run_path(), build_run("twin", "absent"))
    assert place.api.delete(place.run_path("twin")).status == 200
    second = place.create(place.run_path(), build_run("twin", "absent"))
    with pytest.raises(Conflict):
        asyncio.run(end(first))
    assert "status" not in place.api.get(place.run_path("twin")).body
    asyncio.run(end(second))
    assert place.api.get(place.run_path("twin")).body["status"]["reason"] == "OutputLost"


def test_what_is_said_of_a_bridge_is_not_written_to_its_namesake(place: Space, kubeconfig: Path) -> None:
    async def tell(bridge: dict[str, Any], claimed: int) -> None:
        facts = observe_bridge(bridge)
        work = Work(active_runs=0, claimed=claimed, completed=0, failed=0)
        body = build_bridge_status(facts, Standing(True, "Connected"), work, datetime.now(UTC))
        async with open_connection(str(kubeconfig)) as connection:
            await Client(connection).patch(BRIDGES, facts.key, body, kind=APPLY, subresource="status")

    body = {
        "apiVersion": GROUP,
        "kind": "Bridge",
        "metadata": {"name": "twin"},
        "spec": {"zeebe": {"address": "http://127.0.0.1:9"}, "suspend": True},
    }
    path = place.path("bridges", group=GROUP)
    first = place.create(path, body)
    assert place.api.delete(f"{path}/twin").status == 200
    second = place.create(path, body)
    with pytest.raises(Conflict):
        asyncio.run(tell(first, 7))
    assert "status" not in place.api.get(f"{path}/twin").body
    asyncio.run(tell(second, 1))
    assert place.api.get(f"{path}/twin").body["status"]["claimed"] == 1


def test_kubectl_explains_every_field(kubectl: Callable[..., str], watches: Watches) -> None:
    text = kubectl("explain", "scriptrun.spec")
    assert "What to run, with which variables." in text
    assert "at most the Script's. Default: the Script's." in " ".join(text.split())
    text = kubectl("explain", "script.spec", "--recursive")
    assert "maxConcurrentRuns" in text


def test_kubectl_shows_the_columns_that_matter(kubectl: Callable[..., str], space: Space) -> None:
    space.start("hello-1", "print(1)", task={"source": "zeebe", "id": "42"})
    assert "condition met" in kubectl(
        "--namespace", space.name, "wait", "--for=condition=Succeeded", "sr/hello-1", "--timeout=60s"
    )
    header, row = kubectl("--namespace", space.name, "get", "sr").splitlines()
    assert header.split() == ["NAME", "SCRIPT", "PHASE", "REASON", "ATTEMPTS", "DURATION", "AGE"]
    assert row.split()[:5] == ["hello-1", "hello-1", "Succeeded", "Completed", "1"]
    header, row = kubectl("--namespace", space.name, "get", "sr", "-o", "wide").splitlines()
    assert header.split()[7:] == ["TASK-SOURCE", "TASK-ID", "JOB", "EXIT"]
    assert row.split()[7:] == ["zeebe", "42", "hello-1", "0"]
    header, row = kubectl("--namespace", space.name, "get", "scripts").splitlines()
    assert header.split()[:5] == ["NAME", "HANDLER", "CONTRACT", "READY", "REASON"]
    assert row.split()[:5] == ["hello-1", "python", "files", "True", "Ready"]
    listed = kubectl("--namespace", space.name, "get", "scriptrun", "-o", "name")
    assert "scriptrun.scriptrun.dev/hello-1" in listed
