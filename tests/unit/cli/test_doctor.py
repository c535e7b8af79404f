"""`scriptrun doctor`: what it says of a cluster where all is well, of each thing that is not, and what to do then."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders import at, instant
from helm import render, select
from scriptrun.cli.doctor.admission import POLICIES, judge_admission
from scriptrun.cli.doctor.cluster import list_missing_fields
from scriptrun.cli.doctor.finding import Finding, State, decide_exit_code, failed, ok, render_findings, skipped
from scriptrun.cli.doctor.installation import Installation
from scriptrun.cli.doctor.operator import judge_operator
from scriptrun.cli.doctor.rights import RIGHTS, judge_rights
from scriptrun.cli.doctor.services import judge_bridges
from scriptrun.cli.doctor.storage import judge_storage
from scriptrun.cli.doctor.workflows import judge_workflows
from scriptrun.crdgen import build_crds
from unit.cli.apistub import ApiStub, Reply, list_of, refuse
from unit.cli.conftest import Scriptrun

KINDS = ("scripts", "scriptruns", "bridges", "workflows", "workflowruns")
APPS = "/apis/apps/v1/deployments"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/scriptrun-system/leases/scriptrun-operator"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CHECKS = ["cluster", "crds", "rights", "operator", "admission", "api", "bridges", "workflows", "storage"]


def deployment(component: str = "operator", available: int = 2, wanted: int = 2, **environment: str) -> dict[str, Any]:
    """A Deployment of the chart."""
    container = {"env": [{"name": name, "value": value} for name, value in environment.items()]}
    said = {"type": "Available", "status": "False", "message": "no minimum availability"}
    return {
        "metadata": {
            "name": f"scriptrun-{component}",
            "namespace": "scriptrun-system",
            "labels": {"app.kubernetes.io/component": component},
        },
        "spec": {"replicas": wanted, "template": {"spec": {"containers": [container]}}},
        "status": {"availableReplicas": available, "conditions": [] if available == wanted else [said]},
    }


def lease(renewed: str = instant(0)) -> dict[str, Any]:
    """The operator's Lease."""
    return {"spec": {"holderIdentity": "operator-a_123", "renewTime": renewed, "leaseDurationSeconds": 15}}


