"""The main job: a script gets variables from everywhere and its output is in the run's status."""

import hashlib
import json

import pytest

from clusterlab.space import Space

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

GREET = """
import json, os, sys
variables = json.load(open(sys.argv[1]))
print("working", file=sys.stderr)
with open(sys.argv[2], "w") as file:
    json.dump({"greeting": f"{variables['greeting']} {variables['name']}", "variables": variables}, file)
"""


def test_variables_merge_in_order_and_the_output_is_in_the_status(space: Space) -> None:
    """A ConfigMap without a key gives strings, one with a key a JSON object; later wins; the run's own win over all."""
    space.add_config_map("scripts", {"hello.py": GREET})
    space.add_config_map("plain", {"greeting": "Hi", "name": "plain", "count": "1", "only": "plain"})
    space.add_config_map("document", {"vars.json": '{"greeting": "Hello", "name": "document", "count": 2, "deep": {}}'})
    space.add_script("hello.py", source={"configMap": {"name": "scripts", "key": "hello.py"}})
    sources = [{"configMap": {"name": "plain"}}, {"configMap": {"name": "document", "key": "vars.json"}}]
    space.add_run("hello-1", "hello.py", variablesFrom=sources, variables={"name": "Ada", "none": None, "päth": [1.5]})

    run = space.end_of("hello-1")

    assert run.end == ("Succeeded", "Completed"), run
    merged = {"greeting": "Hello", "name": "Ada", "count": 2, "only": "plain", "deep": {}, "päth": [1.5], "none": None}
    assert run.output == {"greeting": "Hello Ada", "variables": merged}
    assert [(entry["number"], entry["exitCode"], entry["reason"]) for entry in run.attempts] == [(1, 0, "Completed")]
    assert run.attempts[0]["pod"] in space.pods_seen("hello-1")
    assert run.status["jobName"] == "hello-1"
    assert run.status["exitCode"] == 0
    assert run.status["resultStatus"] == "COMPLETED"
    assert run.conditions["Accepted"]["status"] == run.conditions["Succeeded"]["status"] == "True"
    assert run.status["startedAt"] <= run.attempts[0]["finishedAt"] <= run.status["finishedAt"]
    assert run.status["durationSeconds"] >= 0


def test_the_output_config_map_holds_output_and_log(space: Space) -> None:
    run = space.start("hello-1", GREET, variables={"greeting": "Hello", "name": "Ada"}) and space.end_of("hello-1")
    reference = run.status["outputRef"]
    config_map = space.get_config_map(reference["configMap"])
    raw = config_map["data"][reference["key"]].encode()
    assert json.loads(raw) == run.output
    assert reference["bytes"] == len(raw)
    assert reference["sha256"] == hashlib.sha256(raw).hexdigest()
    assert config_map["data"]["log"] == "working\n"
    assert config_map["immutable"] is True


def test_a_fast_run_costs_four_writes(space: Space) -> None:
    """Input, Job, and at most two of its status; a run that ends within the delay of the first gets one."""
    space.start("hello-1", GREET, variables={"greeting": "Hello", "name": "Ada"})
    space.end_of("hello-1")
    assert len([run for run in space.history("hello-1") if run.status]) <= 2
    writers = {entry["manager"] for entry in space.api.get(space.run_path("hello-1")).body["metadata"]["managedFields"]}
    assert "scriptrun" in writers
