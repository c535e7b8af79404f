"""Whoever may write ConfigMaps and Jobs in a namespace can't pass them off as a run's output, input or Job."""

from collections.abc import Callable
from typing import Any

import pytest

from kubeapi import Answer, Api, wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterfixtures"]

Manifest = dict[str, Any]
OWNER = {"apiVersion": "scriptrun.dev/v1alpha1", "kind": "ScriptRun", "name": "hello-1", "uid": "0-0-0-0"}
OUTPUT = {"scriptrun.dev/output": "true", "app.kubernetes.io/managed-by": "scriptrun"}


def _config_map(name: str, **metadata: Any) -> Manifest:
    return {"metadata": {"name": name, **metadata}, "data": {"script": "print(1)", "result.json": "{}"}}


def _job(name: str, **metadata: Any) -> Manifest:
    pod = {"restartPolicy": "Never", "containers": [{"name": "script", "image": "none"}]}
    return {"metadata": {"name": name, **metadata}, "spec": {"suspend": True, "template": {"spec": pod}}}


def _bind(api: Api, namespace: str, account: str, role: str) -> None:
    binding = {
        "metadata": {"name": account},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
    assert api.post(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings", binding).status == 201


@pytest.fixture
def config_maps(namespace: str) -> str:
    """Path of the namespace's ConfigMaps."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


@pytest.fixture
def editor(api: Api, namespace: str, config_maps: str) -> Api:
    """Somebody with Kubernetes' own role ``edit`` in the namespace."""
    assert api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "ada"}}).status == 201
    _bind(api, namespace, "ada", "edit")
    ada = api.log_in(namespace, "ada")
    wait_for("the role edit", lambda: ada.get(config_maps).status == 200)
    return ada


def _is_refused(answer: Answer, words: str) -> bool:
    return answer.status == 403 and words in answer.message and "ValidatingAdmissionPolicy" in answer.message


def test_an_output_can_not_be_made_by_hand(editor: Api, config_maps: str) -> None:
    forged = _config_map("hello-1-0-abcde-output", labels=OUTPUT, ownerReferences=[OWNER])
    assert _is_refused(editor.post(config_maps, forged), "only the pod of a run may create")


def test_nor_by_acting_as_the_runner(api: Api, editor: Api, namespace: str, config_maps: str) -> None:
    """``edit`` may impersonate the namespace's accounts, but not say which pod it is."""
    _bind(api, namespace, "scriptrun-runner", "scriptrun-runner")
    user = f"system:serviceaccount:{namespace}:scriptrun-runner"
    forged = _config_map("hello-1-0-abcde-output", labels=OUTPUT, ownerReferences=[OWNER])
    runner = editor.impersonate(user)
    wait_for("the runner's role", lambda: "AdmissionPolicy" in runner.post(config_maps, forged).message)
    assert _is_refused(runner.post(config_maps, forged), "only the pod of a run may create")
    pod = editor.impersonate(user, {"authentication.kubernetes.io/pod-name": "hello-1-0-abcde"})
    answer = pod.post(config_maps, forged)
    assert answer.status == 403
    assert "cannot impersonate resource" in answer.message


@pytest.mark.parametrize("labels", [OUTPUT, {"scriptrun.dev/output": ""}])
def test_nor_by_labelling_one_afterwards(editor: Api, config_maps: str, labels: dict[str, str]) -> None:
    assert editor.post(config_maps, _config_map("hello-1-0-abcde-output")).status == 201
    answer = editor.patch(f"{config_maps}/hello-1-0-abcde-output", {"metadata": {"labels": labels}})
    assert _is_refused(answer, "can't be put on a ConfigMap afterwards")


def test_an_input_can_not_be_made_by_hand(editor: Api, config_maps: str) -> None:
    forged = _config_map("hello-1-input", ownerReferences=[OWNER])
    assert _is_refused(editor.post(config_maps, forged), "only the scriptrun operator may create")


def test_nor_given_its_owner_afterwards(editor: Api, config_maps: str) -> None:
    assert editor.post(config_maps, _config_map("hello-1-input")).status == 201
    answer = editor.patch(f"{config_maps}/hello-1-input", {"metadata": {"ownerReferences": [OWNER]}})
    assert _is_refused(answer, "only the scriptrun operator may create")


def test_a_job_can_not_be_made_by_hand(editor: Api, namespace: str) -> None:
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    answer = editor.post(jobs, _job("hello-1", ownerReferences=[OWNER]))
    assert _is_refused(answer, "only the scriptrun operator may create the Job")
    assert editor.post(jobs, _job("hello-1")).status == 201
    answer = editor.patch(f"{jobs}/hello-1", {"metadata": {"ownerReferences": [OWNER]}})
    assert _is_refused(answer, "only the scriptrun operator may create the Job")


def test_what_is_nobodys_business_is_left_alone(editor: Api, namespace: str, config_maps: str) -> None:
    """A ConfigMap of one's own may belong to a run, so that it goes with it, and be named as one likes."""
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    assert editor.post(config_maps, _config_map("defaults", ownerReferences=[OWNER])).status == 201
    assert editor.post(config_maps, _config_map("hello-1", ownerReferences=[OWNER])).status == 201
    assert editor.post(config_maps, _config_map("other-0-abcde-output")).status == 201
    assert editor.post(jobs, _job("hello-1-after", ownerReferences=[OWNER])).status == 201


@pytest.mark.parametrize("build", [lambda: _config_map("hello-1-input"), lambda: _config_map("x-0-abcde-output")])
def test_administrators_restore_backups(api: Api, config_maps: str, build: Callable[[], Manifest]) -> None:
    body = build()
    body["metadata"] |= {"labels": OUTPUT, "ownerReferences": [OWNER]}
    assert api.post(config_maps, body).status == 201


def test_what_is_a_runs_may_be_changed(api: Api, editor: Api, namespace: str, config_maps: str) -> None:
    """Labels of one's own on an output, and the garbage collector's hand on its owner."""
    run = {
        "apiVersion": "scriptrun.dev/v1alpha1",
        "kind": "ScriptRun",
        "metadata": {"name": "hello-1"},
        "spec": {"scriptRef": {"name": "no-such-script"}},
    }
    owner = api.post(f"/apis/scriptrun.dev/v1alpha1/namespaces/{namespace}/scriptruns", run).body["metadata"]["uid"]
    body = _config_map("hello-1-0-abcde-output", labels=OUTPUT, ownerReferences=[OWNER | {"uid": owner}])
    assert api.post(config_maps, body).status == 201
    path = f"{config_maps}/hello-1-0-abcde-output"
    assert editor.patch(path, {"metadata": {"labels": {"team": "blue"}}}).status == 200
    assert editor.patch(path, {"metadata": {"ownerReferences": None}}).status == 200