def policies() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The chart's policies and bindings."""
    names = [f"scriptrun-{part}" for part in POLICIES]
    return [{"metadata": {"name": name}} for name in names], [{"spec": {"policyName": name}} for name in names]


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiStub]:
    """A cluster in which all is well."""
    stub = ApiStub()
    monkeypatch.delenv("SCRIPTRUN_SERVER", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(stub.write_kubeconfig(tmp_path / "kubeconfig")))
    monkeypatch.setattr("scriptrun.kube.connection.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    yield stub
    stub.close()


def _be_there(api: ApiStub) -> None:
    """As anybody may see it."""
    api.on("GET /version", Reply({"major": "1", "minor": "35", "gitVersion": "v1.35.4"}))
    api.on("GET /apis/scriptrun.dev", Reply({"versions": [{"version": "v1alpha1"}]}))
    api.on("GET /apis/scriptrun.dev/v1alpha1", Reply({"resources": [{"name": name} for name in KINDS]}))
    api.on(f"POST {REVIEWS}", Reply({"status": {"allowed": True}}, 201))


def _be_well(api: ApiStub) -> None:
    """As its administrator sees it."""
    _be_there(api)
    for crd in build_crds().values():
        api.on(f"GET {CRDS}/{crd['metadata']['name']}", Reply(crd))
    api.on(f"GET {APPS}", list_of(deployment()))
    api.on(f"GET {LEASES}", Reply(lease("2999-01-01T00:00:00Z")))
    found, bound = policies()
    api.on(f"GET {ADMISSION}/validatingadmissionpolicies", list_of(*found))
    api.on(f"GET {ADMISSION}/validatingadmissionpolicybindings", list_of(*bound))
    api.on("GET /apis/scriptrun.dev/v1alpha1/namespaces/team/bridges", list_of())
    api.on("GET /apis/scriptrun.dev/v1alpha1/namespaces/team/workflows", list_of())


def _read(stdout: str) -> dict[str, dict[str, str]]:
    return {item["check"]: item for item in json.loads(stdout)["checks"]}


def test_all_is_well(api: ApiStub, scriptrun: Scriptrun) -> None:
    _be_well(api)
    done = scriptrun("doctor")
    assert (done.code, done.stderr) == (0, "")
    assert [line.split()[1] for line in done.stdout.splitlines()] == CHECKS
    assert "ok       operator   operator-a leads" in done.stdout
    asked = [request.body["spec"]["resourceAttributes"] for request in api.find("POST", REVIEWS)]
    assert len(asked) == len(RIGHTS)
    logs = {"namespace": "team", "verb": "get", "group": "", "resource": "pods", "subresource": "log"}
    assert logs in asked


def test_as_json(api: ApiStub, scriptrun: Scriptrun) -> None:
    _be_well(api)
    done = scriptrun("doctor", "-o", "json")
    assert json.loads(done.stdout)["ok"] is True
    states = {name: item["state"] for name, item in _read(done.stdout).items()}
    assert states == dict.fromkeys(CHECKS, "ok") | dict.fromkeys(("api", "bridges", "workflows", "storage"), "skipped")


def test_a_cluster_without_us(api: ApiStub, scriptrun: Scriptrun) -> None:
    api.on("GET /version", Reply({"major": "1", "minor": "29+", "gitVersion": "v1.29.1"}))
    api.on(f"GET {APPS}", list_of())
    api.on(f"POST {REVIEWS}", Reply({"status": {}}, 201))
    for kind in ("policies", "policybindings"):
        api.on(f"GET {ADMISSION}/validatingadmission{kind}", list_of())
    done = scriptrun("doctor", "-o", "json")
    assert done.code == 1
    found = _read(done.stdout)
    assert {name for name, item in found.items() if item["state"] == "failed"} == set(CHECKS[:5])
    for name, advice in (
        ("cluster", "1.30"),
        ("crds", "install the chart"),
        ("rights", "create rolebinding"),
        ("operator", "install the chart"),
        ("admission", "admissionPolicy.create=true"),
    ):
        assert advice in found[name]["advice"]


def test_no_cluster(api: ApiStub, scriptrun: Scriptrun) -> None:
    api.on("GET /version", refuse(401, "Unauthorized"))
    done = scriptrun("doctor", "-o", "json")
    assert done.code == 1
    found = _read(done.stdout)
    assert "log in again" in found["cluster"]["message"]
    assert {item["state"] for name, item in found.items() if name != "cluster"} == {"skipped"}


def test_what_may_not_be_seen_is_skipped(api: ApiStub, scriptrun: Scriptrun) -> None:
    _be_there(api)
    hidden = [APPS, APPS.replace("deployments", "namespaces/scriptrun-system/deployments")]
    hidden += [f"{ADMISSION}/validatingadmissionpolicies", f"{CRDS}/scripts.scriptrun.dev"]
    for path in hidden:
        api.on(f"GET {path}", refuse(403, "Forbidden"))
    done = scriptrun("doctor", "-o", "json")
    assert done.code == 0
    states = {name: item["state"] for name, item in _read(done.stdout).items()}
    assert states == dict.fromkeys(CHECKS, "skipped") | dict.fromkeys(("cluster", "crds", "rights"), "ok")


@pytest.mark.parametrize(
    ("server", "message"),
    [("http://127.0.0.1:1", "does not answer"), ("runs.example", "to the address of")],
)
def test_an_api_that_does_not_answer(
    api: ApiStub, scriptrun: Scriptrun, monkeypatch: pytest.MonkeyPatch, server: str, message: str
) -> None:
    _be_well(api)
    monkeypatch.setenv("SCRIPTRUN_SERVER", server)
    monkeypatch.setenv("SCRIPTRUN_TOKEN", "t0p-secret")
    done = scriptrun("doctor", "-o", "json")
    assert (done.code, _read(done.stdout)["api"]["state"]) == (1, "failed")
    assert message in _read(done.stdout)["api"]["message"]
    assert "t0p-secret" not in done.stdout


def test_fields_that_older_crds_lack() -> None:
    crd = build_crds()["scripts.yaml"]
    older = copy.deepcopy(crd)
    del older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["aliases"]
    assert list_missing_fields(crd, older) == ["Script.spec.aliases"]
    assert list_missing_fields(older, crd) == []


def test_rights() -> None:
    assert judge_rights("a", dict.fromkeys(RIGHTS, True)).state is State.OK
    looking = judge_rights("a", {right: right.role == "view" for right in RIGHTS})
    assert (looking.state, "you can look, not run" in looking.message) == (State.WARNING, True)
    assert "may not create scriptruns, create workflowruns, patch" in looking.message
    assert judge_rights("a", {right: right.resource != "pods/log" for right in RIGHTS}).state is State.FAILED


OPERATOR: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None, State, str]] = {
    "well": (deployment(), lease(), State.OK, "operator-a leads"),
    "out of the cluster": (None, lease(), State.OK, "operator-a leads"),
    "none": (None, None, State.FAILED, "no operator is installed"),
    "scaled down": (deployment(available=0, wanted=0), None, State.FAILED, "replicas 0"),
    "one is missing": (deployment(available=1), lease(), State.WARNING, "1 of 2 pods are available"),
    "all are missing": (deployment(available=0), None, State.FAILED, "no minimum availability"),
    "nobody leads": (deployment(), None, State.FAILED, "none leads"),
    "nobody leads any more": (deployment(), lease(instant(-60)), State.FAILED, "none leads"),
    "a Lease that may not be seen": (deployment(), {}, State.OK, "its pods are available"),
    "elsewhere": (
        deployment(SCRIPTRUN_WATCH_NAMESPACES="a,b"),
        lease(),
        State.FAILED,
        "it works in a, b, not in namespace team",
    ),
    "here": (deployment(SCRIPTRUN_WATCH_NAMESPACES="a,team"), lease(), State.OK, "leads"),
}


