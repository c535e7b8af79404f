"""values.yaml, values.schema.json and the operator's settings say the same."""

import json
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from helm import CHART, Manifest, read_refusal, render, select
from scriptrun.models.container import LocalObjectReference, ResourceRequirements, Toleration
from scriptrun.models.podmetadata import ENTRIES_LIMIT, KEY, KEY_LIMIT, LABEL_VALUE, OWN
from scriptrun.models.scheduling import Affinity, TopologySpreadConstraint
from scriptrun.settings import Settings

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
# One value for each setting that is not its default.
OTHER: dict[str, Any] = {
    "workers": 3,
    "resync_seconds": 1_000_000,
    "script_grace_seconds": 0,
    "progress_delay_seconds": 0.25,
    "sidecar_grace_seconds": 12.5,
    "leader_election": False,
    "lease_name": "other",
    "lease_namespace": "leases",
    "lease_duration_seconds": 60,
    "graceful_stop_seconds": 90,
    "http_port": 9090,
    "http_host": "::1",
    "max_connections": 8,
    "worker_processes": 3,
    "worker_cpu_seconds": 5.5,
    "worker_memory_mib": 512,
    "log_level": "debug",
    "log_format": "console",
}
# Of run pods, as in a pod.
NODES = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": []}]}}
SPREAD = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
PLACEMENT: dict[str, Any] = {
    "imagePullSecrets": [{"name": "registry"}],
    "priorityClassName": "low",
    "runtimeClassName": "gvisor",
    "nodeSelector": {"pool": "runs"},
    "tolerations": [{"key": "runs", "operator": "Exists", "tolerationSeconds": 5}],
    "affinity": {"nodeAffinity": NODES},
    "topologySpreadConstraints": [SPREAD],
    "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}},
}
DEPENDENCIES: dict[str, Any] = {
    "indexUrl": "https://index/simple/",
    "caBundle": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "credentialsSecret": "index",
    "cacheClaim": "libraries",
    "timeoutSeconds": 60,
    "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi", "cpu": "1"}},
}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _read_environment(values: dict[str, Any] | None = None) -> dict[str, str]:
    [deployment] = select(render(values), "Deployment", "scriptrun-operator")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    names = [variable["name"] for variable in container["env"]]
    assert len(names) == len(set(names))
    return {variable["name"]: variable["value"] for variable in container["env"]}


def _load_settings(monkeypatch: pytest.MonkeyPatch, values: dict[str, Any] | None = None) -> Settings:
    for name, value in _read_environment(values).items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_every_variable_is_a_setting_and_every_setting_a_variable() -> None:
    known = {f"SCRIPTRUN_{name.upper()}" for name in Settings.model_fields}
    assert set(_read_environment()) == known


def test_as_it_comes_the_chart_changes_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _load_settings(monkeypatch) == Settings(state_dir="/var/lib/scriptrun")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_can_be_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "operator": {"replicas": 1, "settings": {_camel(key): value for key, value in OTHER.items()}},
        "runner": {
            "image": {"repository": "a.b/c", "tag": "1", "pullPolicy": "Always"},
            "podLabels": {"sidecar.istio.io/inject": None, "team": "a"},
            "podAnnotations": {"linkerd.io/inject": "enabled", "consul.hashicorp.com/connect-inject": None},
            **PLACEMENT,
        },
        "dependencies": DEPENDENCIES,
        "runAsUser": 1_000_660_000,
        "watchNamespaces": ["a", "b"],
        "api": {"create": True},
        "history": {"create": True},
    }
    derived = {
        "runner_image": "a.b/c:1",
        "image_pull_policy": "Always",
        "watch_namespaces": "a,b",
        "keep_until_stored": True,
        "state_dir": "/var/lib/scriptrun",
        "pod_labels": {"kuma.io/sidecar-injection": "disabled", "team": "a"},
        "pod_annotations": {"linkerd.io/inject": "enabled"},
        "run_as_user": 1_000_660_000,
        "image_pull_secrets": [LocalObjectReference(name="registry")],
        "priority_class_name": "low",
        "runtime_class_name": "gvisor",
        "resources": ResourceRequirements(requests={"cpu": "100m"}, limits={"memory": "64Mi"}),
        "node_selector": {"pool": "runs"},
        "tolerations": [Toleration(key="runs", operator="Exists", toleration_seconds=5)],
        "affinity": Affinity.model_validate(PLACEMENT["affinity"]),
        "topology_spread_constraints": [TopologySpreadConstraint.model_validate(SPREAD)],
        "dependency_index_url": "https://index/simple/",
        "dependency_ca_bundle": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "dependency_credentials_secret": "index",
        "dependency_cache_claim": "libraries",
        "dependency_timeout_seconds": 60,
        "dependency_resources": ResourceRequirements(
            requests={"cpu": "1", "memory": "64Mi"}, limits={"memory": "1Gi", "cpu": "1"}
        ),
    }
    got = getattr(_load_settings(monkeypatch, values), name)
    assert got == {**OTHER, **derived}[name]
    assert got != getattr(Settings.model_construct(), name)


