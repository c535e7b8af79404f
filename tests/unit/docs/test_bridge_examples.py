"""The allow-list of examples/gitops is what its folder gives, and examples/bridges uses nothing that is not in it."""

import json
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from docpages import ROOT
from localcluster.driver.errors import LocalClusterError
from peers.demo import Sight, check, parse_sight, point, render_sight
from scriptrun.models import Bridge

GITOPS = ROOT / "examples" / "gitops"
FOLDER = ROOT / "examples" / "bridges"
ZEEBE = "{http://camunda.org/schema/zeebe/1.0}"


def _read_bridge(name: str) -> Bridge:
    return Bridge.model_validate(yaml.safe_load((FOLDER / f"{name}.yaml").read_text()))


def _read_json(name: str) -> Any:
    return json.loads((FOLDER / name).read_text())


SCRIPTS = {
    manifest["metadata"]["name"]
    for manifest in yaml.safe_load_all((GITOPS / "allow-list.yaml").read_text())
    if manifest["kind"] == "Script"
}


def test_the_allow_list_is_what_rendering_the_folder_gives() -> None:
    command = [sys.executable, "-m", "scriptrun", "scripts", "render", str(GITOPS / "scripts"), "--hash"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed == (GITOPS / "allow-list.yaml").read_text(), "render it anew, as docs/gitops.md says"


@pytest.mark.parametrize("name", ["zeebe", "conductor"])
def test_a_bridge_allows_the_two_scripts(name: str) -> None:
    assert set(_read_bridge(name).spec.scripts) == {"greet.py", "count-words.sh"}
    assert SCRIPTS >= {"greet.py", "count-words.sh"}


def test_the_process_has_tasks_of_the_bridges_type_that_name_scripts() -> None:
    spec = _read_bridge("zeebe").spec
    root = ElementTree.parse(FOLDER / "welcome.bpmn").getroot()
    assert spec.zeebe is not None
    assert {task.get("type") for task in root.iter(f"{ZEEBE}taskDefinition")} == {spec.zeebe.task_type}
    headers = [(header.get("key"), header.get("value")) for header in root.iter(f"{ZEEBE}header")]
    assert headers == [(spec.script_header, "greet.py"), (spec.script_header, "count-words.sh")]


def test_the_workflow_has_tasks_of_the_bridges_type_that_name_scripts() -> None:
    spec = _read_bridge("conductor").spec
    workflow, task = _read_json("workflow.json"), _read_json("task.json")
    assert spec.conductor is not None
    assert {task["name"], *(step["name"] for step in workflow["tasks"])} == {spec.conductor.task_type}
    named = [step["inputParameters"][spec.script_header] for step in workflow["tasks"]]
    assert named == ["greet.py", "count-words.sh"]
    # 0 would lose the tasks of a poll whose answer was lost.
    assert task["responseTimeoutSeconds"] > 0


@pytest.mark.parametrize("name", ["zeebe", "conductor"])
def test_the_demo_points_a_bridge_to_its_own_server_and_changes_nothing_else(name: str) -> None:
    before = (FOLDER / f"{name}.yaml").read_text()
    pointed = yaml.safe_load(point(before, "http://192.0.2.1:1"))
    assert pointed["spec"][name].pop("address") == "http://192.0.2.1:1"
    wanted = yaml.safe_load(before)
    del wanted["spec"][name]["address"]
    assert pointed == wanted


def test_what_the_demo_shows_of_a_run() -> None:
    assert parse_sight("a|greet.py|7||\n") is None
    sight = parse_sight("zeebe-7-3-abc|greet.py|7|Succeeded|Completed\n")
    assert sight == Sight("zeebe-7-3-abc", "greet.py", "7", "Succeeded", "Completed")
    assert render_sight(sight, 1.52) == ("    1.5 s  greet.py       task 7  run zeebe-7-3-abc  Succeeded (Completed)")


def test_another_result_than_the_scripts_give_fails_the_demo() -> None:
    def fail() -> str:
        raise AssertionError("nobody needs it")

    check("Zeebe", {"name": "Ada", "greeting": "Hello, Ada!", "words": 2}, fail)
    for wrong in ({"greeting": "Hello, Ada!"}, "FAILED Timeout: …", None):
        with pytest.raises(LocalClusterError, match=r"(?s)Zeebe should have got.*Connected: False"):
            check("Zeebe", wrong, lambda: "Connected: False\n")
