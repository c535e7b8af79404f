"""What a task must be to be run, and what an analyst reads when it is not."""

import json
from typing import Any

import pytest

from scriptrun.bridges.task_validation import build_run_task, check_script, check_size, name_script
from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.reasons import REASONS, Reason
from scriptrun.orchestrators.adapter import Task, TaskFailure
from scriptrun.orchestrators.conductor.task import read_task as read_conductor_task
from unit.orchestrators.conductorshapes import recorded

BRIDGE = ("n", "camunda")
ZEEBE = {"zeebe": {"address": "http://zeebe"}}


def spec(**fields: Any) -> BridgeSpec:
    return BridgeSpec.model_validate({**ZEEBE, **fields})


def task(**fields: Any) -> Task:
    return Task(**{"identity": "1-3", "id": "1", "type": "script", **fields})


def body(variables: dict[str, Any], **task_fields: Any) -> dict[str, Any]:
    return {"spec": {"scriptRef": {"name": "a"}, "variables": variables, "task": task_fields}}


@pytest.mark.parametrize(
    ("allowed", "name"),
    [
        ([], "anything.py"),
        (["hello.py"], "hello.py"),
        (["hello.py", "etl-*"], "etl-orders.py"),
        (["*.py"], "a.b.py"),
        (["a*c*e"], "abcde"),
        (["hello?py"], "hello.py"),
        (["*"], "x"),
    ],
)
def test_a_script_that_is_allowed(allowed: list[str], name: str) -> None:
    assert check_script(name, [name], BRIDGE, spec(scripts=allowed)) == name
    assert check_script("My Name", [name], BRIDGE, spec(scripts=allowed)) == name


@pytest.mark.parametrize(
    ("allowed", "name"),
    [
        (["hello.py"], "hello_py"),  # a dot is a dot
        (["hello.py"], "hello.py.sh"),
        (["etl-*"], "my-etl-x"),
        (["[ab].py"], "a.py"),  # nothing but * and ? stands for something else
        (["hello?py"], "hellopy"),
        (["hello.py"], "Hello.py"),
        (["hello.py"], "hello.py\n"),
    ],
)
def test_a_script_that_is_not(allowed: list[str], name: str) -> None:
    for asked, found in ((name, [name]), (name, []), ("My Name", [name])):
        failure = check_script(asked, found, BRIDGE, spec(scripts=allowed))
        assert isinstance(failure, TaskFailure)
        assert failure.reason is Reason.SCRIPT_NOT_ALLOWED
        assert failure.message.startswith(f'Bridge camunda does not allow Script "{name}", only: {", ".join(allowed)}')


def test_a_name_that_no_script_has_or_several_have() -> None:
    missing = check_script("My Name", [], BRIDGE, spec())
    assert isinstance(missing, TaskFailure)
    assert missing.message.startswith('there is no Script "My Name" in namespace n, by name or alias: see "kubectl')
    several = check_script("My Name", ["a", "b"], BRIDGE, spec())
    assert isinstance(several, TaskFailure)
    assert several.message.startswith('"My Name" is an alias of several Scripts: a, b')


def test_a_task_without_a_script_says_where_it_goes() -> None:
    failure = name_script(task(), "camunda", spec(scriptHeader="run"))
    assert isinstance(failure, TaskFailure)
    assert 'give it "run" with the name of a Script' in failure.message
    assert name_script(task(), "camunda", spec(script="default.py")) == "default.py"
    assert name_script(task(script="own.py"), "camunda", spec(script="default.py")) == "own.py"


def test_what_the_adapter_found_wrong_comes_first() -> None:
    problem = TaskFailure(Reason.INVALID_VARIABLES, "no object")
    assert name_script(task(problem=problem, script="hello.py"), "camunda", spec()) is problem


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"x": "\ud800"}, "can't encode character"),
        ({"x": float("nan")}, "NaN is no JSON number"),
        ({"x": float("inf")}, "Infinity is no JSON number"),
        ({"x": [[[]]] * 1}, ""),
    ],
)
async def test_variables_that_kubernetes_can_not_keep(variables: dict[str, Any], words: str) -> None:
    failure = await check_size(body(variables))
    if not words:
        assert failure is None
        return
    assert failure is not None
    assert failure.reason is Reason.INVALID_VARIABLES
    assert words in failure.message


@pytest.mark.parametrize(
    ("run", "path"),
    [
        (body({"id": 2**64 - 1}), "variables.id"),
        (body({"id": 6.022e23}), "variables.id"),
        (body({}, headers={"id": -(2**63) - 1}), "task.headers.id"),
        (body({}, payload={"outputData": {"id": [2**63]}}), "task.payload.outputData.id[0]"),
    ],
)
async def test_a_number_that_kubernetes_would_round(run: dict[str, Any], path: str) -> None:
    failure = await check_size(run)
    assert failure is not None
    assert failure.reason is Reason.INVALID_VARIABLES
    assert failure.message.startswith(f"{path}: Kubernetes rounds")
    assert "pass it as a string" in failure.message


async def test_variables_that_are_nested_too_deep() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    failure = await check_size(body({"x": deep}))
    assert failure is not None
    assert failure.reason is Reason.INVALID_VARIABLES


async def test_variables_that_are_too_large_say_how_large() -> None:
    assert await check_size(body({"x": "y" * 899_000})) is None
    failure = await check_size(body({"x": "y" * 900_000}))
    assert failure is not None
    assert failure.reason is Reason.INPUT_TOO_LARGE
    assert failure.message.startswith("the task's variables are 900008 bytes, at most 900000 are allowed")


async def test_variables_that_are_far_too_large_are_not_even_written() -> None:
    for far in (["y" * 3_000_000], [0] * 3_000_000, {str(number): 0 for number in range(300_000)}):
        failure = await check_size(body({"x": far}))
        assert failure is not None
        assert (failure.reason, "more than 2700000 bytes, at most 900000" in failure.message) == (
            Reason.INPUT_TOO_LARGE,
            True,
        )


@pytest.mark.parametrize("value", [0, "", [], {}, None, True, {"": 0}, "\x01"])
async def test_what_fits_is_never_taken_for_far_too_large(value: Any) -> None:
    count = 899_000 // (len(json.dumps(value, separators=(",", ":"))) + 1)
    assert await check_size(body({"x": [value] * count})) is None


async def test_conductors_input_may_be_as_large_as_any_since_it_is_kept_once() -> None:
    variables = {"x": "y" * 899_000}
    handed_out = read_conductor_task(recorded(inputData=variables))
    assert handed_out.variables == variables
    assert await check_size(body(handed_out.variables, payload=handed_out.payload)) is None


async def test_a_task_that_is_too_large_as_a_whole() -> None:
    failure = await check_size(body({"x": "y" * 700_000}, payload={"outputData": {"x": "y" * 700_000}}))
    assert failure is not None
    assert failure.message.startswith("the task is 1400")


@pytest.mark.parametrize("reason", [Reason.SCRIPT_NOT_ALLOWED, Reason.INVALID_VARIABLES, Reason.INPUT_TOO_LARGE])
def test_none_of_these_is_worth_another_try(reason: Reason) -> None:
    assert not REASONS[reason].retryable


def test_the_task_goes_with_the_run() -> None:
    handed_out = task(headers={"a": 1}, payload={"taskId": "1"}, domain="d", workflow_id="w")
    built = build_run_task(handed_out, "conductor")
    assert built == {
        "source": "conductor",
        "id": "1",
        "type": "script",
        "workflowId": "w",
        "domain": "d",
        "headers": {"a": 1},
        "payload": {"taskId": "1"},
    }
