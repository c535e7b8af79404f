"""The notes after an install name the next step, in the namespace where it works, and what was left undone."""

from typing import Any

import pytest
import yaml

from helm import read_notes
from scriptrun.models import Script, ScriptRun


def test_the_first_script_in_them_is_one() -> None:
    notes = read_notes(namespace="ops")
    text = notes.partition("<<'EOF'\n")[2].partition("\nEOF\n")[0]
    script, run = yaml.safe_load_all(text)
    assert Script.model_validate({"spec": script["spec"]}).spec.source is not None
    assert ScriptRun.model_validate({"spec": run["spec"]}).spec.script_ref.name == script["metadata"]["name"]
    assert f"scriptrun/{run['metadata']['name']}" in notes
    assert "kubectl -n ops rollout status deployment/scriptrun-operator" in notes


def test_it_is_run_where_the_operator_looks() -> None:
    assert "kubectl -n default apply" in read_notes()
    assert "runs scripts in every namespace" in read_notes()
    listed = read_notes({"watchNamespaces": ["team-a", "team-b"]})
    assert "kubectl -n team-a apply" in listed
    assert "runs scripts in: team-a, team-b" in listed


WARNED: list[tuple[dict[str, Any], str]] = [
    ({"admissionPolicy": {"create": False}}, "WARNING: admissionPolicy.create is false"),
    ({"crds": {"install": False}}, "NOTE: crds.install is false"),
    ({"crds": {"keep": False}}, "WARNING: crds.keep is false"),
    ({"operator": {"replicas": 0}}, "NOTE: operator.replicas is 0"),
    ({"operator": {"replicas": 1}}, "NOTE: With one replica"),
]


@pytest.mark.parametrize(("values", "words"), WARNED)
def test_they_say_what_was_left_undone(values: dict[str, Any], words: str) -> None:
    assert words in read_notes(values)


def test_they_warn_of_nothing_as_it_comes() -> None:
    assert "WARNING" not in read_notes()
    assert "NOTE:" not in read_notes()
