"""The adapter, a Conductor, and what goes wrong between them: lost answers, wrong addresses, keys, a dead one."""

import asyncio

import pytest

from peers.conductor_desk import WAITS, Desk
from peers.contract import DONE, FAILED, HOPELESS, claim_one
from peers.front import lose_first, open_front
from scriptrun.errors import Gone, Refused, TryLater
from scriptrun.models.bridge import BridgeSpec
from scriptrun.orchestrators.adapter import Outcome
from scriptrun.orchestrators.conductor.adapter import Conductor, Poll, build_conductor
from scriptrun.orchestrators.http_client import Http


@pytest.fixture
def desk(conductor_desk: Desk) -> Desk:
    """A task type of the test's own."""
    return conductor_desk


async def test_a_task_that_is_not_there(desk: Desk) -> None:
    handle = {"taskId": "no/such task", "workflowInstanceId": "nor such workflow", "pollCount": 1}
    adapter = desk.adapter()
    with pytest.raises(Gone, match="404"):
        await adapter.extend(handle)
    with pytest.raises(Gone, match="404"):
        await adapter.report(handle, DONE)


@pytest.mark.parametrize("path", ["/elsewhere", "/api/nothing"])
async def test_another_address_is_refused_and_nothing_is_taken_for_gone(desk: Desk, path: str) -> None:
    desk.start()
    task = await claim_one(desk.adapter())
    adapter = desk.adapter(address=desk.server.address + path)
    with pytest.raises(Refused):
        await adapter.claim(1)
    with pytest.raises(Refused):
        await adapter.extend(task.handle)
    with pytest.raises(Refused, match=r"404: No static resource .* is this the address of a Conductor server"):
        await adapter.report(task.handle, DONE)


async def test_keys_where_the_server_knows_none(desk: Desk) -> None:
    spec = BridgeSpec.model_validate({"conductor": {"address": desk.server.address, "taskType": desk.name}})
    adapter = build_conductor(spec, "b", {"keyId": "k", "keySecret": "hush"}, "")
    try:
        with pytest.raises(Refused, match="this Conductor knows no keys"):
            await adapter.claim(1)
    finally:
        await adapter.close()


async def test_no_server() -> None:
    adapter = Conductor(Http("http://127.0.0.1:9"), Poll(task_type="t", worker_id="w"))
    try:
        with pytest.raises(TryLater, match=r"127\.0\.0\.1:9 can't be reached"):
            await adapter.claim(1)
    finally:
        await adapter.close()


@pytest.mark.parametrize("outcome", [DONE, FAILED, WAITS, HOPELESS], ids=lambda outcome: outcome.status)
async def test_the_answer_to_a_report_is_lost(desk: Desk, outcome: Outcome) -> None:
    workflow = desk.start()
    async with open_front(desk.server.address) as front:
        front.lose = lose_first(lambda request: request.method == "POST")
        adapter = desk.adapter(address=front.address)
        task = await claim_one(adapter)
        with pytest.raises(TryLater):
            await adapter.report(task.handle, outcome)
        assert await adapter.report(task.handle, outcome)
    tasks = desk.server.read_workflow(workflow)["tasks"]
    assert len(tasks) == (2 if outcome is FAILED else 1)  # one retry was asked for, not two
    assert desk.server.read_log(task.id) == list(outcome.logs)


async def test_the_answer_to_the_reading_back_is_lost(desk: Desk) -> None:
    desk.start()
    async with open_front(desk.server.address) as front:
        front.lose = lose_first(lambda request: "/poll/" not in request.path and request.method == "GET", 2)
        adapter = desk.adapter(address=front.address)
        task = await claim_one(adapter)
        with pytest.raises(TryLater):
            await adapter.report(task.handle, DONE)
        assert await adapter.report(task.handle, DONE) == "COMPLETED"


async def test_the_answer_to_a_poll_is_lost(desk: Desk) -> None:
    desk.define(responseTimeoutSeconds=4)
    workflow = desk.start()
    async with open_front(desk.server.address) as front:
        front.lose = lose_first(lambda request: "/poll/" in request.path, 2)
        adapter = desk.adapter(address=front.address)
        with pytest.raises(TryLater):
            await adapter.claim(1)
        for _ in range(20):
            if tasks := await adapter.claim(1):
                break
        await adapter.report(tasks[0].handle, DONE)
    ended = desk.server.read_workflow(workflow)
    assert ended["status"] == "COMPLETED"
    assert [task["status"] for task in ended["tasks"]] == ["TIMED_OUT", "COMPLETED"]


async def test_the_server_goes_and_comes_back(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    task = await claim_one(adapter)
    await asyncio.to_thread(desk.server.kill)
    for attempt in (adapter.claim(1), adapter.extend(task.handle), adapter.report(task.handle, DONE)):
        with pytest.raises(TryLater, match=r"can't be reached|the connection broke"):
            await attempt
    await asyncio.to_thread(desk.server.start)
    await adapter.extend(task.handle)
    assert await adapter.report(task.handle, DONE) == "COMPLETED"
    assert desk.server.read_workflow(workflow)["status"] == "COMPLETED"
