"""The bridge in the chart: off until asked for, restricted, with the rights that its code declares and no others."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest
import yaml

from helm import CHART, ROOT, Manifest, read_refusal, render, select
from scriptrun import __version__
from scriptrun.kube.access import BRIDGE_VERBS, CREDENTIALS_VERBS, LEASE_VERBS
from scriptrun.settings import BridgeSettings

NAME = "scriptrun-bridge"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())["bridge"]
ACCOUNT = {"kind": "ServiceAccount", "name": NAME, "namespace": "scriptrun-system"}
SECRETS = [{"namespace": "a", "name": "x"}, {"namespace": "b", "name": "z"}, {"namespace": "a", "name": "y"}]
ADDRESSES = ["zeebe.camunda:8080", "10.96.0.0/12"]
OTHER: dict[str, Any] = {
    "allowed_addresses": ",".join(ADDRESSES),
    "resync_seconds": 1_000_000,
    "lease_namespace": "leases",
    "lease_duration_seconds": 60,
    "graceful_stop_seconds": 90,
    "http_port": 9090,
    "http_host": "::1",
    "max_connections": 8,
    "log_level": "debug",
    "log_format": "console",
}


def _render(bridge: dict[str, Any] | None = None, **values: Any) -> list[Manifest]:
    return render({"bridge": {"create": True, **(bridge or {})}, **values})


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _get_container(manifests: list[Manifest]) -> Manifest:
    [deployment] = select(manifests, "Deployment", NAME)
    container: Manifest
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    return container


def _load(monkeypatch: pytest.MonkeyPatch, manifests: list[Manifest]) -> BridgeSettings:
    for variable in _get_container(manifests)["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    return BridgeSettings()


def _flatten(rules: Iterable[Manifest]) -> dict[tuple[str, str], frozenset[str]]:
    verbs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                verbs[group, resource] |= set(rule["verbs"])
    return {key: frozenset(value) for key, value in verbs.items()}


def _check_bound(manifests: list[Manifest], role: Manifest) -> None:
    """The role of that name is bound to the bridge's account, and to nobody else."""
    meta = role["metadata"]
    [binding] = [
        item
        for item in select(manifests, f"{role['kind']}Binding", meta["name"])
        if item["metadata"].get("namespace") == meta.get("namespace")
    ]
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": role["kind"],
        "name": meta["name"],
    }
    assert binding["subjects"] == [ACCOUNT]


def test_nothing_of_it_is_there_until_asked_for() -> None:
    assert [item for item in render() if NAME in item["metadata"]["name"] and "Policy" not in item["kind"]] == []


def test_it_runs_the_images_bridge_within_the_restricted_standard() -> None:
    manifests = _render()
    [deployment] = select(manifests, "Deployment", NAME)
    pod, container = deployment["spec"]["template"]["spec"], _get_container(manifests)
    assert (container["image"], container["args"]) == (f"scriptrun.dev/operator:{__version__}", ["bridge"])
    assert pod["serviceAccountName"] == NAME
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"hostNetwork", "hostPID", "hostIPC", "volumes", "initContainers"} & set(pod) == set()
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    [operator] = select(manifests, "Deployment", "scriptrun-operator")
    assert selector != operator["spec"]["selector"]["matchLabels"]


@pytest.mark.parametrize("seconds", [1, 30, 300])
def test_it_gets_the_time_it_needs_to_stop(seconds: int) -> None:
    [deployment] = select(_render({"settings": {"gracefulStopSeconds": seconds}}), "Deployment", NAME)
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > seconds


def test_every_variable_is_a_setting_and_every_setting_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    manifests = _render()
    names = [variable["name"] for variable in _get_container(manifests)["env"]]
    assert sorted(names) == sorted(f"SCRIPTRUN_{name.upper()}" for name in BridgeSettings.model_fields)
    assert _load(monkeypatch, manifests) == BridgeSettings()


@pytest.mark.parametrize("name", BridgeSettings.model_fields)
def test_every_setting_can_be_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {_camel(key): value for key, value in OTHER.items()} | {"allowedAddresses": ADDRESSES}
    got = getattr(_load(monkeypatch, _render({"settings": settings}, watchNamespaces=["a", "b"])), name)
    assert got == {**OTHER, "watch_namespaces": "a,b"}[name]
    assert got != BridgeSettings.model_fields[name].default


def test_everywhere_it_may_do_what_its_code_declares() -> None:
    manifests = _render()
    [role] = select(manifests, "ClusterRole", NAME)
    assert _flatten(role["rules"]) == dict(BRIDGE_VERBS)
    _check_bound(manifests, role)


def test_in_listed_namespaces_it_has_no_right_elsewhere() -> None:
    manifests = _render(watchNamespaces=["a", "b"])
    roles = select(manifests, "Role", NAME)
    assert [role["metadata"]["namespace"] for role in roles] == ["a", "b"]
    for role in roles:
        assert _flatten(role["rules"]) == dict(BRIDGE_VERBS)
        _check_bound(manifests, role)
    assert select(manifests, "ClusterRole", NAME) == []
    assert select(manifests, "ClusterRoleBinding", NAME) == []


@pytest.mark.parametrize(
    ("settings", "namespace"), [({}, "scriptrun-system"), ({"leaseNamespace": "leases"}, "leases")]
)
def test_its_leases_are_in_one_namespace(settings: dict[str, Any], namespace: str) -> None:
    manifests = _render({"settings": settings})
    [role] = select(manifests, "Role", f"{NAME}-leases")
    assert role["metadata"]["namespace"] == namespace
    assert _flatten(role["rules"]) == dict(LEASE_VERBS)
    _check_bound(manifests, role)


