"""Secrets that the bridge and run pods use for people who have no right to these: never as the people may not."""

from typing import Any

import pytest

from kubeapi import Answer, Api, wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

GROUP = "scriptrun.dev/v1alpha1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
Manifest = dict[str, Any]
Rule = dict[str, list[str]]

BRIDGES: Rule = {"apiGroups": ["scriptrun.dev"], "resources": ["bridges"], "verbs": ["*"]}
RUNS: Rule = {"apiGroups": ["scriptrun.dev"], "resources": ["scriptruns"], "verbs": ["*"]}
OURS = "https://zeebe.example"
THEIRS = "https://evil.example"


class Place:
    """A namespace, and people with some rights in it."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace

    def path(self, plural: str, name: str = "") -> str:
        return f"/apis/{GROUP}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def person(self, name: str, *rules: Rule) -> Api:
        """Somebody with these rights here, once they are in force."""
        root = f"{RBAC}/namespaces/{self.namespace}"
        role = {"metadata": {"name": name}, "rules": list(rules)}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        assert self.api.post(f"{root}/roles", role).status == 201
        binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
        assert self.api.post(f"{root}/rolebindings", binding).status == 201
        person = self.api.impersonate(name)
        plural = rules[0]["resources"][0]
        wait_for(f"the rights of {name}", lambda: person.get(self.path(plural)).status == 200)
        return person


@pytest.fixture
def place(chart: None, api: Api, namespace: str) -> Place:
    """A namespace with the chart's policies in force."""
    return Place(api, namespace)


def build_bridge(name: str, **spec: Any) -> Manifest:
    return {
        "apiVersion": GROUP,
        "kind": "Bridge",
        "metadata": {"name": name},
        "spec": {"zeebe": {"address": OURS}, "credentialsSecret": {"name": "camunda"}, **spec},
    }


def build_run(name: str, **parts: Any) -> Manifest:
    metadata = {"name": name, **parts.pop("metadata", {})}
    spec = {"scriptRef": {"name": "hello.py"}, **parts}
    return {"apiVersion": GROUP, "kind": "ScriptRun", "metadata": metadata, "spec": spec}


def is_refused(answer: Answer, words: str) -> bool:
    return answer.status == 403 and words in answer.message and "ValidatingAdmissionPolicy" in answer.message


def test_who_may_not_read_a_secret_may_not_have_it_sent_anywhere(place: Place) -> None:
    ada = place.person("ada", BRIDGES)
    words = '"ada" may not get Secret "camunda" in namespace'
    bridges = place.path("bridges")
    assert is_refused(ada.post(bridges, build_bridge("evil", zeebe={"address": THEIRS})), words)
    with_oauth2 = {"oauth2": {"tokenUrl": THEIRS}}
    assert is_refused(ada.post(bridges, build_bridge("evil", **with_oauth2)), words)
    conductor = {"zeebe": None, "conductor": {"address": THEIRS, "taskType": "x"}}
    assert is_refused(ada.post(bridges, build_bridge("evil", **conductor)), words)
    # By another name that the authorizer would let pass.
    assert ada.post(bridges, build_bridge("evil", credentialsSecret={"name": "../camunda"})).status == 422
    # A Bridge without a Secret shows nobody anything, until it is given one.
    assert ada.post(bridges, build_bridge("plain", credentialsSecret=None)).status == 201
    answer = ada.patch(place.path("bridges", "plain"), {"spec": {"credentialsSecret": {"name": "camunda"}}})
    assert is_refused(answer, words)


def test_nor_lead_a_bridge_with_it_elsewhere(place: Place) -> None:
    ada = place.person("ada", BRIDGES)
    assert place.api.post(place.path("bridges"), build_bridge("ours", oauth2={"tokenUrl": OURS})).status == 201
    path = place.path("bridges", "ours")
    changes: list[Manifest] = [
        {"zeebe": {"address": THEIRS}},
        {"zeebe": None, "conductor": {"address": THEIRS, "taskType": "x"}},
        {"oauth2": {"tokenUrl": THEIRS}},
        {"oauth2": None},
        {"caConfigMap": {"name": "theirs"}},
        {"credentialsSecret": {"name": "other"}},
    ]
    for change in changes:
        assert is_refused(ada.patch(path, {"spec": change}), '"ada" may not get Secret'), change
    body = ada.get(path).body
    body["spec"]["zeebe"]["address"] = THEIRS
    assert is_refused(ada.put(path, body), '"ada" may not get Secret')
    applied = {**build_bridge("ours", zeebe={"address": THEIRS}), "metadata": {"name": "ours"}}
    assert is_refused(ada.apply(path, applied), '"ada" may not get Secret')


