"""The operator may delete the pods of runs, and no others: RBAC can't say which, so a policy does."""

from pathlib import Path
from typing import Any

import pytest

from clusterlab.chart import OPERATOR
from clusterlab.space import Space
from kubeapi import Api

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

Manifest = dict[str, Any]
RUN = {"scriptrun.dev/run": "hello-1"}
WORDS = "the scriptrun operator may delete the pods of runs"


@pytest.fixture(scope="module")
def operator_api(operator_kubeconfig: Path) -> Api:
    """The API server as the operator's account asks it."""
    return Api.from_kubeconfig(operator_kubeconfig)


def _container(name: str) -> Manifest:
    drop = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {"name": name, "image": "scriptrun.dev/pause:1", "securityContext": drop}


POD: Manifest = {
    "restartPolicy": "Never",
    "nodeSelector": {"scriptrun.dev/no-such-node": "true"},
    "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [_container("script")],
}


def _add_job(space: Space, name: str) -> Manifest:
    """A Job without pods, to own some."""
    return space.create(
        space.job_path(), {"metadata": {"name": name}, "spec": {"suspend": True, "template": {"spec": POD}}}
    )


def _add_pod(space: Space, name: str, labels: Manifest, owner: Manifest | None, **reference: Any) -> str:
    references = []
    if owner is not None:
        known = {"name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        references = [{"apiVersion": "batch/v1", "kind": "Job", "controller": True, **known, **reference}]
    space.create(
        space.path("pods"), {"metadata": {"name": name, "labels": labels, "ownerReferences": references}, "spec": POD}
    )
    return space.path("pods", name)


def test_a_pod_of_a_run_may_be_deleted(space: Space, operator_api: Api) -> None:
    pod = _add_pod(space, "hello-1-0-aaaaa", RUN, _add_job(space, "hello-1"))
    answer = operator_api.request("DELETE", pod)
    assert answer.status == 200, answer


def test_no_other_pod_may_be(space: Space, operator_api: Api) -> None:
    """Neither label nor owner alone makes a pod a run's."""
    job, other = _add_job(space, "hello-1"), _add_job(space, "hello-2")
    for pod in (
        _add_pod(space, "bare", {}, None),
        _add_pod(space, "labelled", RUN, None),
        _add_pod(space, "owned", {}, job),
        _add_pod(space, "owned-by-another", RUN, other),
        _add_pod(space, "not-controlled", RUN, job, controller=False),
    ):
        answer = operator_api.request("DELETE", pod)
        assert answer.status == 403, (pod, answer)
        assert WORDS in answer.message
    assert operator_api.request("DELETE", space.path("pods")).status == 403, "a collection is another verb"


def test_others_are_not_held_to_it(space: Space) -> None:
    assert space.api.request("DELETE", _add_pod(space, "bare", {}, None)).status == 200


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("create", "pods"),
        ("patch", "pods"),
        ("update", "pods"),
        ("deletecollection", "pods"),
        ("create", "pods/eviction"),
    ],
)
def test_it_has_no_other_right_to_pods(space: Space, verb: str, resource: str) -> None:
    kind, _, sub = resource.partition("/")
    attributes = {"namespace": space.name, "verb": verb, "resource": kind, "subresource": sub}
    user = f"system:serviceaccount:{OPERATOR[0]}:{OPERATOR[1]}"
    review = {"spec": {"user": user, "resourceAttributes": attributes}}
    answer = space.api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    assert answer.body["status"]["allowed"] is False