@pytest.mark.parametrize("case", OPERATOR)
def test_the_operator(case: str) -> None:
    found, held, state, message = OPERATOR[case]
    finding = judge_operator("team", found, held, at(10))
    assert (finding.state, message in finding.message) == (state, True), finding
    assert bool(finding.advice) == (state is not State.OK)


def test_policies_without_bindings_do_nothing() -> None:
    found, bound = policies()
    assert judge_admission(found, bound).state is State.OK
    finding = judge_admission(found, [item for item in bound if not item["spec"]["policyName"].endswith("-outputs")])
    assert (finding.state, "for: outputs" in finding.message) == (State.FAILED, True)


def test_the_policies_are_those_of_the_chart() -> None:
    rendered = select(render({}), "ValidatingAdmissionPolicy")
    assert {item["metadata"]["name"].rpartition("-")[2] for item in rendered} == set(POLICIES)
    assert judge_admission(rendered, select(render({}), "ValidatingAdmissionPolicyBinding")).state is State.OK


@pytest.mark.parametrize(
    ("status", "spec", "served", "state"),
    [
        ({"conditions": [{"type": "Connected", "status": "True"}]}, {}, True, State.OK),
        ({"conditions": [{"type": "Connected", "status": "True"}]}, {}, False, State.FAILED),
        ({"conditions": [{"type": "Connected", "status": "False", "reason": "Unauthorized"}]}, {}, True, State.FAILED),
        ({}, {}, True, State.FAILED),
    ],
)
def test_bridges(status: dict[str, Any], spec: dict[str, Any], served: bool, state: State) -> None:
    bridge = {"metadata": {"name": "zeebe"}, "spec": spec, "status": status}
    installation = Installation([deployment("bridge")] if served else [])
    finding = judge_bridges("team", [bridge], installation)
    assert finding.state is state
    assert bool(finding.advice) == (state is State.FAILED)


