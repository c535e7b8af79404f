"""Clusters as they are: user ids of their own, private registries, priorities, and nodes that are not all alike."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clusterlab.chart import ensure_operator_image
from clusterlab.injector import ANNOTATION, ANY_USER, inject
from clusterlab.process import OperatorProcess
from clusterlab.space import Space
from clusterlab.watch import Manifest
from helm import CHART, helm
from kubeapi import Api, wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

PRIORITIES = "/apis/scheduling.k8s.io/v1/priorityclasses"
RUNTIMES = "/apis/node.k8s.io/v1/runtimeclasses"
CLASS = "scriptrun-test"
WHO = """
import getpass, json, os, pathlib, sys, tempfile
pathlib.Path("here").write_text("x")
pathlib.Path.home().joinpath("home").write_text("x")
tempfile.NamedTemporaryFile().write(b"x")
json.dump({"uid": os.getuid(), "gid": os.getgid()}, open(sys.argv[2], "w"))
"""
SOURCES = {
    "who.py": WHO,
    "who.sh": """touch here "$HOME/home"; echo "{\\"uid\\": $(id -u), \\"gid\\": $(id -g)}" > "$2" """,
    "who.js": "const fs = require('fs');\nfs.writeFileSync(require('os').homedir() + '/home', 'x');\n"
    "fs.writeFileSync(process.argv[3], JSON.stringify({uid: process.getuid(), gid: process.getgid()}));",
    "who": "#!/usr/bin/env python3\n" + WHO,
}
SELECTOR = {"matchLabels": {"app.kubernetes.io/managed-by": "scriptrun"}}
SPREAD = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}


def _prefer(value: str) -> Manifest:
    expression = {"key": "kubernetes.io/os", "operator": "In", "values": [value]}
    term = {"weight": 1, "preference": {"matchExpressions": [expression]}}
    return {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}


DEFAULTS: dict[str, Any] = {
    "NODE_SELECTOR": {"kubernetes.io/os": "linux"},
    "TOLERATIONS": [{"key": "runs", "operator": "Exists"}],
    "AFFINITY": _prefer("linux"),
    "TOPOLOGY_SPREAD_CONSTRAINTS": [{**SPREAD, "labelSelector": SELECTOR}],
    "IMAGE_PULL_SECRETS": [{"name": "not-in-this-namespace"}],
}


@pytest.fixture(scope="module")
def classes(admin: Api) -> Iterator[None]:
    """A PriorityClass, and a RuntimeClass that is the runtime which all pods have anyway."""
    made = (
        (PRIORITIES, {"metadata": {"name": CLASS}, "value": 7, "preemptionPolicy": "Never"}),
        (RUNTIMES, {"metadata": {"name": CLASS}, "handler": "runc"}),
    )
    for path, manifest in made:
        answer = admin.post(path, manifest)
        assert answer.status in (201, 409), answer
    yield
    for path, _ in made:
        admin.delete(f"{path}/{CLASS}")


@pytest.fixture(scope="module")
def place(
    make_space: Callable[[], Space],
    operator_kubeconfig: Path,
    operator_settings: dict[str, str],
    _session_operator: OperatorProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Space]:
    """A namespace whose cluster chooses the users of pods, and an operator that leaves them to it."""
    if _session_operator.running:
        assert _session_operator.stop() == 0, _session_operator.tail()
    defaults = {name: json.dumps(value) for name, value in DEFAULTS.items()}
    settings = {
        **operator_settings,
        **defaults,
        "RUN_AS_USER": "",
        "POD_ANNOTATIONS": f'{{"{ANNOTATION}": "any-user"}}',
    }
    operator = OperatorProcess(operator_kubeconfig, settings).start_and_lead()
    space = make_space()
    with inject(space, operator_settings["RUNNER_IMAGE"], tmp_path_factory.mktemp("injector")):
        yield space
    assert operator.stop() == 0, operator.tail()
    assert not [line for line in operator.log if "Traceback" in line], operator.tail()


def _pod_of(space: Space, name: str) -> Manifest:
    [pod] = [space.watches.pods.history((space.name, pod))[0] for pod in space.pods_seen(name)]
    return pod


@pytest.mark.parametrize("file", SOURCES)
def test_a_script_runs_under_a_user_that_its_image_has_no_name_for(place: Space, file: str) -> None:
    name = file.replace(".", "-")
    place.add_script(file, source={"inline": SOURCES[file]})
    place.add_run(name, file)
    run = place.end_of(name)
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output == {"uid": ANY_USER, "gid": 0}
    context = _pod_of(place, name)["spec"]["securityContext"]
    assert (context["runAsUser"], "runAsGroup" in context) == (ANY_USER, False)


def test_the_operators_defaults_are_on_its_pods(place: Space) -> None:
    place.start("plain", "print(1)", {"contract": "stream"})
    run = place.end_of("plain")
    assert run.end == ("Succeeded", "Completed"), run
    pod = _pod_of(place, "plain")["spec"]
    assert pod["nodeSelector"] == DEFAULTS["NODE_SELECTOR"]
    assert DEFAULTS["TOLERATIONS"][0] in pod["tolerations"]
    assert pod["affinity"] == DEFAULTS["AFFINITY"]
    assert pod["topologySpreadConstraints"] == DEFAULTS["TOPOLOGY_SPREAD_CONSTRAINTS"]
    assert pod["imagePullSecrets"] == DEFAULTS["IMAGE_PULL_SECRETS"]


def test_what_a_script_says_of_its_pods_stays_restricted(place: Space, classes: None) -> None:
    """All of it at once, in a namespace that enforces the standard."""
    labels = place.api.get(f"/api/v1/namespaces/{place.name}").body["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    apart = {"weight": 1, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname", "labelSelector": SELECTOR}}
    fields: dict[str, Any] = {
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [apart]}},
        "topologySpreadConstraints": [{**SPREAD, "matchLabelKeys": ["team"], "labelSelector": SELECTOR}],
        "priorityClassName": CLASS,
        "runtimeClassName": CLASS,
        "imagePullSecrets": [{"name": "own"}],
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "podMetadata": {
            "labels": {"team": "a", "azure.workload.identity/use": "true", "cost-center": "4711"},
            "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
        },
    }
    place.start("all", "print(1)", {"contract": "stream", **fields})
    run = place.end_of("all")
    assert run.end == ("Succeeded", "Completed"), run
    pod = _pod_of(place, "all")
    assert pod["spec"]["affinity"] == {**DEFAULTS["AFFINITY"], **fields["affinity"]}
    [spread] = pod["spec"]["topologySpreadConstraints"]
    assert spread["matchLabelKeys"] == ["team"]
    assert (pod["spec"]["priority"], pod["spec"]["runtimeClassName"]) == (7, CLASS)
    assert pod["spec"]["imagePullSecrets"] == [{"name": "own"}, *DEFAULTS["IMAGE_PULL_SECRETS"]]
    assert fields["podMetadata"]["labels"].items() <= pod["metadata"]["labels"].items()
    assert fields["podMetadata"]["annotations"].items() <= pod["metadata"]["annotations"].items()


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("priorityClassName", "no PriorityClass with name absent"),
        ("runtimeClassName", 'RuntimeClass "absent" not found'),
    ],
)
def test_a_class_that_is_not_there(place: Space, field: str, words: str) -> None:
    name = field.lower()
    place.start(name, "print(1)", {field: "absent", "startDeadlineSeconds": 3})
    run = place.end_of(name)
    assert run.end == ("Failed", "Unschedulable"), run
    assert words in run.message


def test_the_charts_own_pods_run_under_any_user(
    make_space: Callable[[], Space], kubeconfig: Path, chart: None, admin: Api
) -> None:
    """They need a namespace without runs, of which the operator under test knows nothing."""
    space, other = make_space(), make_space()
    repository, _, tag = (os.environ.get("SCRIPTRUN_OPERATOR_IMAGE") or ensure_operator_image()).rpartition(":")
    values = {
        "image": {"repository": repository, "tag": tag},
        "runAsUser": None,
        "watchNamespaces": [other.name],
        "operator": {"replicas": 1},
        "api": {"create": True},
        "bridge": {"create": True},
        "history": {"create": True, "persistence": {"create": False}},
        "runner": {"clusterRole": {"create": False}},
        "rbac": {"userRoles": {"create": False}},
        "admissionPolicy": {"create": False},
        "crds": {"install": False},
    }
    where = ("--namespace", space.name)
    helm("install", space.name, str(CHART), *where, values=values, kubeconfig=kubeconfig)
    try:
        for part in ("operator", "api", "bridge"):
            path = space.path("deployments", f"{space.name}-scriptrun-{part}", group="apps/v1")
            # What OpenShift puts into each pod, put into their template instead.
            context = {"securityContext": {"runAsUser": ANY_USER, "fsGroup": ANY_USER}}
            answer = admin.patch(path, {"spec": {"template": {"spec": context}}})
            assert answer.status == 200, answer
            wait_for(f"the {part} to be ready", lambda path=path: _is_rolled_out(admin.get(path).body), 60)
        for pod in admin.get(space.path("pods")).body["items"]:
            if pod["metadata"].get("deletionTimestamp") is None:
                assert pod["spec"]["securityContext"]["runAsUser"] == ANY_USER
    finally:
        helm("uninstall", space.name, *where, kubeconfig=kubeconfig)


def _is_rolled_out(deployment: Manifest) -> bool:
    status = deployment.get("status", {})
    seen = status.get("observedGeneration") == deployment["metadata"]["generation"]
    return seen and status.get("updatedReplicas") == status.get("readyReplicas") == status.get("replicas") == 1
