"""A Workflow as it was applied: everything that is wrong is found, with its place."""

import json
from typing import Any

import pytest

from scriptrun.models import WorkflowSpec
from scriptrun.models.workflow import MOST_STEPS
from scriptrun.policies.workflows.validation import check_workflow, describe_faults, find_workflow_faults, list_scripts

SCRIPTS = ["s.py"]


def spec(*steps: dict[str, Any], **more: Any) -> WorkflowSpec:
    given = [{"script": "s.py", "name": f"s{number}", **step} for number, step in enumerate(steps)]
    return WorkflowSpec.model_validate({"steps": given, **more})


def check(workflow: WorkflowSpec) -> list[str]:
    return [fault.describe() for fault in check_workflow(workflow, SCRIPTS)]


def test_a_right_one_has_no_faults() -> None:
    workflow = spec(
        {"variables": {"a": "{{ input.x }}"}},
        {"when": "{{ steps.s0.output.ok }}", "variables": {"a": ["{{ default(steps.s0.output.b, 1) }}"]}},
        output={"x": "{{ steps.s1.output }}", "y": "{{ steps.clean.phase }}"},
        **{"finally": [{"name": "clean", "script": "s.py", "when": "{{ steps.s1.phase == 'Failed' }}"}]},
    )
    assert check(workflow) == []


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"script": "no.py"}, "steps[1].script: there is no Script 'no.py'"),
        ({"when": "yes"}, "steps[1].when: must be one expression"),
        ({"when": "{{ true }} "}, ""),
        ({"when": "a {{ true }}"}, "steps[1].when: must be one expression"),
        ({"when": "{{ true"}, "steps[1].when: near"),
        ({"when": "{{ steps.s1.output }}"}, "step 's1' has not run by then"),
        ({"variables": {"a": {"b": ["{{ 1 + }}"]}}}, "steps[1].variables.a.b[0]: {{ 1 + }} is not CEL"),
        ({"variables": {"a": "{{ steps.s2.output }}"}}, "step 's2' has not run by then"),
        ({"variables": {"a": "{{ steps.other.output }}"}}, "there is no step 'other'"),
        ({"variables": {"a": "{{ steps.s0.result }}"}}, "a step has no result"),
    ],
)
def test_each_fault_is_told_with_its_place(step: dict[str, Any], said: str) -> None:
    faults = check(spec({}, step, {}))
    assert len(faults) == bool(said)
    assert all(said in fault for fault in faults)


def test_a_name_in_steps_and_in_finally_is_refused() -> None:
    (fault,) = check(spec({}, **{"finally": [{"name": "s0", "script": "s.py"}]}))
    assert fault == "finally[0].name: 's0' is the name of steps[0] as well: rename one"


def test_the_output_may_read_every_step_and_no_other() -> None:
    assert "there is no step 'x'" in check(spec({}, output={"a": "{{ steps.x.output }}"}))[0]


def test_as_many_steps_as_possible_are_checked_and_too_many_expressions_refused() -> None:
    steps = [{"variables": {"a": "{{ input.x }}"}} for _ in range(MOST_STEPS)]
    assert check(spec(*steps)) == []
    steps = [{"variables": {str(key): "{{ input.x }}" for key in range(20)}} for _ in range(MOST_STEPS)]
    assert "at most 2000 are possible" in check(spec(*steps))[0]


def test_a_worker_process_finds_the_same() -> None:
    workflow = spec({"script": "no.py", "when": "x"})
    text = json.dumps(workflow.model_dump(by_alias=True))
    assert find_workflow_faults(text, SCRIPTS) == check(workflow)


def test_many_faults_are_told_in_brief() -> None:
    assert describe_faults([str(number) for number in range(12)]).endswith("9\n… and 2 more")


def test_the_scripts_of_a_workflow_are_listed() -> None:
    workflow = spec({}, {"script": "b.py"}, **{"finally": [{"name": "f", "script": "c.py"}]})
    assert list_scripts(workflow) == {"s.py", "b.py", "c.py"}