PROCESS = "workflows"
WATCHING = deployment(PROCESS, SCRIPTRUN_WATCH_NAMESPACES="a,b")
WORKFLOW_CASES: dict[str, tuple[str, dict[str, Any] | None, dict[str, Any] | None, State, str]] = {
    "well": ("True", deployment(PROCESS), lease(), State.OK, "1 ready, operator-a leads"),
    "out of the cluster": ("True", None, lease(), State.OK, "operator-a leads"),
    "a Lease that may not be seen": ("True", deployment(PROCESS), {}, State.OK, "1 ready"),
    "none": ("True", None, None, State.FAILED, "no `scriptrun workflows` that runs them"),
    "all are missing": ("True", deployment(PROCESS, available=0), None, State.FAILED, "0 of 2 pods"),
    "nobody leads": ("True", deployment(PROCESS), lease(instant(-60)), State.FAILED, "none leads"),
    "elsewhere": ("True", WATCHING, lease(), State.FAILED, "works in a, b, not in namespace team"),
    "one is missing": ("True", deployment(PROCESS, available=1), lease(), State.WARNING, "1 of 2 pods"),
    "not ready": ("False", deployment(PROCESS), lease(), State.WARNING, "totals: InvalidWorkflow"),
    "not checked": ("", deployment(PROCESS), lease(), State.WARNING, "totals: not checked yet"),
}


@pytest.mark.parametrize("case", WORKFLOW_CASES)
def test_workflows(case: str) -> None:
    ready, found, held, state, message = WORKFLOW_CASES[case]
    said = [{"type": "Ready", "status": ready, "reason": "InvalidWorkflow"}] if ready else []
    workflow = {"metadata": {"name": "totals"}, "spec": {}, "status": {"conditions": said}}
    finding = judge_workflows("team", [workflow], found, held, at(10))
    assert (finding.state, message in finding.message) == (state, True), finding
    assert bool(finding.advice) == (state is not State.OK)


@pytest.mark.parametrize(("visible", "state"), [(True, "failed"), (False, "warning")])
def test_only_who_sees_deployments_can_tell_that_nothing_runs_workflows(
    api: ApiStub, scriptrun: Scriptrun, visible: bool, state: str
) -> None:
    _be_there(api)
    workflow = {"metadata": {"name": "totals"}, "spec": {}}
    api.on("GET /apis/scriptrun.dev/v1alpha1/namespaces/team/workflows", list_of(workflow))
    deployments = list_of() if visible else refuse(403, "Forbidden")
    for path in (APPS, APPS.replace("deployments", "namespaces/scriptrun-system/deployments")):
        api.on(f"GET {path}", deployments)
    assert _read(scriptrun("doctor", "-o", "json").stdout)["workflows"]["state"] == state


DEFAULT = {"metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}}


@pytest.mark.parametrize(
    ("phase", "named", "classes", "state", "message"),
    [
        ("Bound", None, [], State.OK, "claim history is bound"),
        ("Pending", None, [], State.FAILED, "the cluster has no default StorageClass"),
        ("Pending", None, [DEFAULT], State.FAILED, "no volume was made for it yet"),
        ("Pending", "slow", [DEFAULT], State.FAILED, "StorageClass slow is not there"),
        ("Pending", "fast", [DEFAULT], State.FAILED, "StorageClass fast made no volume for it yet"),
    ],
)
def test_the_claim_of_the_history(
    phase: str, named: str | None, classes: list[dict[str, Any]], state: State, message: str
) -> None:
    item = deployment("api")
    item["spec"]["template"]["spec"]["volumes"] = [{"persistentVolumeClaim": {"claimName": "history"}}]
    spec = {"storageClassName": named} if named else {}
    claim = {"metadata": {"name": "history"}, "spec": spec, "status": {"phase": phase}}
    finding = judge_storage(item, [claim], classes)
    assert (finding.state, message in finding.message) == (state, True), finding
    assert judge_storage(item, [], classes).state is State.FAILED
    assert judge_storage(deployment("api"), [claim], classes).state is State.SKIPPED


def test_findings_can_not_command_a_terminal_and_stay_in_their_lines() -> None:
    shown = render_findings([ok("a", "x\ny"), failed("bb", "\x1b[2J", "do\nthis"), skipped("c", "")])
    assert [line[:13] for line in shown.splitlines()] == ["ok       a   ", "failed   bb  ", " " * 13, "skipped  c   "]
    assert "x y\n" in shown
    assert "-> do this\n" in shown
    assert "\x1b" not in shown


def test_only_a_failure_is_an_exit_code() -> None:
    assert decide_exit_code([Finding("a", state, "") for state in State if state is not State.FAILED]) == 0
    assert decide_exit_code([ok("a", ""), failed("b", "", "")]) == 1
