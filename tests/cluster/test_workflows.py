"""Workflows on a real cluster: steps become ScriptRuns, outputs go from one to the next, and nothing runs twice."""

from typing import Any

import pytest

from clusterlab.space import Space
from clusterlab.workflowprocess import WorkflowProcess, add, wait_end, wait_status
from scriptrun.models.base import API_VERSION

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.workflowfixtures"]

FETCH = """
import json, sys
variables = json.load(open(sys.argv[1]))
json.dump({"id": variables["id"], "prices": [3, 4], "large": "x" * 5000}, open(sys.argv[2], "w"))
"""
TOTAL = """
import json, sys
variables = json.load(open(sys.argv[1]))
json.dump({"total": sum(variables["prices"])}, open(sys.argv[2], "w"))
"""
SLEEP = "import json, sys, time\ntime.sleep(3)\njson.dump({}, open(sys.argv[2], 'w'))"
STEPS: list[dict[str, Any]] = [
    {"name": "fetch-order", "script": "fetch.py", "variables": {"id": "{{ input.orderId }}"}},
    {"name": "refund", "script": "total.py", "when": '{{ steps["fetch-order"].output.id < 0 }}'},
    {
        "name": "total",
        "script": "total.py",
        "when": '{{ size(steps["fetch-order"].output.prices) == 2 }}',
        "variables": {"prices": '{{ steps["fetch-order"].output.prices }}'},
    },
]
SCHEMA = {"type": "object", "properties": {"orderId": {"type": "integer"}}, "required": ["orderId"]}
OUTPUT = {"text": "Order {{ input.orderId }}: {{ steps.total.output.total }}", "refund": "{{ steps.refund.phase }}"}


@pytest.fixture
def flow(space: Space, workflows: WorkflowProcess) -> Space:
    """A namespace with the scripts and a Workflow of them."""
    space.add_script("fetch.py", FETCH)
    space.add_script("total.py", TOTAL)
    space.add_script("sleep.py", SLEEP)
    add(space, "Workflow", "totals", {"steps": STEPS, "parametersSchema": SCHEMA, "output": OUTPUT})
    return space


def start(space: Space, name: str, workflow: str = "totals", **spec: Any) -> None:
    add(space, "WorkflowRun", name, {"workflowRef": {"name": workflow}, **spec})


def test_steps_run_one_after_the_other_and_map_their_outputs(flow: Space) -> None:
    wait_status(flow, "Workflow", "totals", "to be checked", lambda status: status.get("conditions"))
    start(flow, "order-7", input={"orderId": 7})
    status = wait_end(flow, "order-7")
    assert (status["phase"], status["reason"], status["progress"]) == ("Succeeded", "Completed", "3/3")
    assert status["output"] == {"text": "Order 7: 7", "refund": "Skipped"}
    fetch, refund, total = status["steps"]
    assert fetch["run"] == "order-7-fetch-order-1"
    assert fetch["outputRef"]["bytes"] > 5000
    assert flow.get_config_map(fetch["outputRef"]["configMap"])["immutable"] is True
    assert (refund["phase"], refund["reason"]) == ("Skipped", "ConditionFalse")
    assert total["output"] == {"total": 7}
    first, second = flow.end_of("order-7-fetch-order-1"), flow.end_of("order-7-total-1")
    assert first.status["finishedAt"][:19] <= second.body["metadata"]["creationTimestamp"][:19]


def test_what_is_wrong_with_a_workflow_is_told_with_its_place(flow: Space) -> None:
    steps = [{"name": "a", "script": "fetch.py", "variables": {"x": "{{ steps.b.output }}"}}, {**STEPS[0], "name": "b"}]
    add(flow, "Workflow", "wrong", {"steps": steps})
    status = wait_status(flow, "Workflow", "wrong", "to be checked", lambda status: status.get("conditions"))
    [ready] = status["conditions"]
    assert (ready["status"], ready["reason"]) == ("False", "InvalidWorkflow")
    assert "steps[0].variables.x" in ready["message"]
    start(flow, "wrong-1", "wrong")
    assert wait_end(flow, "wrong-1")["reason"] == "WorkflowNotReady"
    start(flow, "order-x", input={"orderId": "x"})
    status = wait_end(flow, "order-x")
    assert status["reason"] == "InvalidInput"
    assert "orderId" in status["message"]


def test_a_process_that_is_killed_between_two_steps_is_followed_by_one_that_goes_on(
    flow: Space, workflows: WorkflowProcess
) -> None:
    steps = [{"name": "sleep", "script": "sleep.py"}, {"name": "last", "script": "fetch.py", "variables": {"id": 1}}]
    add(flow, "Workflow", "slow", {"steps": steps})
    wait_status(flow, "Workflow", "slow", "to be checked", lambda status: status.get("conditions"))
    start(flow, "slow-1", "slow")
    wait_status(flow, "WorkflowRun", "slow-1", "to run", lambda status: status.get("currentStep") == "sleep")
    workflows.kill()
    workflows.start()
    status = wait_end(flow, "slow-1")
    assert status["phase"] == "Succeeded"
    assert [step["attempts"] for step in status["steps"]] == [1, 1]
    assert flow.watches.runs.names_seen(flow.name, "slow-1-") == {"slow-1-sleep-1", "slow-1-last-1"}


def test_cancel_ends_the_step_and_skips_the_rest(flow: Space) -> None:
    steps = [{"name": "sleep", "script": "sleep.py"}, {"name": "last", "script": "fetch.py"}]
    finally_ = [{"name": "clean", "script": "fetch.py", "variables": {"id": "{{ steps.sleep.phase }}"}}]
    add(flow, "Workflow", "slow", {"steps": steps, "finally": finally_})
    wait_status(flow, "Workflow", "slow", "to be checked", lambda status: status.get("conditions"))
    start(flow, "slow-1", "slow")
    wait_status(flow, "WorkflowRun", "slow-1", "to run", lambda status: status.get("currentStep") == "sleep")
    path = flow.path("workflowruns", "slow-1", group=API_VERSION)
    flow.api.patch(path, {"spec": {"cancel": True}})
    status = wait_end(flow, "slow-1")
    assert (status["phase"], status["reason"]) == ("Canceled", "Canceled")
    assert [step["phase"] for step in status["steps"]] == ["Canceled", "Skipped", "Succeeded"]
    assert flow.end_of("slow-1-sleep-1").end == ("Canceled", "Canceled")
