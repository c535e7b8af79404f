"""The admission policies speak of the names that the code uses. What they refuse is tested on a real API server."""

import json
from typing import Any

from helm import Manifest, render, select
from scriptrun.api.runs.service import REQUESTED_BY
from scriptrun.desired.names import (
    BRIDGE_LABEL,
    CLAIM_ANNOTATION,
    DROPPED_ANNOTATION,
    MANAGED_BY,
    OPEN_LABEL,
    OUTPUT_LABEL,
    RUN_LABEL,
    RUNNER_ACCOUNT,
    input_name,
    job_name,
    output_name,
)
from scriptrun.models.base import API_VERSION
from scriptrun.orchestrators.registry import ORCHESTRATORS

ENDINGS = ("bridges", "credentials", "outputs", "pods", "requests", "runner", "runs")


def _get(kind: str, ending: str, values: dict[str, Any] | None = None) -> Manifest:
    [manifest] = select(render(values), kind, f"scriptrun-{ending}")
    return manifest


def test_each_policy_is_bound_denies_and_fails_closed() -> None:
    for ending in ENDINGS:
        policy = _get("ValidatingAdmissionPolicy", ending)
        binding = _get("ValidatingAdmissionPolicyBinding", ending)
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert binding["spec"] == {"policyName": f"scriptrun-{ending}", "validationActions": ["Deny"]}


def test_the_authorizer_is_asked_of_few() -> None:
    """Asking may call another server. Conditions are all evaluated, so it stands behind an && in the only one."""
    for ending in ("outputs", "runs"):
        [condition] = _get("ValidatingAdmissionPolicy", ending)["spec"]["matchConditions"]
        before = condition["expression"].partition("authorizer.")[0]
        assert before.startswith("has(object.metadata.")
        assert before.endswith("&& (request.userInfo.username.endsWith(':scriptrun-runner') || !")


def test_each_refusal_has_words() -> None:
    for ending in ENDINGS:
        for validation in _get("ValidatingAdmissionPolicy", ending)["spec"]["validations"]:
            assert len(validation["message"]) > 20


def test_they_speak_of_the_names_in_the_code() -> None:
    outputs = json.dumps(_get("ValidatingAdmissionPolicy", "outputs"))
    assert f"'{OUTPUT_LABEL}' in object.metadata.labels" in outputs
    assert f":{RUNNER_ACCOUNT}'" in outputs
    assert f"['app.kubernetes.io/managed-by'] == '{MANAGED_BY}'" in outputs
    assert f"owner.apiVersion == '{API_VERSION}'" in outputs
    assert output_name("pod") == "pod-output"
    assert "variables.name == variables.pod + '-output'" in outputs
    pod = f"{job_name('a-b')}-0-c3d4e"  # as the Job controller names the pods of an Indexed Job
    assert pod[: len(pod) - 8] == "a-b"
    assert "size(variables.pod) - 8" in outputs
    assert f"endsWith(':{RUNNER_ACCOUNT}')" in json.dumps(_get("ValidatingAdmissionPolicy", "runner"))
    bridges = json.dumps(_get("ValidatingAdmissionPolicy", "bridges"))
    for mark in (BRIDGE_LABEL, OPEN_LABEL, CLAIM_ANNOTATION, DROPPED_ANNOTATION):
        assert f"'{mark}' in run.metadata" in bridges
    assert f"run.spec.task.source in {list(ORCHESTRATORS)}" in bridges
    assert f"'{REQUESTED_BY}'" in json.dumps(_get("ValidatingAdmissionPolicy", "requests"))
    pods = json.dumps(_get("ValidatingAdmissionPolicy", "pods"))
    assert f"oldObject.metadata.labels['{RUN_LABEL}']" in pods
    assert input_name("run") == "run-input"
    assert "'-input'" in json.dumps(_get("ValidatingAdmissionPolicy", "runs"))


def test_the_runner_is_confined_in_every_kind_and_namespace() -> None:
    [rule] = _get("ValidatingAdmissionPolicy", "runner")["spec"]["matchConstraints"]["resourceRules"]
    assert rule == {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    listed = _get("ValidatingAdmissionPolicyBinding", "runner", {"watchNamespaces": ["team-a"]})
    assert "matchResources" not in listed["spec"]


def test_with_listed_namespaces_the_others_speak_of_those() -> None:
    for ending in (ending for ending in ENDINGS if ending != "runner"):
        binding = _get("ValidatingAdmissionPolicyBinding", ending, {"watchNamespaces": ["team-a", "team-b"]})
        [expression] = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
        assert expression == {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["team-a", "team-b"]}


def test_keys_that_webhooks_add_can_be_allowed() -> None:
    values = {"admissionPolicy": {"allowedMetadataKeys": ["example.com/cost-centre"]}}
    variables = _get("ValidatingAdmissionPolicy", "outputs", values)["spec"]["variables"]
    allowing = [v["name"] for v in variables if '!(key in ["example.com/cost-centre"])' in v["expression"]]
    assert allowing == ["labels", "annotations"]


def test_they_can_be_somebody_elses_job() -> None:
    manifests = render({"admissionPolicy": {"create": False}})
    assert select(manifests, "ValidatingAdmissionPolicy") == []
    assert select(manifests, "ValidatingAdmissionPolicyBinding") == []


def test_the_operator_is_held_to_the_pods_of_runs_by_the_name_of_its_account() -> None:
    policy = _get("ValidatingAdmissionPolicy", "pods", {"operator": {"serviceAccount": {"name": "other"}}})
    [condition] = policy["spec"]["matchConditions"]
    assert condition["expression"] == "request.userInfo.username == 'system:serviceaccount:scriptrun-system:other'"
    [rule] = policy["spec"]["matchConstraints"]["resourceRules"]
    assert (rule["operations"], rule["resources"]) == (["DELETE"], ["pods"])