def test_it_reads_the_secrets_that_are_named_and_no_others() -> None:
    assert select(_render(), "Role", f"{NAME}-credentials") == []
    manifests = _render({"credentialsSecrets": SECRETS})
    roles = select(manifests, "Role", f"{NAME}-credentials")
    named = {role["metadata"]["namespace"]: role["rules"] for role in roles}
    assert set(named) == {"a", "b"}
    for role in roles:
        assert _flatten(role["rules"]) == dict(CREDENTIALS_VERBS)
        _check_bound(manifests, role)
    assert [rules[0]["resourceNames"] for rules in named.values()] == [["x", "y"], ["z"]]
    for role in select(manifests, "ClusterRole") + select(manifests, "Role"):
        for rule in role["rules"]:
            assert "secrets" not in rule["resources"] or rule["resourceNames"], role["metadata"]["name"]


def test_the_bridge_has_no_right_that_runs_or_deletes_anything() -> None:
    everything = {pair for verbs in (BRIDGE_VERBS, CREDENTIALS_VERBS, LEASE_VERBS) for pair in verbs}
    assert {resource for _, resource in everything} & {"jobs", "pods", "pods/exec", "rolebindings"} == set()
    assert not any("delete" in verbs for verbs in BRIDGE_VERBS.values())


def test_roles_and_account_can_be_somebody_elses_job() -> None:
    manifests = render({"bridge": {"create": True}, "rbac": {"create": False}})
    assert [role for role in select(manifests, "Role") if NAME in role["metadata"]["name"]] == []
    given = _render({"serviceAccount": {"create": False, "name": "given"}})
    assert select(given, "ServiceAccount", NAME) == []
    [binding] = select(given, "ClusterRoleBinding", NAME)
    assert binding["subjects"] == [ACCOUNT | {"name": "given"}]


def test_its_metrics_have_a_service_and_a_monitor_where_the_operators_have() -> None:
    manifests = render({"bridge": {"create": True}, "metrics": {"serviceMonitor": {"create": True}}})
    [service], [monitor] = select(manifests, "Service", NAME), select(manifests, "ServiceMonitor", NAME)
    [deployment] = select(manifests, "Deployment", NAME)
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert service["spec"]["selector"] == selector
    assert monitor["spec"]["selector"]["matchLabels"] == selector
    assert select(_render(metrics={"service": {"create": False}}), "Service", NAME) == []


def test_two_replicas_are_protected_from_a_drain_and_one_is_not() -> None:
    assert select(_render({"replicas": 1}), "PodDisruptionBudget", NAME) == []
    assert select(_render({"replicas": 2}), "PodDisruptionBudget", NAME)[0]["spec"]["maxUnavailable"] == 1


def test_marks_of_a_bridges_run_are_the_bridges_to_set() -> None:
    [policy] = select(render(), "ValidatingAdmissionPolicy", "scriptrun-bridges")
    [condition] = policy["spec"]["matchConditions"]
    assert ".resource('bridges').subresource('status')" in condition["expression"]
    [rule] = policy["spec"]["matchConstraints"]["resourceRules"]
    assert (rule["resources"], rule["operations"]) == (["scriptruns"], ["CREATE", "UPDATE"])
    [binding] = select(render(), "ValidatingAdmissionPolicyBinding", "scriptrun-bridges")
    assert binding["spec"]["validationActions"] == ["Deny"]
    assert select(render({"admissionPolicy": {"create": False}}), "ValidatingAdmissionPolicy") == []


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a Secret without its namespace": (
        {"bridge": {"credentialsSecrets": [{"name": "x"}]}},
        "missing property 'namespace'",
    ),
    "a Secret where nobody looks": (
        {"watchNamespaces": ["b"], "bridge": {"create": True, "credentialsSecrets": SECRETS[:1]}},
        "bridge.credentialsSecrets: namespace a is not in watchNamespaces",
    ),
    "a setting by the back door": (
        {"bridge": {"create": True, "extraEnv": [{"name": "SCRIPTRUN_HTTP_PORT", "value": "1"}]}},
        "bridge.extraEnv: SCRIPTRUN_HTTP_PORT is a setting of the bridge; give it under bridge.settings",
    ),
    "no account": (
        {"bridge": {"create": True, "serviceAccount": {"create": False}}},
        "bridge.serviceAccount.name: name an existing ServiceAccount",
    ),
    "a misspelt setting": (
        {"bridge": {"settings": {"workers": 3}}},
        "'/bridge/settings': additional properties 'workers' not allowed",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_value_is_refused_by_name(case: str) -> None:
    values, words = REFUSED[case]
    assert words in read_refusal(values)


def test_the_values_are_the_settings() -> None:
    assert {_camel(name) for name in BridgeSettings.model_fields} - {"watchNamespaces"} == set(VALUES["settings"])


def test_the_page_explains_every_setting_with_its_default() -> None:
    text = (ROOT / "docs" / "bridge.md").read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
    rows = {
        cells[1].strip(): cells
        for cells in (line.strip("|").split("|") for line in text.splitlines())
        if len(cells) == 4
    }
    said = {
        "allowed_addresses": "any but loopback",
        "http_host": "every address",
        "lease_namespace": "the release's",
    }
    for name, field in BridgeSettings.model_fields.items():
        if name != "watch_namespaces":
            value, _, default, meaning = (cell.strip() for cell in rows[f"`SCRIPTRUN_{name.upper()}`"])
            assert (value, default) == (f"`{_camel(name)}`", said.get(name, str(field.default)))
            assert len(meaning) > 10
