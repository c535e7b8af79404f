"""The chart grants exactly what the code declares, in both modes, and people what their role is called after."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

from helm import Manifest, render, select
from scriptrun.kube.access import LEASE_VERBS, OPERATOR_VERBS, RUNNER_VERBS

Rules = dict[tuple[str, str], frozenset[str]]
BIND = {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["bind"]}
LISTED: dict[str, Any] = {"watchNamespaces": ["team-a", "team-b"]}


def _flatten(rules: Iterable[Manifest]) -> Rules:
    verbs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                verbs[group, resource] |= set(rule["verbs"])
    return {key: frozenset(value) for key, value in verbs.items()}


def _check_operator_rules(role: Manifest) -> None:
    bind = [rule for rule in role["rules"] if "bind" in rule["verbs"]]
    assert bind == [BIND | {"resourceNames": ["scriptrun-runner"]}]
    others = [rule for rule in role["rules"] if rule not in bind]
    assert _flatten(others) == dict(OPERATOR_VERBS)
    assert all("resourceNames" not in rule for rule in others)


def _find_bound(manifests: list[Manifest], kind: str, name: str, namespace: str | None) -> list[Manifest]:
    bindings = select(manifests, "ClusterRoleBinding") + select(manifests, "RoleBinding")
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
    found = [b for b in bindings if b["roleRef"] == reference and b["metadata"].get("namespace") == namespace]
    return [subject for binding in found for subject in binding["subjects"]]


OPERATOR = {"kind": "ServiceAccount", "name": "scriptrun-operator", "namespace": "scriptrun-system"}


def test_everywhere_the_operator_has_one_cluster_role() -> None:
    manifests = render()
    [role] = select(manifests, "ClusterRole", "scriptrun-operator")
    _check_operator_rules(role)
    assert _find_bound(manifests, "ClusterRole", "scriptrun-operator", None) == [OPERATOR]
    assert [r["metadata"]["name"] for r in select(manifests, "Role")] == ["scriptrun-operator-lease"]


def test_in_listed_namespaces_it_has_a_role_in_each_and_nothing_cluster_wide() -> None:
    manifests = render(LISTED)
    roles = select(manifests, "Role", "scriptrun-operator")
    assert [role["metadata"]["namespace"] for role in roles] == ["team-a", "team-b"]
    for role in roles:
        _check_operator_rules(role)
        assert _find_bound(manifests, "Role", "scriptrun-operator", role["metadata"]["namespace"]) == [OPERATOR]
    assert select(manifests, "ClusterRoleBinding") == []
    assert select(manifests, "ClusterRole", "scriptrun-operator") == []


@pytest.mark.parametrize("values", [{}, LISTED], ids=["everywhere", "listed"])
def test_the_lease_is_the_operators_own(values: dict[str, Any]) -> None:
    manifests = render(values)
    [role] = select(manifests, "Role", "scriptrun-operator-lease")
    assert role["metadata"]["namespace"] == "scriptrun-system"
    assert _flatten(role["rules"]) == dict(LEASE_VERBS)
    named = [rule for rule in role["rules"] if rule.get("resourceNames") == ["scriptrun-operator"]]
    assert _flatten(named) == {("coordination.k8s.io", "leases"): frozenset({"get", "update"})}
    assert _find_bound(manifests, "Role", "scriptrun-operator-lease", "scriptrun-system") == [OPERATOR]


def test_the_leases_role_goes_where_the_lease_is() -> None:
    settings = {"leaseNamespace": "leases", "leaseName": "other"}
    manifests = render({"operator": {"settings": settings}})
    [role] = select(manifests, "Role", "scriptrun-operator-lease")
    assert role["metadata"]["namespace"] == "leases"
    assert role["rules"][1]["resourceNames"] == ["other"]


def test_a_scripts_pod_holds_one_verb() -> None:
    [role] = select(render(), "ClusterRole", "scriptrun-runner")
    assert _flatten(role["rules"]) == dict(RUNNER_VERBS)
    assert select(render({"runner": {"clusterRole": {"create": False}}}), "ClusterRole", "scriptrun-runner") == []


PEOPLE = {
    "view": {
        ("scriptrun.dev", "scripts"): {"get", "list", "watch"},
        ("scriptrun.dev", "scriptruns"): {"get", "list", "watch"},
        ("scriptrun.dev", "bridges"): {"get", "list", "watch"},
        ("scriptrun.dev", "workflows"): {"get", "list", "watch"},
        ("scriptrun.dev", "workflowruns"): {"get", "list", "watch"},
    },
    "edit": {
        ("scriptrun.dev", kind): {"create", "update", "patch", "delete", "deletecollection"}
        for kind in ("scriptruns", "workflowruns")
    },
    "admin": {
        ("scriptrun.dev", kind): {"create", "update", "patch", "delete", "deletecollection"}
        for kind in ("scripts", "bridges", "workflows")
    },
}


@pytest.mark.parametrize("name", PEOPLE)
def test_people_get_what_their_role_is_called_after(name: str) -> None:
    [role] = select(render(), "ClusterRole", f"scriptrun-{name}")
    assert _flatten(role["rules"]) == PEOPLE[name]
    aggregated = {key for key in role["metadata"]["labels"] if "aggregate-to" in key}
    assert aggregated == {f"rbac.authorization.k8s.io/aggregate-to-{name}"}


def test_peoples_roles_can_stand_alone_or_be_left_out() -> None:
    alone = select(render({"rbac": {"userRoles": {"aggregate": False}}}), "ClusterRole", "scriptrun-edit")
    assert [key for key in alone[0]["metadata"]["labels"] if "aggregate" in key] == []
    assert select(render({"rbac": {"userRoles": {"create": False}}}), "ClusterRole", "scriptrun-edit") == []


@pytest.mark.parametrize("values", [{}, LISTED], ids=["everywhere", "listed"])
def test_nobody_gets_wildcards_secrets_or_statuses(values: dict[str, Any]) -> None:
    manifests = render(values)
    for role in select(manifests, "ClusterRole") + select(manifests, "Role"):
        flat = _flatten(role["rules"])
        assert not any("*" in part for key, verbs in flat.items() for part in (*key, *verbs))
        assert ("", "secrets") not in flat
        if not role["metadata"]["name"].startswith("scriptrun-operator"):
            assert not any(resource.endswith("/status") for _, resource in flat)


def test_roles_can_be_somebody_elses_job() -> None:
    manifests = render({"rbac": {"create": False}})
    assert select(manifests, "Role") == []
    assert select(manifests, "ClusterRoleBinding") == []


def test_a_given_account_is_used() -> None:
    values = {"operator": {"serviceAccount": {"create": False, "name": "given"}}}
    manifests = render(values)
    assert select(manifests, "ServiceAccount") == []
    assert _find_bound(manifests, "ClusterRole", "scriptrun-operator", None) == [OPERATOR | {"name": "given"}]
    assert select(manifests, "Deployment")[0]["spec"]["template"]["spec"]["serviceAccountName"] == "given"