def test_without_a_user_the_cluster_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"runAsUser": None, "api": {"create": True}, "bridge": {"create": True}, "history": {"create": True}}
    assert _load_settings(monkeypatch, values).run_as_user is None
    deployments = select(render(values), "Deployment")
    assert len(deployments) == 3
    for deployment in deployments:
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert not {"runAsUser", "runAsGroup"} & pod["containers"][0]["securityContext"].keys()


def test_another_user_is_that_of_every_pod() -> None:
    values = {"runAsUser": 1_000_660_000, "api": {"create": True}, "bridge": {"create": True}}
    for deployment in select(render(values), "Deployment"):
        context = deployment["spec"]["template"]["spec"]["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"]) == (1_000_660_000, 1_000_660_000)
        assert context.get("fsGroup", 1_000_660_000) == 1_000_660_000


def test_run_pods_pull_with_the_charts_secrets_unless_they_have_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    common = {"imagePullSecrets": [{"name": "pull"}]}
    assert _load_settings(monkeypatch, common).image_pull_secrets == [LocalObjectReference(name="pull")]
    none = {**common, "runner": {"imagePullSecrets": []}}
    assert _load_settings(monkeypatch, none).image_pull_secrets == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AFFINITY", '{"nodeAffinty": {}}'),
        ("AFFINITY", '{"podAffinity": {"required": []}}'),
        ("TOPOLOGY_SPREAD_CONSTRAINTS", '[{"maxSkew": 0, "topologyKey": "a", "whenUnsatisfiable": "ScheduleAnyway"}]'),
        ("TOLERATIONS", '[{"operator": "exists"}]'),
        ("IMAGE_PULL_SECRETS", '["pull"]'),
        ("PRIORITY_CLASS_NAME", "a b"),
        ("RUN_AS_USER", "0"),
    ],
)
def test_what_no_pod_could_have_stops_the_operator(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SCRIPTRUN_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_the_derived_ones_arrive_as_the_operator_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = "sha256:" + "0" * 64
    image = {"repository": "a.b/c", "tag": "1", "digest": digest}
    settings = _load_settings(monkeypatch, {"watchNamespaces": ["a", "b"], "runner": {"image": image}})
    assert settings.namespaces == ("a", "b")
    assert settings.runner_image == f"a.b/c:1@{digest}"


@pytest.mark.parametrize("name", OTHER)
def test_the_schema_has_the_settings_bounds(name: str) -> None:
    settings = SCHEMA["properties"]["operator"]["properties"]["settings"]["properties"]
    field = Settings.model_json_schema()["properties"][name]
    ours = settings[_camel(name)]
    for bound in ("minimum", "maximum", "enum"):
        if name == "http_port" and bound == "minimum":
            assert ours[bound] == 1024  # stricter: no privileged port, no port of the system's choice
        else:
            assert ours.get(bound) == field.get(bound)
    if "type" in field:
        assert ours.get("type", "string") == field["type"]


def test_the_schema_knows_every_value_and_no_other() -> None:
    def compare(values: Any, schema: Manifest, path: str) -> None:
        schema = SCHEMA["$defs"][schema["$ref"].split("/")[-1]] if "$ref" in schema else schema
        properties = {key: part for key, part in schema.get("properties", {}).items() if key != "global"}
        if not properties or not isinstance(values, dict):
            return
        if path.endswith(".resources"):
            return  # a container's own, by Kubernetes' names
        assert set(values) == set(properties), path
        assert schema["additionalProperties"] is False, path
        for key, part in properties.items():
            compare(values[key], part, f"{path}.{key}")

    compare(VALUES, SCHEMA, "")


def test_every_value_is_explained() -> None:
    """A comment stands above each value that is not named like what it holds in Kubernetes itself."""
    plain = {
        "create",
        "labels",
        "annotations",
        "podLabels",
        "podAnnotations",
        "nodeSelector",
        "tolerations",
        "affinity",
    }
    plain |= {"repository", "digest", "pullPolicy", "name", "cpu", "memory", "requests", "commonAnnotations"}
    plain |= {"maxUnavailable", "leaseName", "ports", "apiServer", "cidrs", "rbac", "operator", "runner", "image"}
    plain |= {"serviceAccount", "podDisruptionBudget", "clusterRole", "resources", "userRoles", "intervalSeconds"}
    plain |= {"api", "ingress", "history", "persistence", "size", "prometheusRule"}
    plain |= {"admissionPolicy", "crds", "metrics", "service", "serviceMonitor", "networkPolicy", "runs"}
    before = ""
    for line in (CHART / "values.yaml").read_text().splitlines():
        key = line.strip().partition(":")[0]
        if key and not key.startswith("#"):
            assert before.startswith("#") or key in plain, f"{key} has no comment"
        before = line.strip()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "too many workers": (
        {"operator": {"settings": {"workers": 1000}}},
        "'/operator/settings/workers': maximum: got 1,000, want 256",
    ),
    "no workers": ({"operator": {"settings": {"workers": 0}}}, "'/operator/settings/workers': minimum: got 0, want 1"),
    "a misspelt setting": (
        {"operator": {"settings": {"wokers": 3}}},
        "'/operator/settings': additional properties 'wokers' not allowed",
    ),
    "a misspelt value": ({"watchNamespace": ["a"]}, "additional properties 'watchNamespace' not allowed"),
    "a namespace alone": ({"watchNamespaces": "a"}, "'/watchNamespaces': got string, want array"),
    "no namespace's name": ({"watchNamespaces": ["Team_A"]}, "'/watchNamespaces/0': 'Team_A' does not match pattern"),
    "a namespace twice": ({"watchNamespaces": ["a", "a"]}, "'/watchNamespaces': items at 0 and 1 are equal"),
    "an unknown level": ({"operator": {"settings": {"logLevel": "loud"}}}, "must be one of 'debug', 'info'"),
    "a privileged port": ({"operator": {"settings": {"httpPort": 80}}}, "minimum: got 80, want 1,024"),
    "text for a number": ({"operator": {"replicas": "two"}}, "'/operator/replicas': got string, want integer"),
    "root": ({"runAsUser": 0}, "'/runAsUser': minimum: got 0, want 1"),
    "a pull secret's name alone": (
        {"runner": {"imagePullSecrets": ["pull"]}},
        "'/runner/imagePullSecrets/0': got string, want object",
    ),
    "a resource that is no quantity": (
        {"runner": {"resources": {"limits": {"memory": "64 MiB"}}}},
        "'/runner/resources/limits/memory'",
    ),
    "a claim": ({"runner": {"resources": {"claims": []}}}, "'/runner/resources': additional properties 'claims' not"),
    "credentials in the address": (
        {"dependencies": {"indexUrl": "https://me:secret@index/"}},
        "'/dependencies/indexUrl'",
    ),
    "a class with a space": ({"runner": {"priorityClassName": "a b"}}, "'/runner/priorityClassName': 'a b' does not"),
    "a misspelt affinity": (
        {"runner": {"affinity": {"nodeAffinty": {}}}},
        "'/runner/affinity': additional properties 'nodeAffinty' not allowed",
    ),
    "half a digest": ({"image": {"digest": "sha256:12"}}, "'/image/digest': 'sha256:12' does not match pattern"),
    "two leaders": (
        {"operator": {"settings": {"leaderElection": False}}},
        "operator.settings.leaderElection must be true with operator.replicas > 1",
    ),
    "a setting by the back door": (
        {"operator": {"extraEnv": [{"name": "SCRIPTRUN_WORKERS", "value": "1"}]}},
        "operator.extraEnv: SCRIPTRUN_WORKERS is a setting of the operator; give it under operator.settings",
    ),
    "no account": (
        {"operator": {"serviceAccount": {"create": False}}},
        "operator.serviceAccount.name: name an existing ServiceAccount, or set operator.serviceAccount.create=true",
    ),
    "runs shut in nowhere": (
        {"networkPolicy": {"runs": {"create": True}, "apiServer": {"cidrs": ["10.0.0.1/32"]}}},
        "networkPolicy.runs.namespaces: name the namespaces",
    ),
    "runs shut in with a door open": (
        {"networkPolicy": {"runs": {"create": True, "namespaces": ["a"]}}},
        "networkPolicy.apiServer.cidrs: give the API server's addresses",
    ),
    "a monitor of nothing": (
        {"metrics": {"service": {"create": False}, "serviceMonitor": {"create": True}}},
        "metrics.serviceMonitor.create needs metrics.service.create=true",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_value_is_refused_by_name(case: str) -> None:
    values, words = REFUSED[case]
    assert words in read_refusal(values)


def test_it_can_be_a_dependency_of_another_chart() -> None:
    """Helm then hands it `global`."""
    assert render({"global": {"imageRegistry": "x"}})


def test_further_variables_reach_the_operator() -> None:
    assert _read_environment({"operator": {"extraEnv": [{"name": "HTTPS_PROXY", "value": "x"}]}})["HTTPS_PROXY"] == "x"


def test_what_is_put_on_run_pods_is_held_to_the_same_patterns() -> None:
    key = SCHEMA["$defs"]["podKey"]
    assert (key["maxLength"], key["pattern"], key["not"]["pattern"]) == (KEY_LIMIT, KEY, OWN)
    runner = SCHEMA["properties"]["runner"]["properties"]
    assert runner["podLabels"]["additionalProperties"]["pattern"] == LABEL_VALUE
    assert {runner[name]["maxProperties"] for name in ("podLabels", "podAnnotations")} == {ENTRIES_LIMIT}


@pytest.mark.parametrize("key", ["scriptrun.dev/run", "a.scriptrun.dev/x", "batch.kubernetes.io/job-name", "a b", "/a"])
@pytest.mark.parametrize("kind", ["podLabels", "podAnnotations"])
def test_keys_that_tell_pods_apart_can_not_be_taken(kind: str, key: str) -> None:
    assert key in read_refusal({"runner": {kind: {key: "x"}}})
