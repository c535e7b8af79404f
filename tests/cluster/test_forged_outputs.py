"""A script at work tries to speak for another run, and an administrator's forgery comes from no pod of the run."""

import json
from typing import Any

import pytest

from clusterlab.space import Space

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

SLEEP = """
import json, sys, time
time.sleep(json.load(open(sys.argv[1]))["seconds"])
json.dump({"said": "by itself"}, open(sys.argv[2], "w"))
"""
ASK = """
import json, ssl, sys, urllib.error, urllib.request
variables = json.load(open(sys.argv[1]))
token = open("/scriptrun/token/token").read()
trust = ssl.create_default_context(cafile="/scriptrun/token/ca.crt")

def ask(method, path, body):
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(variables["server"] + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, context=trust, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code

json.dump({what: ask(*asked) for what, asked in variables["asked"].items()}, open(sys.argv[2], "w"))
"""


def _build_forgery(run: str, uid: str, pod: str) -> dict[str, Any]:
    result = {
        "schema": 1,
        "status": "COMPLETED",
        "exitCode": 0,
        "reason": "",
        "message": "",
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:00:01Z",
        "outputBytes": 17,
        "outputSha256": "",
    }
    return {
        "metadata": {
            "name": f"{pod}-output",
            "labels": {"scriptrun.dev/output": "true", "app.kubernetes.io/managed-by": "scriptrun"},
            "ownerReferences": [{"apiVersion": "scriptrun.dev/v1alpha1", "kind": "ScriptRun", "name": run, "uid": uid}],
        },
        "immutable": True,
        "data": {"result.json": json.dumps(result), "output.json": '{"said":"forged"}', "log": ""},
    }


def test_a_script_can_not_speak_for_another_run(space: Space) -> None:
    victim = space.start("victim", SLEEP, variables={"seconds": 12})
    pod = space.wait_started("victim")
    address = space.api.get("/api/v1/namespaces/default/services/kubernetes").body["spec"]
    finished = {"status": {"phase": "Succeeded", "output": {"said": "forged"}}}
    job = space.watches.jobs.get((space.name, "victim"))
    assert job is not None
    asked = {
        "its output": ("POST", space.path("configmaps"), _build_forgery("victim", victim.uid, pod)),
        "its input": ("DELETE", space.path("configmaps", "victim-input"), None),
        "reading its input": ("GET", space.path("configmaps", "victim-input"), None),
        "its status": ("PATCH", space.run_path("victim") + "/status", finished),
        "the run": ("DELETE", space.run_path("victim"), None),
        "its Job": ("DELETE", space.job_path("victim"), None),
        "its pod": ("DELETE", space.path("pods", pod), None),
        "Secrets": ("GET", space.path("secrets"), None),
        "a pod of its own": ("POST", space.path("pods"), {"metadata": {"name": "x"}, "spec": {"containers": []}}),
    }
    server = f"https://{address['clusterIP']}:{address['ports'][0]['port']}"
    space.start("attacker", ASK, variables={"server": server, "asked": asked})

    attack = space.end_of("attacker")
    assert attack.end == ("Succeeded", "Completed"), attack
    assert attack.output == dict.fromkeys(asked, 403)
    ended = space.end_of("victim")
    assert ended.end == ("Succeeded", "Completed"), ended
    assert ended.output == {"said": "by itself"}


def test_an_output_of_no_pod_of_the_run_is_ignored(space: Space) -> None:
    """Even one that the policies let pass, because an administrator made it."""
    victim = space.start("victim", SLEEP, variables={"seconds": 3})
    space.wait_started("victim")
    space.create(space.path("configmaps"), _build_forgery("victim", victim.uid, "victim-0-zzzzz"))

    ended = space.end_of("victim")
    assert ended.end == ("Succeeded", "Completed"), ended
    assert ended.output == {"said": "by itself"}
    assert {attempt["pod"] for attempt in ended.attempts} == space.pods_seen("victim")
