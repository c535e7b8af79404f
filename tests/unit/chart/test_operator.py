"""The operator's Deployment: restricted, probed, rolled without a gap, and given the time it needs to stop."""

from typing import Any

import pytest

from helm import Manifest, render, select
from scriptrun import __version__


def _get_deployment(values: dict[str, Any] | None = None) -> Manifest:
    [deployment] = select(render(values), "Deployment")
    return deployment


def _get_pod(values: dict[str, Any] | None = None) -> Manifest:
    pod: Manifest = _get_deployment(values)["spec"]["template"]["spec"]
    return pod


def _get_container(values: dict[str, Any] | None = None) -> Manifest:
    container: Manifest
    [container] = _get_pod(values)["containers"]
    return container


def test_it_meets_the_restricted_pod_security_standard() -> None:
    pod, container = _get_pod(), _get_container()
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod) == set()
    assert [set(volume) for volume in pod["volumes"]] == [{"name", "emptyDir"}]


def test_what_it_notes_of_its_work_outlives_its_container_and_fits() -> None:
    pod, container = _get_pod(), _get_container()
    [volume], [mount] = pod["volumes"], container["volumeMounts"]
    assert volume == {"name": mount["name"], "emptyDir": {"sizeLimit": "1Mi"}}
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert environment["SCRIPTRUN_STATE_DIR"] == mount["mountPath"]


def test_only_the_operators_pods_hold_its_token() -> None:
    [account] = select(render(), "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert _get_pod()["automountServiceAccountToken"] is True
    assert _get_pod()["serviceAccountName"] == account["metadata"]["name"]


def test_it_runs_the_images_entry_point() -> None:
    container = _get_container()
    assert container["image"] == f"scriptrun.dev/operator:{__version__}"
    assert container["args"] == ["operator"]
    assert "command" not in container


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"tag": "2"}, "scriptrun.dev/operator:2"),
        ({"repository": "registry.example/x", "tag": "2"}, "registry.example/x:2"),
        ({"digest": "sha256:" + "a" * 64}, f"scriptrun.dev/operator:{__version__}@sha256:{'a' * 64}"),
    ],
)
def test_its_image_is_named_as_given(image: dict[str, str], expected: str) -> None:
    assert _get_container({"image": image})["image"] == expected


def test_probes_ask_the_named_port() -> None:
    container = _get_container()
    assert container["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    paths = {probe: container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {
        "startupProbe": {"path": "/healthz", "port": "http"},
        "livenessProbe": {"path": "/healthz", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
    }


def test_the_port_is_set_in_one_place() -> None:
    values = {"operator": {"settings": {"httpPort": 9090}}}
    assert _get_container(values)["ports"][0]["containerPort"] == 9090
    [service] = select(render(values), "Service")
    assert service["spec"]["ports"] == [{"name": "http", "port": 9090, "targetPort": "http", "protocol": "TCP"}]


@pytest.mark.parametrize("seconds", [1, 20, 300])
def test_it_gets_the_time_it_needs_to_stop(seconds: int) -> None:
    pod = _get_pod({"operator": {"settings": {"gracefulStopSeconds": seconds}}})
    assert pod["terminationGracePeriodSeconds"] > seconds


def test_a_rolling_update_leaves_no_gap() -> None:
    spec = _get_deployment()["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_a_changed_setting_rolls_the_pods() -> None:
    changed = {"operator": {"settings": {"workers": 5}}}
    assert _get_deployment()["spec"]["template"] != _get_deployment(changed)["spec"]["template"]


def test_selectors_find_the_pods_and_never_change() -> None:
    manifests = render({"commonLabels": {"team": "blue"}, "operator": {"podLabels": {"a": "b"}}})
    [deployment] = select(manifests, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert set(selector) == {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
    assert selector.items() <= labels.items()
    assert {"a": "b", "team": "blue"}.items() <= labels.items()
    [service] = select(manifests, "Service")
    [budget] = select(manifests, "PodDisruptionBudget")
    assert service["spec"]["selector"] == selector
    assert budget["spec"]["selector"] == {"matchLabels": selector}


def test_one_replica_is_not_protected_from_a_drain() -> None:
    assert select(render({"operator": {"replicas": 1}}), "PodDisruptionBudget") == []
    assert select(render(), "PodDisruptionBudget")[0]["spec"]["maxUnavailable"] == 1


def test_replicas_are_spread_softly() -> None:
    spread = _get_pod()["topologySpreadConstraints"]
    assert [constraint["topologyKey"] for constraint in spread] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    assert {constraint["whenUnsatisfiable"] for constraint in spread} == {"ScheduleAnyway"}
    assert _get_pod({"operator": {"topologySpreadConstraints": []}})["topologySpreadConstraints"] == []


def test_placement_is_passed_on() -> None:
    placement: dict[str, Any] = {
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/arch": "arm64"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [{"topologyKey": "rack", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}],
    }
    pod = _get_pod({"operator": placement, "imagePullSecrets": [{"name": "pull"}]})
    assert placement.items() <= pod.items()
    assert pod["imagePullSecrets"] == [{"name": "pull"}]


def test_it_asks_for_little_and_has_a_memory_limit() -> None:
    assert _get_container()["resources"] == {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"memory": "1Gi"},
    }
