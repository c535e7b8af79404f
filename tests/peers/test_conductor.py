"""The adapter and a real Conductor: the contract, and what is Conductor's own."""

import asyncio
import functools
import time
from dataclasses import replace
from typing import Any

import pytest

from kubeapi import wait_for
from peers.conductor_desk import WAITS, Desk
from peers.contract import DONE, FAILED, HOPELESS, LEASE_SECONDS, Contract, claim_one
from scriptrun.errors import Gone, Rejected
from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.reasons import Reason
from scriptrun.orchestrators.adapter import Adapter, Outcome, Task, TaskFailure
from scriptrun.orchestrators.conductor.adapter import build_conductor

LOGGED = replace(DONE, logs=("one", "two"))
RESPONSE_TIMEOUT_SECONDS = 3
_AT_ONCE = 6
_RACE_SECONDS = 120.0
"""Seen to take a few."""


@pytest.fixture
def desk(conductor_desk: Desk) -> Desk:
    """A task type of the test's own."""
    return conductor_desk


class Engine:
    """For the contract. Conductor's clock can't be moved: a lease is short here, and time is passed in proportion."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def open(self) -> Adapter:
        return self._desk.adapter(poll_seconds=0.5, script_header="script")

    async def start(self, variables: dict[str, Any]) -> None:
        self._desk.start(variables)

    async def run(self, variables: dict[str, Any]) -> dict[str, Any]:
        workflow = self._desk.start(variables)

        def look() -> dict[str, Any] | None:
            found = self._desk.server.read_workflow(workflow)
            return found if found["status"] != "RUNNING" else None

        ended = await asyncio.to_thread(wait_for, "the workflow's end", look)
        assert ended["status"] == "COMPLETED"
        result: dict[str, Any] = ended["output"]["result"]
        return result

    async def cancel(self, task: Task) -> None:
        self._desk.server.terminate_workflow(task.workflow_id, "not needed any more")

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds * RESPONSE_TIMEOUT_SECONDS / LEASE_SECONDS)

    def is_settled(self, outcome: str) -> bool:
        return outcome == "COMPLETED"


class TestContract(Contract):
    """What every adapter promises."""

    @pytest.fixture
    async def engine(self, desk: Desk) -> Engine:
        desk.define(responseTimeoutSeconds=RESPONSE_TIMEOUT_SECONDS)
        return Engine(desk)


async def test_a_task_from_poll_to_end(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter(script_header="script")
    task = await claim_one(adapter)
    assert (task.type, task.workflow_id, task.script) == (desk.name, workflow, "hello")
    assert task.variables == {"name": "Ada", "deep": None, "number": None}
    assert task.identity == task.id
    assert task.lease_seconds == 60
    assert await adapter.report(task.handle, LOGGED) == "COMPLETED"
    ended = desk.server.read_workflow(workflow)
    assert (ended["status"], ended["output"]) == ("COMPLETED", {"result": DONE.output})
    assert ended["tasks"][0]["workerId"] == "w1"
    assert sorted(desk.server.read_log(task.id)) == ["one", "two"]


async def test_a_task_that_was_handed_out_while_its_workflow_was_terminated(desk: Desk) -> None:
    """Conductor may leave it open for ever; nobody waits for it all the same."""
    adapter = desk.adapter(poll_seconds=0.01)

    async def run_into_termination() -> Task | None:
        """Claim and terminate at once; returns a task that stayed open."""
        workflows = [desk.start() for _ in range(_AT_ONCE)]
        ended = [asyncio.to_thread(desk.server.terminate_workflow, workflow, "too late") for workflow in workflows]
        *claimed, _ = await asyncio.gather(*(adapter.claim(1) for _ in range(_AT_ONCE)), asyncio.gather(*ended))
        tasks = [task for found in claimed for task in found]
        return next((task for task in tasks if desk.server.read_task(task.id)["status"] == "IN_PROGRESS"), None)

    until = time.monotonic() + _RACE_SECONDS
    while (task := await run_into_termination()) is None:
        assert time.monotonic() < until, "Conductor leaves no task open any more: then this need not be looked at"
    with pytest.raises(Gone, match="the workflow is TERMINATED: too late"):
        await adapter.extend(task.handle)
    with pytest.raises(Gone, match="the workflow is TERMINATED"):
        await adapter.report(task.handle, DONE)


async def test_nothing_to_do(desk: Desk) -> None:
    started = time.monotonic()
    assert await desk.adapter().claim(10) == []
    assert time.monotonic() - started > 1.5  # the server waits, not we


async def test_a_task_that_comes_while_several_are_waited_for_is_not_held_back(desk: Desk) -> None:
    started = time.monotonic()
    waiting = asyncio.create_task(desk.adapter(poll_seconds=5).claim(16))
    await asyncio.sleep(1)
    desk.start()
    assert len(await waiting) == 1
    assert time.monotonic() - started < 4


async def test_a_longer_poll_than_the_server_allows_is_made_shorter(desk: Desk) -> None:
    spec = BridgeSpec.model_validate(
        {"conductor": {"address": f"{desk.server.address}/api/", "taskType": desk.name}, "longPollSeconds": 20}
    )
    desk.start()
    adapter = build_conductor(spec, "orders", {}, "")
    try:
        task = await claim_one(adapter)
        await adapter.report(task.handle, DONE)
        assert desk.server.read_task(task.id)["workerId"] == "scriptrun/orders"
    finally:
        await adapter.close()


async def test_a_failed_task_comes_again_under_a_new_id(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    first = await claim_one(adapter)
    assert await adapter.report(first.handle, FAILED) == "FAILED"
    second = await claim_one(adapter)
    assert second.id != first.id
    assert second.identity != first.identity
    assert second.payload["retryCount"] == 1
    await adapter.report(second.handle, FAILED)
    ended = desk.server.read_workflow(workflow)
    assert ended["status"] == "FAILED"
    assert [task["reasonForIncompletion"] for task in ended["tasks"]] == ["exit code 3: it hurts"] * 2


async def test_a_callers_mistake_ends_the_workflow_at_once(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    task = await claim_one(adapter)
    assert await adapter.report(task.handle, HOPELESS) == "FAILED_WITH_TERMINAL_ERROR"
    ended = desk.server.read_workflow(workflow)
    assert (ended["status"], len(ended["tasks"])) == ("FAILED", 1)
    assert "no such Script" in ended["reasonForIncompletion"]


async def test_in_progress_comes_again_when_it_is_due(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    first = await claim_one(adapter)
    reported = time.monotonic()
    assert await adapter.report(first.handle, WAITS) == "IN_PROGRESS, due again in 1 s"
    again = await claim_one(adapter)
    assert time.monotonic() - reported > 0.5
    assert (again.id, again.identity) == (first.id, first.identity)
    assert again.handle["pollCount"] == 2
    assert again.payload["outputData"] == {"done": 0.5}
    # The answer to the first report was lost: made again, it must not hand the task out a third time.
    assert await adapter.report(first.handle, WAITS) == "IN_PROGRESS, and handed out again since"
    assert desk.server.read_task(first.id)["status"] == "IN_PROGRESS"
    await adapter.report(again.handle, DONE)
    assert desk.server.read_workflow(workflow)["status"] == "COMPLETED"


async def test_handed_out_twice(desk: Desk) -> None:
    desk.start()
    adapter = desk.adapter()
    first = await claim_one(adapter)
    desk.server.requeue(desk.name)
    second = await claim_one(adapter)
    assert second.identity == first.identity
    assert await adapter.report(first.handle, DONE) == "COMPLETED"
    assert await adapter.report(second.handle, DONE) == "COMPLETED"


async def test_a_report_made_twice_is_made_once(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    task = await claim_one(adapter)
    assert await adapter.report(task.handle, LOGGED) == "COMPLETED"
    assert await adapter.report(task.handle, LOGGED) == "COMPLETED"
    assert sorted(desk.server.read_log(task.id)) == ["one", "two"]
    assert len(desk.server.read_workflow(workflow)["tasks"]) == 1


async def test_an_update_that_was_ignored_is_no_confirmation(desk: Desk) -> None:
    desk.start()
    adapter = desk.adapter()
    task = await claim_one(adapter)
    await adapter.report(task.handle, DONE)
    with pytest.raises(Gone, match="the task is COMPLETED already, last handed to w1"):
        await adapter.report(task.handle, Outcome(status="COMPLETED", output={"other": 1}))
    with pytest.raises(Gone, match="COMPLETED already"):
        await desk.adapter("w2").report(task.handle, DONE)
    with pytest.raises(Gone):
        await adapter.report(task.handle, FAILED)
    assert desk.server.read_task(task.id)["outputData"] == DONE.output


async def test_a_workflow_that_was_removed(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    task = await claim_one(adapter)
    status, body = desk.server.call("DELETE", f"/workflow/{workflow}/remove", query={"archiveWorkflow": "false"})
    assert status == 200, body
    with pytest.raises(Gone, match="404"):
        await adapter.extend(task.handle)
    with pytest.raises(Gone, match="404"):
        await adapter.report(task.handle, DONE)


async def test_not_extended_it_comes_again_under_a_new_id(desk: Desk) -> None:
    desk.define(responseTimeoutSeconds=1)
    desk.start()
    adapter = desk.adapter()
    first = await claim_one(adapter)
    for _ in range(20):
        if tasks := await adapter.claim(1):
            break
    assert tasks[0].id != first.id
    with pytest.raises(Gone, match="TIMED_OUT"):
        await adapter.extend(first.handle)
    with pytest.raises(Gone, match="TIMED_OUT"):
        await adapter.report(first.handle, DONE)
    await adapter.report(tasks[0].handle, DONE)


async def test_a_domain(desk: Desk) -> None:
    desk.start(taskToDomain={desk.name: "prod"})
    assert await desk.adapter().claim(1) == []
    assert await desk.adapter(domain="test").claim(1) == []
    adapter = desk.adapter(domain="prod")
    task = await claim_one(adapter)
    assert task.domain == "prod"
    await adapter.report(task.handle, DONE)


@pytest.mark.parametrize(
    "output",
    [
        {"null": None, "empty": "", "list": [], "object": {}, "nested": {"null": None}},
        {"float": 1.0, "tenth": 0.1, "huge": 1e300, "integer": 2**63, "long": 10**400},
        {"text": "héé ☃ 𝄞", "zero": "\0", "controls": "\x1b[31m", "half": "\ud800"},
        {"deep": functools.reduce(lambda inner, _: {"a": inner}, range(190), {})},
        {"two megabytes": "x" * 2_000_000},
        {"four megabytes": "x" * 4_000_000},
    ],
    ids=["empty", "numbers", "texts", "deep", "large", "kept-elsewhere"],
)
async def test_outputs_are_confirmed_as_they_are(desk: Desk, output: dict[str, Any]) -> None:
    desk.start()
    adapter = desk.adapter()
    task = await claim_one(adapter)
    assert await adapter.report(task.handle, Outcome(status="COMPLETED", output=output)) == "COMPLETED"


async def test_an_output_over_the_limit(desk: Desk) -> None:
    desk.start()
    adapter = desk.adapter()
    task = await claim_one(adapter)
    with pytest.raises(Rejected, match="the output is 10500008 bytes, and Conductor takes at most 10485760"):
        await adapter.report(task.handle, Outcome(status="COMPLETED", output={"x": "x" * 10_500_000}))
    assert desk.server.read_task(task.id)["status"] == "IN_PROGRESS"
    failure = TaskFailure(Reason.OUTPUT_TOO_LARGE, "the output is 10500008 bytes")
    assert await adapter.report(task.handle, Outcome(status="FAILED", failure=failure)) == "FAILED"


async def test_the_server_finds_an_output_too_large(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its limit may be lower than the usual one: then it fails the task by itself, and says why."""
    monkeypatch.setattr("scriptrun.orchestrators.conductor.adapter.check_output_size", lambda update: None)
    desk.start()
    adapter = desk.adapter()
    task = await claim_one(adapter)
    with pytest.raises(Rejected, match="greater than the permissible limit: 10485760 bytes"):
        await adapter.report(task.handle, Outcome(status="COMPLETED", output={"x": "x" * 10_500_000}))


async def test_an_output_that_the_server_can_not_read(desk: Desk) -> None:
    desk.start()
    adapter = desk.adapter()
    task = await claim_one(adapter)
    with pytest.raises(Rejected, match=r"can't read this outcome: .*1001"):
        await adapter.report(task.handle, Outcome(status="COMPLETED", output={"n": 10**1000}))
    assert await adapter.report(task.handle, FAILED) == "FAILED"


async def test_a_long_reason(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    task = await claim_one(adapter)
    message = "𝄞 it went wrong. " * 60
    outcome = Outcome(status="FAILED", failure=TaskFailure(Reason.SCRIPT_FAILED, message))
    assert await adapter.report(task.handle, outcome) == "FAILED"
    reason = desk.server.read_workflow(workflow)["tasks"][0]["reasonForIncompletion"]
    assert reason.endswith("…")
    assert message.startswith(reason[:-1])
    assert desk.server.read_log(task.id) == [message]
