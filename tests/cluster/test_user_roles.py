"""Kubernetes' own roles for people, with what the chart adds to them: view sees, edit runs, admin allows."""

from collections.abc import Iterator

import pytest

from kubeapi import Api, wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterfixtures"]

SEE = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete", "deletecollection")
MAY: dict[str, set[tuple[str, tuple[str, ...]]]] = {
    "view": {("scripts", SEE), ("scriptruns", SEE)},
    "edit": {("scripts", SEE), ("scriptruns", SEE + WRITE)},
    "admin": {("scripts", SEE + WRITE), ("scriptruns", SEE + WRITE)},
}


def _list_questions() -> Iterator[tuple[str, str]]:
    for resource in ("scripts", "scriptruns"):
        yield from ((resource, verb) for verb in SEE + WRITE)
        yield from ((f"{resource}/status", verb) for verb in ("get", "update", "patch"))


def _may(person: Api, namespace: str, resource: str, verb: str) -> bool:
    name, _, subresource = resource.partition("/")
    about = {"group": "scriptrun.dev", "resource": name, "subresource": subresource, "verb": verb}
    review = {"spec": {"resourceAttributes": {"namespace": namespace, **about}}}
    answer = person.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    assert answer.status == 201, answer
    return bool(answer.body["status"]["allowed"])


@pytest.mark.parametrize("role", MAY)
def test_a_person_may_what_the_role_says(api: Api, namespace: str, role: str) -> None:
    binding = {
        "metadata": {"name": "ada"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ada"}],
    }
    assert api.post(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings", binding).status == 201
    ada = api.impersonate("ada")
    wait_for("the role", lambda: _may(ada, namespace, "scriptruns", "list"))
    allowed = {question for question in _list_questions() if _may(ada, namespace, *question)}
    assert allowed == {(resource, verb) for resource, verbs in MAY[role] for verb in verbs}
    assert not _may(ada, "default", "scriptruns", "list")
