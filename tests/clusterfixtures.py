"""Fixtures for tests that only ask the API server: its administrator, a namespace a test, the chart's policies."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helm import CHART, ROOT, helm
from kubeapi import Api, wait_for

POLICIES = (
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
    "?labelSelector=app.kubernetes.io/component=admission"
)
HOME = "scriptrun-policies"


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """Path of the test cluster's kubeconfig."""
    if given := os.environ.get("SCRIPTRUN_KUBECONFIG"):
        return Path(given)
    command = [sys.executable, str(ROOT / "tests" / "localcluster"), "kubeconfig"]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


@pytest.fixture(scope="session")
def policies(kubeconfig: Path) -> Iterator[None]:
    """The chart's admission policies: those that are there, or else ours for as long as we are here."""
    admin = Api.from_kubeconfig(kubeconfig)
    if admin.get(POLICIES).body["items"]:
        yield
        return
    where = ("--namespace", HOME)
    values = {
        "operator": {"replicas": 0},
        "crds": {"install": False},
        "rbac": {"create": False, "userRoles": {"create": False}},
    }
    helm("install", "policies", str(CHART), *where, "--create-namespace", values=values, kubeconfig=kubeconfig)
    try:
        _wait_until_in_force(admin)
        yield
    finally:
        helm("uninstall", "policies", *where, "--wait", kubeconfig=kubeconfig)
        admin.delete(f"/api/v1/namespaces/{HOME}")


def _wait_until_in_force(admin: Api) -> None:
    """The API server compiles policies a moment after they are made, one by one."""
    binding = {
        "metadata": {"name": "probe"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "probe"},
            {"kind": "ServiceAccount", "name": "scriptrun-runner", "namespace": HOME},
        ],
    }
    admin.post(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{HOME}/rolebindings", binding)
    probe = admin.impersonate("probe")
    runner = admin.impersonate(f"system:serviceaccount:{HOME}:scriptrun-runner")
    owner = {"apiVersion": "scriptrun.dev/v1alpha1", "kind": "ScriptRun", "name": "probe", "uid": "0"}
    config_maps = f"/api/v1/namespaces/{HOME}/configmaps?dryRun=All"
    forged_output = {"metadata": {"name": "probe", "labels": {"scriptrun.dev/output": "true"}}}
    forged_input = {"metadata": {"name": "probe-input", "ownerReferences": [owner]}}
    asks = (
        lambda: probe.post(config_maps, forged_output),
        lambda: probe.post(config_maps, forged_input),
        lambda: runner.post(config_maps, {"metadata": {"name": "probe"}}),
    )
    wait_for("the admission policies", lambda: all("AdmissionPolicy" in ask().message for ask in asks))


@pytest.fixture(scope="session")
def api(kubeconfig: Path, policies: None) -> Api:
    """The cluster's administrator."""
    return Api.from_kubeconfig(kubeconfig)


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """A namespace of the test's own, which holds its pods to the restricted Pod Security Standard."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    answer = api.post("/api/v1/namespaces", {"metadata": {"generateName": "test-", "labels": labels}})
    assert answer.status == 201, answer
    name = str(answer.body["metadata"]["name"])
    # Pods are refused until the controller has made the namespace's default account.
    wait_for("the default account", lambda: api.get(f"/api/v1/namespaces/{name}/serviceaccounts/default").status == 200)
    yield name
    api.delete(f"/api/v1/namespaces/{name}")
