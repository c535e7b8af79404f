"""The process that runs workflows, as the chart installs it: nothing by default, and exactly the rights it declares."""

from collections import defaultdict
from typing import Any

import pytest

from helm import HelmError, Manifest, render, select
from scriptrun.kube.access import LEASE_VERBS, WORKFLOW_VERBS
from scriptrun.settings import WorkflowSettings

NAME = "scriptrun-workflows"
ON: dict[str, Any] = {"workflows": {"create": True}}


def _flatten(role: Manifest) -> dict[tuple[str, str], frozenset[str]]:
    verbs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                verbs[group, resource] |= set(rule["verbs"])
    return {key: frozenset(value) for key, value in verbs.items()}


def test_there_is_none_by_default() -> None:
    assert not [item for item in render() if NAME in item["metadata"]["name"] and "crd" not in item["kind"].lower()]


def test_everywhere_it_may_do_what_it_declares_and_no_more() -> None:
    manifests = render(ON)
    [role] = select(manifests, "ClusterRole", NAME)
    assert _flatten(role) == dict(WORKFLOW_VERBS)
    [lease] = select(manifests, "Role", f"{NAME}-lease")
    assert _flatten(lease) == dict(LEASE_VERBS)
    assert lease["rules"][1]["resourceNames"] == [NAME]
    for kind, name in (("ClusterRoleBinding", NAME), ("RoleBinding", f"{NAME}-lease")):
        [binding] = select(manifests, kind, name)
        assert [subject["name"] for subject in binding["subjects"]] == [NAME]


def test_in_listed_namespaces_it_has_a_role_in_each() -> None:
    manifests = render({**ON, "watchNamespaces": ["a", "b"]})
    assert [role["metadata"]["namespace"] for role in select(manifests, "Role", NAME)] == ["a", "b"]
    assert select(manifests, "ClusterRole", NAME) == []


def test_its_pod_is_restricted_and_gets_every_setting() -> None:
    [deployment] = select(render(ON), "Deployment", NAME)
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["args"] == ["workflows"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    given = {variable["name"].removeprefix("SCRIPTRUN_").lower() for variable in container["env"]}
    assert given == set(WorkflowSettings.model_fields)


def test_its_settings_are_the_defaults_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    [deployment] = select(render(ON), "Deployment", NAME)
    for variable in deployment["spec"]["template"]["spec"]["containers"][0]["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    assert WorkflowSettings() == WorkflowSettings.model_construct()


def test_a_setting_that_there_is_not_is_refused() -> None:
    with pytest.raises(HelmError, match="nonsense"):
        render({"workflows": {"create": True, "settings": {"nonsense": 1}}})
