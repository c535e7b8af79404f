"""Objects that others made or changed: a run executes what it was accepted with, and ends by what its runner says."""

import pytest

from clusterlab.space import Space

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

HONEST = "import json, sys, time\ntime.sleep(3)\njson.dump({'said': 'honest'}, open(sys.argv[2], 'w'))"
FOREIGN_POD = {
    "metadata": {"labels": {"app": "somebody-elses"}},
    "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none"}]},
}


def test_the_input_can_not_be_changed(space: Space) -> None:
    space.start("hello", HONEST)
    space.wait_started("hello")
    answer = space.api.patch(space.path("configmaps", "hello-input"), {"data": {"script": "print('evil')"}})
    assert answer.status == 422
    assert "field is immutable when `immutable` is set" in answer.message
    assert space.end_of("hello").output == {"said": "honest"}


def test_an_edited_script_is_for_the_runs_to_come(space: Space) -> None:
    """The source, its limits and its schema are those of the moment in which the run was accepted."""
    space.start("hello", HONEST, {"outputSchema": {"required": ["said"]}})
    space.wait_started("hello")
    change = {"source": {"inline": "print('new')"}, "outputSchema": {"required": ["other"]}}
    assert space.api.patch(space.script_path("hello"), {"spec": change}).status == 200
    run = space.end_of("hello")
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output == {"said": "honest"}
    space.add_run("hello-2", "hello")
    assert space.end_of("hello-2").end == ("Failed", "InvalidOutput")


def test_a_deleted_script_stops_no_run(space: Space) -> None:
    space.start("hello", HONEST)
    space.wait_started("hello")
    space.api.delete(space.script_path("hello"))
    assert space.end_of("hello").end == ("Succeeded", "Completed")


def test_another_input_under_the_same_name_is_refused_by_the_runner(space: Space) -> None:
    """Somebody with every right swaps the input while the pod waits for a node: the pod refuses to run it."""
    label = f"scriptrun.dev/{space.name}"
    space.start("hello", HONEST, {"nodeSelector": {label: "here"}})
    space.wait_phase("hello", "Pending", "Unschedulable")
    path = space.path("configmaps", "hello-input")
    body = space.api.get(path).body
    body["data"]["script"] = "import json, sys\njson.dump({'said': 'evil'}, open(sys.argv[2], 'w'))"
    body["metadata"] = {key: body["metadata"][key] for key in ("name", "labels", "ownerReferences")}
    assert space.api.delete(path).status == 200
    space.create(space.path("configmaps"), body)
    node = "/api/v1/nodes/" + space.api.get("/api/v1/nodes").body["items"][0]["metadata"]["name"]
    try:
        space.api.patch(node, {"metadata": {"labels": {label: "here"}}})
        run = space.end_of("hello")
    finally:
        space.api.patch(node, {"metadata": {"labels": {label: None}}})
    assert run.end == ("Failed", "DigestMismatch"), run
    assert run.output is None


def test_a_job_of_that_name_is_not_taken_over(space: Space) -> None:
    space.create(space.job_path(), {"metadata": {"name": "hello"}, "spec": {"suspend": True, "template": FOREIGN_POD}})
    space.start("hello", HONEST)
    run = space.end_of("hello")
    assert run.end == ("Failed", "ScriptNotAllowed")
    assert 'Job "hello" exists and belongs to somebody else: delete it, or name the run otherwise' in run.message
    assert space.api.get(space.job_path("hello")).body["metadata"].get("ownerReferences") is None


def test_a_config_map_of_that_name_is_not_taken_over(space: Space) -> None:
    """And nothing runs that would find it where its input should be."""
    space.add_config_map("hello-input", {"script": "print('evil')"})
    space.start("hello", HONEST)
    run = space.end_of("hello")
    assert run.end == ("Failed", "ScriptNotAllowed")
    assert 'ConfigMap "hello-input" exists and belongs to somebody else' in run.message
    assert space.get_config_map("hello-input")["data"] == {"script": "print('evil')"}
    space.watches.pods.wait("no pod of the run to be at work", lambda: not space.working_pods("hello"))


def test_an_output_that_the_runner_did_not_write_like_that(space: Space) -> None:
    """A script that uses its pod's token to write rubbish as its output has no output, and the operator lives on."""
    source = """
import base64, json, os, socket, ssl, sys
context = ssl.create_default_context(cafile="/scriptrun/token/ca.crt")
host = os.environ["KUBERNETES_SERVICE_HOST"]
token = open("/scriptrun/token/token").read()
claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["kubernetes.io"]
pod, run, namespace = claims["pod"]["name"], os.environ["SCRIPTRUN_NAME"], claims["namespace"]
uid = json.load(open("/scriptrun/input/run.json"))["uid"]
body = json.dumps({
    "metadata": {
        "name": f"{pod}-output",
        "labels": {"scriptrun.dev/output": "true", "app.kubernetes.io/managed-by": "scriptrun"},
        "ownerReferences": [{"apiVersion": "scriptrun.dev/v1alpha1", "kind": "ScriptRun", "name": run, "uid": uid}],
    },
    "immutable": True,
    "data": {"result.json": "[" * 50000, "output.json": "{", "log": ""},
})
request = (
    f"POST /api/v1/namespaces/{namespace}/configmaps HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n"
    f"Authorization: Bearer {token}\\r\\nContent-Type: application/json\\r\\n"
    f"Content-Length: {len(body)}\\r\\n\\r\\n{body}"
)
with socket.create_connection((host, int(os.environ["KUBERNETES_SERVICE_PORT"]))) as plain:
    with context.wrap_socket(plain, server_hostname=host) as secure:
        secure.sendall(request.encode())
        sys.exit(secure.recv(100).split()[1].decode())
"""
    space.start("rubbish", source)
    run = space.end_of("rubbish")
    assert run.end == ("Failed", "ScriptFailed"), run
    assert run.message.endswith("201"), "the script did write it"
    assert run.output is None
    space.start("after", HONEST)
    assert space.end_of("after").end == ("Succeeded", "Completed")
