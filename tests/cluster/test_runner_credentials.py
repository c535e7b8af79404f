"""A script pod's token can create that pod's own output ConfigMap, once, and nothing else.

Everything is asked of the real API server with real bound tokens. The pods themselves never run: a token can be bound
to a pod that waits for a node.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from kubeapi import Answer, Api, wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterfixtures"]

Manifest = dict[str, Any]
RUN = "hello-1"
POD = f"{RUN}-0-abcde"
ACCOUNT = "scriptrun-runner"


@dataclass(frozen=True)
class Pod:
    """One script pod, and the API server as its token sees it."""

    namespace: str
    name: str
    run: str
    run_uid: str
    api: Api

    @property
    def config_maps(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/configmaps"

    def build_output(self) -> Manifest:
        """What the runner writes."""
        owner = {"apiVersion": "scriptrun.dev/v1alpha1", "kind": "ScriptRun", "name": self.run, "uid": self.run_uid}
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": f"{self.name}-output",
                "labels": {"scriptrun.dev/output": "true", "app.kubernetes.io/managed-by": "scriptrun"},
                "ownerReferences": [owner],
            },
            "immutable": True,
            "data": {"result.json": '{"schema":1}', "output.json": "{}", "log": "hello\n"},
        }

    def create(self, body: Manifest, dry_run: bool = False) -> Answer:
        """Ask for a ConfigMap in the pod's own namespace."""
        return self.api.post(self.config_maps + ("?dryRun=All" if dry_run else ""), body)