def test_all_else_of_a_bridge_may_be_changed(place: Place) -> None:
    """On call, somebody suspends it; the bridge itself holds it by a finalizer."""
    ada = place.person("ada", BRIDGES)
    assert place.api.post(place.path("bridges"), build_bridge("ours")).status == 201
    path = place.path("bridges", "ours")
    assert ada.patch(path, {"spec": {"suspend": True, "maxConcurrentRuns": 1, "scripts": ["a"]}}).status == 200
    assert ada.patch(path, {"metadata": {"labels": {"team": "blue"}}}).status == 200
    # To take the Secret away shows it to nobody.
    assert ada.patch(path, {"spec": {"credentialsSecret": None, "zeebe": {"address": THEIRS}}}).status == 200


def test_who_may_read_that_very_secret_may(place: Place) -> None:
    secret = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["camunda"], "verbs": ["get"]}
    ben = place.person("ben", BRIDGES, secret)
    assert ben.post(place.path("bridges"), build_bridge("ours")).status == 201
    path = place.path("bridges", "ours")
    assert ben.patch(path, {"spec": {"zeebe": {"address": "https://zeebe2.example"}}}).status == 200
    assert is_refused(ben.patch(path, {"spec": {"credentialsSecret": {"name": "other"}}}), 'get Secret "other"')


def test_a_run_gets_no_secret_of_another(place: Place) -> None:
    """Somebody who may create and delete runs could take the place of one whose Secret is left over."""
    ada = place.person("ada", RUNS)
    with_secret = build_run("login-17", secretEnv={"name": "login-17.run-env"})
    assert is_refused(ada.post(place.path("scriptruns"), with_secret), '"ada" may neither create Secrets')
    writer = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}
    ben = place.person("ben", RUNS, writer)
    assert ben.post(place.path("scriptruns"), with_secret).status == 201
    assert ada.patch(place.path("scriptruns", "login-17"), {"spec": {"cancel": True}}).status == 200


def test_nobody_says_that_another_asked_for_a_run(place: Place) -> None:
    ada = place.person("ada", RUNS)
    runs = place.path("scriptruns")
    words = "only the REST API may say who asked for a run"
    forged = {"annotations": {"scriptrun.dev/requested-by": "ben"}}
    assert is_refused(ada.post(runs, build_run("a", metadata=forged)), words)
    digest = {"annotations": {"scriptrun.dev/request-sha256": "0" * 64}}
    assert is_refused(ada.post(runs, build_run("a", metadata=digest)), words)
    own = {"annotations": {"scriptrun.dev/requested-by": "ada", "mine": "yes"}}
    assert ada.post(runs, build_run("a", metadata=own)).status == 201
    path = place.path("scriptruns", "a")
    for name in ("ben", None):
        answer = ada.patch(path, {"metadata": {"annotations": {"scriptrun.dev/requested-by": name}}})
        assert is_refused(answer, words)
    assert ada.patch(path, {"metadata": {"annotations": {"mine": None}}}).status == 200


@pytest.mark.parametrize("source", ["zeebe", "conductor"])
def test_nobody_says_that_an_orchestrator_asked_for_a_run(place: Place, source: str) -> None:
    ada = place.person("ada", RUNS)
    words = "only the bridge may set the labels scriptrun.dev/bridge"
    forged = build_run("a", task={"source": source, "id": "2251799813685249", "payload": {"inputData": {}}})
    assert is_refused(ada.post(place.path("scriptruns"), forged), words)
    assert ada.post(place.path("scriptruns"), build_run("a", task={"source": "jenkins", "id": "7"})).status == 201