def _create_pod(api: Api, namespace: str, name: str, account: str = ACCOUNT) -> None:
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    spec = {
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "nodeSelector": {"scriptrun.dev/no-such-node": "true"},
        "containers": [{"name": "script", "image": "none", "securityContext": security}],
    }
    answer = api.post(f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": name}, "spec": spec})
    assert answer.status == 201, answer


def _create_run(api: Api, namespace: str, name: str) -> str:
    """A real one, of no Script: the garbage collector takes what has an owner that does not exist."""
    run = {
        "apiVersion": "scriptrun.dev/v1alpha1",
        "kind": "ScriptRun",
        "metadata": {"name": name},
        "spec": {"scriptRef": {"name": "no-such-script"}},
    }
    answer = api.post(f"/apis/scriptrun.dev/v1alpha1/namespaces/{namespace}/scriptruns", run)
    assert answer.status == 201, answer
    return str(answer.body["metadata"]["uid"])


def _create_account(api: Api, namespace: str) -> None:
    """What the operator makes where the first run appears."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
    account = {"metadata": {"name": ACCOUNT}}
    binding = {
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
    }
    for path, body in ((f"/api/v1/namespaces/{namespace}/serviceaccounts", account), (rbac, binding)):
        answer = api.post(path, body)
        assert answer.status in (201, 409), answer


@pytest.fixture
def start(api: Api, namespace: str) -> Callable[[str], Pod]:
    """Makes a script pod of a run and waits until its token counts for something."""

    def start_pod(run: str) -> Pod:
        _create_account(api, namespace)
        name = f"{run}-0-abcde"
        _create_pod(api, namespace, name)
        pod = Pod(namespace, name, run, _create_run(api, namespace, run), api.log_in(namespace, ACCOUNT, name))
        # The authorizer learns of a new RoleBinding a moment later.
        wait_for("the runner's role", lambda: pod.create(pod.build_output(), dry_run=True).status == 201)
        return pod

    return start_pod


@pytest.fixture
def pod(start: Callable[[str], Pod]) -> Pod:
    """A script pod of the run ``hello-1``."""
    return start(RUN)


def test_it_creates_its_own_output_once(pod: Pod) -> None:
    assert pod.create(pod.build_output()).status == 201
    again = pod.create(pod.build_output())
    assert again.status == 409
    assert again.body["reason"] == "AlreadyExists"


def test_it_may_leave_out_what_the_script_did_not_give(pod: Pod) -> None:
    body = pod.build_output()
    body["data"] = {"result.json": "{}"}
    assert pod.create(body).status == 201


def _set(*path: str | int, to: Any) -> Callable[[Manifest], None]:
    def change(body: Any) -> None:
        for key in path[:-1]:
            body = body[key]
        body[path[-1]] = to

    return change


def _drop(*path: str | int) -> Callable[[Manifest], None]:
    def change(body: Any) -> None:
        for key in path[:-1]:
            body = body[key]
        del body[path[-1]]

    return change


def _add_owner(body: Manifest) -> None:
    owners = body["metadata"]["ownerReferences"]
    owners.append({**owners[0], "name": "hello-2", "uid": "1-1-1-1"})


def _generate_name(body: Manifest) -> None:
    body["metadata"]["generateName"] = body["metadata"].pop("name")


LABELS = ("metadata", "labels")
OWNER = ("metadata", "ownerReferences", 0)
REFUSED: dict[str, tuple[Callable[[Manifest], None], str]] = {
    "another pod's name": (
        _set("metadata", "name", to="hello-2-0-abcde-output"),
        f"metadata.name must be {POD}-output",
    ),
    "another attempt's name": (
        _set("metadata", "name", to=f"{RUN}-0-abcdf-output"),
        "a pod may write no output but its own",
    ),
    "a name of its choice": (_set("metadata", "name", to="kube-root-ca.crt"), f"metadata.name must be {POD}-output"),
    "a generated name": (_generate_name, f"metadata.name must be {POD}-output"),
    "mutable": (_drop("immutable"), "immutable must be true"),
    "immutable: false": (_set("immutable", to=False), "immutable must be true"),
    "not labelled": (_drop("metadata", "labels"), "nothing else (label scriptrun.dev/output)"),
    "not labelled as output": (_drop(*LABELS, "scriptrun.dev/output"), "nothing else (label scriptrun.dev/output)"),
    "output label off": (_set(*LABELS, "scriptrun.dev/output", to="false"), "metadata.labels must be exactly"),
    "not labelled as managed": (_drop(*LABELS, "app.kubernetes.io/managed-by"), "metadata.labels must be exactly"),
    "managed by another": (_set(*LABELS, "app.kubernetes.io/managed-by", to="Helm"), "metadata.labels must be exactly"),
    "labelled as another run's": (_set(*LABELS, "scriptrun.dev/run", to="hello-2"), "metadata.labels must be exactly"),
    "no owner": (_drop("metadata", "ownerReferences"), "metadata.ownerReferences must be exactly one"),
    "owners empty": (_set("metadata", "ownerReferences", to=[]), "metadata.ownerReferences must be exactly one"),
    "two owners": (_add_owner, "metadata.ownerReferences must be exactly one"),
    "another run as owner": (_set(*OWNER, "name", to="hello-2"), f"kind ScriptRun, name {RUN}"),
    "the pod as owner": (_set(*OWNER, "kind", to="Pod"), "metadata.ownerReferences must be exactly one"),
    "another version": (
        _set(*OWNER, "apiVersion", to="scriptrun.dev/v2"),
        "metadata.ownerReferences must be exactly one",
    ),
    "a controller": (_set(*OWNER, "controller", to=True), "without controller"),
    "blocks deletion": (_set(*OWNER, "blockOwnerDeletion", to=True), "without controller and blockOwnerDeletion"),
    "annotations": (_set("metadata", "annotations", to={"replicate-to": "*"}), "no annotations"),
    "finalizers": (_set("metadata", "finalizers", to=["a.b/c"]), "no finalizers"),
    "binary data": (_set("binaryData", to={"x": "AA=="}), "no binaryData"),
    "other keys": (_set("data", "extra", to="x"), "and nothing else"),
    "no result": (_drop("data", "result.json"), "data must hold result.json"),
    "no data": (_drop("data"), "data must hold result.json"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_any_other_config_map_is_refused(pod: Pod, case: str) -> None:
    change, words = REFUSED[case]
    body = copy.deepcopy(pod.build_output())
    change(body)
    answer = pod.create(body)
    assert answer.status in (403, 422), answer
    assert words in answer.message
    assert "ValidatingAdmissionPolicy" in answer.message


def test_two_pods_do_not_write_for_each_other(start: Callable[[str], Pod]) -> None:
    mine, other = start("hello-1"), start("hello-2")
    answer = mine.create(other.build_output())
    assert answer.status == 403
    assert f"metadata.name must be {mine.name}-output" in answer.message
    assert other.create(other.build_output()).status == 201


def test_it_reads_changes_and_deletes_nothing(api: Api, pod: Pod) -> None:
    assert pod.create(pod.build_output()).status == 201
    namespace = f"/api/v1/namespaces/{pod.namespace}"
    own = f"{pod.config_maps}/{pod.name}-output"
    asked = {
        "read its output": pod.api.get(own),
        "list ConfigMaps": pod.api.get(pod.config_maps),
        "watch ConfigMaps": pod.api.get(f"{pod.config_maps}?watch=true&timeoutSeconds=1"),
        "patch its output": pod.api.patch(own, {"metadata": {"labels": {"a": "b"}}}),
        "replace its output": pod.api.put(own, api.get(own).body),
        "delete its output": pod.api.delete(own),
        "delete all ConfigMaps": pod.api.delete(pod.config_maps),
        "list Secrets": pod.api.get(f"{namespace}/secrets"),
        "list pods": pod.api.get(f"{namespace}/pods"),
        "read itself": pod.api.get(f"{namespace}/pods/{pod.name}"),
        "read its run": pod.api.get(f"/apis/scriptrun.dev/v1alpha1/namespaces/{pod.namespace}/scriptruns/{pod.run}"),
        "list Scripts": pod.api.get(f"/apis/scriptrun.dev/v1alpha1/namespaces/{pod.namespace}/scripts"),
        "list namespaces": pod.api.get("/api/v1/namespaces"),
    }
    assert {what: answer.status for what, answer in asked.items()} == dict.fromkeys(asked, 403)
    assert api.get(own).status == 200


def test_it_creates_no_other_kind(pod: Pod) -> None:
    namespace = f"/api/v1/namespaces/{pod.namespace}"
    custom = f"/apis/scriptrun.dev/v1alpha1/namespaces/{pod.namespace}"
    bound = {"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": pod.name}}}
    binding = {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"}}
    asked = {
        "Secret": pod.api.post(f"{namespace}/secrets", {"metadata": {"name": "x"}}),
        "Pod": pod.api.post(f"{namespace}/pods", {"metadata": {"name": "x"}, "spec": {"containers": []}}),
        "Event": pod.api.post(f"{namespace}/events", {"metadata": {"name": "x"}, "involvedObject": {}}),
        "token": pod.api.post(f"{namespace}/serviceaccounts/{ACCOUNT}/token", bound),
        "eviction": pod.api.post(f"{namespace}/pods/{pod.name}/eviction", {"metadata": {"name": pod.name}}),
        "exec": pod.api.post(f"{namespace}/pods/{pod.name}/exec?command=id", {}),
        "ScriptRun": pod.api.post(f"{custom}/scriptruns", {"metadata": {"name": "x"}}),
        "Script": pod.api.post(f"{custom}/scripts", {"metadata": {"name": "x"}}),
        "RoleBinding": pod.api.post(
            f"/apis/rbac.authorization.k8s.io/v1/namespaces/{pod.namespace}/rolebindings",
            {"metadata": {"name": "x"}, **binding},
        ),
        "elsewhere": pod.api.post("/api/v1/namespaces/default/configmaps", pod.build_output()),
    }
    assert {what: answer.status for what, answer in asked.items()} == dict.fromkeys(asked, 403)


def test_more_roles_let_it_write_no_more(api: Api, pod: Pod) -> None:
    """Somebody's generous binding, to this account or to a group of all accounts, does not undo the confinement."""
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{pod.namespace}/rolebindings"
    generous = {
        "metadata": {"name": "generous"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": pod.namespace}],
    }
    assert api.post(path, generous).status == 201
    wait_for("the generous role", lambda: pod.api.get(pod.config_maps).status == 200)
    own = f"{pod.config_maps}/{pod.name}-output"
    assert pod.create(pod.build_output()).status == 201
    forged = pod.build_output()
    forged["metadata"]["name"] = "hello-2-0-abcde-output"
    asked = {
        "CREATE configmaps, forged": pod.create(forged),
        "CREATE configmaps, plain": pod.create({"metadata": {"name": "x"}}),
        "CREATE secrets": pod.api.post(f"/api/v1/namespaces/{pod.namespace}/secrets", {"metadata": {"name": "x"}}),
        "UPDATE configmaps": pod.api.patch(own, {"metadata": {"labels": {"a": "b"}}}),
        "DELETE configmaps": pod.api.delete(own),
        "DELETE pods": pod.api.delete(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"),
    }
    assert {what: answer.status for what, answer in asked.items()} == dict.fromkeys(asked, 403)
    for what, answer in asked.items():
        assert "ValidatingAdmissionPolicy" in answer.message, what
        assert what == "CREATE configmaps, forged" or what.split(",")[0] in answer.message


def test_a_token_without_a_pod_writes_nothing(api: Api, pod: Pod) -> None:
    unbound = api.log_in(pod.namespace, ACCOUNT)
    answer = unbound.post(pod.config_maps, pod.build_output())
    assert answer.status == 403
    assert "only the pod of a run may create" in answer.message


def test_a_pod_that_is_no_runs_pod_writes_nothing(api: Api, pod: Pod) -> None:
    """Its name does not end as the pods of a run's Job do."""
    _create_pod(api, pod.namespace, "web-7")
    body = pod.build_output()
    body["metadata"]["name"] = "web-7-output"
    answer = api.log_in(pod.namespace, ACCOUNT, "web-7").post(pod.config_maps, body)
    assert answer.status == 403
    assert "only the pod of a run may create" in answer.message


def test_another_account_is_no_runner(api: Api, pod: Pod) -> None:
    """A pod named like a run's, with another account that may create ConfigMaps."""
    account = {"metadata": {"name": "builder"}}
    assert api.post(f"/api/v1/namespaces/{pod.namespace}/serviceaccounts", account).status == 201
    binding = {
        "metadata": {"name": "builder"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "ServiceAccount", "name": "builder", "namespace": pod.namespace}],
    }
    assert (
        api.post(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{pod.namespace}/rolebindings", binding).status == 201
    )
    _create_pod(api, pod.namespace, "hello-3-0-abcde", account="builder")
    builder = api.log_in(pod.namespace, "builder", "hello-3-0-abcde")
    wait_for("the builder's role", lambda: builder.get(pod.config_maps).status == 200)
    body = pod.build_output()
    body["metadata"]["name"] = "hello-3-0-abcde-output"
    answer = builder.post(pod.config_maps, body)
    assert answer.status == 403
    assert "only the pod of a run may create" in answer.message
