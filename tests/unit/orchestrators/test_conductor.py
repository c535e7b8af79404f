"""The adapter's talk with a stand-in: what a real server here does not say. The rest is in tests/peers."""

import json
from typing import Any

import pytest
from aiohttp import web

from scriptrun.errors import Gone, Refused, Rejected, TryLater
from scriptrun.models.bridge import BridgeSpec
from scriptrun.orchestrators.adapter import Handle, Outcome
from scriptrun.orchestrators.conductor.adapter import Conductor, Poll, build_conductor, cut_address
from scriptrun.orchestrators.http_client import Http
from unit.orchestrators.conductorshapes import HANDLE, RECORDED, recorded
from unit.orchestrators.standin import StandIn, say, say_text, serve

DONE = Outcome(status="COMPLETED", output={"a": 1})


def adapter(server: StandIn, **more: Any) -> Conductor:
    return Conductor(Http(server.address), Poll(**{"task_type": "greet task/1", "worker_id": "w 1", **more}))


def bridge(server: StandIn, **more: Any) -> BridgeSpec:
    return BridgeSpec.model_validate({"conductor": {"address": f"{server.address}/api", "taskType": "greet"}, **more})


async def test_what_is_there_is_polled_at_once_and_in_one_batch() -> None:
    async with serve(say(200, [RECORDED])) as server:
        conductor = adapter(server, poll_seconds=0.1, domain="prod")
        (task,) = await conductor.claim(500)
        assert task.domain == "prod"
        await conductor.close()
    (asked,) = server.asked
    assert asked.method == "GET"
    assert asked.path.startswith("/api/tasks/poll/batch/greet")
    assert asked.query == {"workerid": "w 1", "count": "100", "timeout": "0", "domain": "prod"}


async def test_no_domain_is_no_empty_domain() -> None:
    async with serve(say(200, [])) as server:
        conductor = adapter(server)
        assert await conductor.claim(3) == []
        await conductor.close()
    assert server.asked[0].query == {"workerid": "w 1", "count": "3", "timeout": "0"}


async def test_only_one_task_is_waited_for() -> None:
    """Of several the server would hold the first back until it has the last."""
    async with serve(say(200, []), say(200, [RECORDED]), say(200, [])) as server:
        conductor = adapter(server)
        (task,) = await conductor.claim(3)
        assert task.id == RECORDED["taskId"]
        assert await conductor.claim(1) == []
        await conductor.close()
    assert [(asked.query["count"], asked.query["timeout"]) for asked in server.asked] == [
        ("3", "0"),
        ("1", "5000"),
        ("1", "5000"),
    ]


async def test_older_servers_answer_204_for_nothing() -> None:
    async with serve(say_text(204, "")) as server:
        conductor = adapter(server)
        assert await conductor.claim(1) == []
        with pytest.raises(Gone, match="no such task"):
            await conductor.extend(HANDLE)
        await conductor.close()


async def test_what_is_no_task_does_not_hold_up_the_others() -> None:
    async with serve(say(200, [None, {"taskType": "greet"}, RECORDED])) as server:
        conductor = adapter(server)
        assert [task.id for task in await conductor.claim(3)] == [RECORDED["taskId"]]
        await conductor.close()


@pytest.mark.parametrize(
    ("status", "document", "error", "words"),
    [
        (200, {"tasks": []}, Refused, "no list of tasks"),
        (404, {"message": "No static resource"}, Refused, "is this the address of a Conductor server"),
        (400, {"message": "Long Poll Timeout"}, Refused, "Long Poll Timeout"),
        (401, {"message": "invalid token"}, Refused, "credentials"),
        (403, {"message": "no"}, Refused, "lack a permission"),
        (429, {"message": "slowly"}, TryLater, "slowly"),
        (500, {"message": "database is locked", "retryable": True}, TryLater, "database is locked"),
        (503, None, TryLater, "503"),
    ],
)
async def test_a_poll_that_fails(status: int, document: Any, error: type[Exception], words: str) -> None:
    async with serve(say(status, document)) as server:
        conductor = adapter(server)
        with pytest.raises(error, match=words) as raised:
            await conductor.claim(1)
        assert type(raised.value) is error
        await conductor.close()


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (404, f"No such task found by id: {HANDLE['taskId']}", Gone),
        (404, f"No such workflow found by id: {HANDLE['workflowInstanceId']}", Gone),
        (404, "No static resource api/tasks.", Refused),
        (400, "bad request", Rejected),
        (413, "too large", Rejected),
        (500, "JSON parse error: Number value length (1001) exceeds the maximum allowed (1000)", Rejected),
        (500, "Error updating task", TryLater),
    ],
)
async def test_an_update_that_fails(status: int, message: str, error: type[Exception]) -> None:
    async with serve(say(status, {"status": status, "message": message})) as server:
        conductor = adapter(server)
        with pytest.raises(error) as raised:
            await conductor.report(HANDLE, DONE)
        assert type(raised.value) is error
        await conductor.close()
    assert len(server.asked) == 1


async def test_a_task_that_is_not_updated_yet_is_reported_again() -> None:
    """Its workflow has ended, say, and it will be canceled in a moment: 200 means nothing."""
    async with serve(say_text(200, HANDLE["taskId"]), say(200, RECORDED)) as server:
        conductor = adapter(server)
        with pytest.raises(TryLater, match="still IN_PROGRESS"):
            await conductor.report(HANDLE, DONE)
        await conductor.close()


async def test_a_server_that_keeps_no_ended_tasks() -> None:
    gone = say(404, {"message": f"Task not found for taskId: {HANDLE['taskId']}"})
    async with serve(say_text(200, HANDLE["taskId"]), gone) as server:
        conductor = adapter(server)
        assert await conductor.report(HANDLE, DONE) == "accepted; the server keeps the task no more"
        await conductor.close()


async def test_what_is_read_back_is_no_task() -> None:
    async with serve(say_text(200, HANDLE["taskId"]), say(200, [1])) as server:
        conductor = adapter(server)
        with pytest.raises(TryLater, match="answered no task"):
            await conductor.report(HANDLE, DONE)
        await conductor.close()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "SCHEDULED", "callbackAfterSeconds": 10}, "IN_PROGRESS, due again in 10 s"),
        ({"pollCount": 2}, "IN_PROGRESS, and handed out again since"),
    ],
)
async def test_in_progress_is_not_sent_again_after_it_arrived(changes: dict[str, Any], said: str) -> None:
    async with serve(say(200, recorded(**changes))) as server:
        conductor = adapter(server)
        assert await conductor.report(HANDLE, Outcome(status="IN_PROGRESS")) == said
        await conductor.close()
    assert [asked.method for asked in server.asked] == ["GET"]


async def test_an_extension_that_is_not_understood_costs_no_task() -> None:
    async with serve(say(400, {"message": "bad request"})) as server:
        conductor = adapter(server)
        with pytest.raises(TryLater, match="bad request"):
            await conductor.extend(HANDLE)
        await conductor.close()


async def test_an_extension_reads_back() -> None:
    async with serve(say_text(200, HANDLE["taskId"]), say(200, recorded(status="CANCELED"))) as server:
        conductor = adapter(server)
        with pytest.raises(Gone, match="the task is CANCELED"):
            await conductor.extend(HANDLE)
        await conductor.close()
    assert json.loads(server.asked[0].body)["extendLease"] is True


ENDED = {"status": "TERMINATED", "reasonForIncompletion": "not needed"}


async def test_an_open_task_of_an_ended_workflow_is_not_kept() -> None:
    """A poll that runs into a termination leaves such a task behind."""
    async with serve(say_text(200, HANDLE["taskId"]), say(200, RECORDED), say(200, ENDED)) as server:
        conductor = adapter(server)
        with pytest.raises(Gone, match="the workflow is TERMINATED: not needed"):
            await conductor.extend(HANDLE)
        await conductor.close()
    assert server.asked[2].path == f"/api/workflow/{HANDLE['workflowInstanceId']}"
    assert server.asked[2].query == {"includeTasks": "false"}


async def test_an_open_task_of_an_ended_workflow_is_not_reported_for_ever() -> None:
    async with serve(say_text(200, HANDLE["taskId"]), say(200, RECORDED), say(200, ENDED)) as server:
        conductor = adapter(server)
        with pytest.raises(Gone, match="the workflow is TERMINATED"):
            await conductor.report(HANDLE, DONE)
        await conductor.close()


@pytest.mark.parametrize(
    "answer", [say(200, {"status": "RUNNING"}), say(200, {"status": "PAUSED"}), say(200, [1]), say(403, {})]
)
async def test_a_task_is_kept_whose_workflow_is_open_or_not_for_us_to_read(answer: web.Response) -> None:
    async with serve(say_text(200, HANDLE["taskId"]), say(200, RECORDED), answer) as server:
        conductor = adapter(server)
        await conductor.extend(HANDLE)
        await conductor.close()
    assert len(server.asked) == 3


async def test_a_task_whose_workflow_was_removed_is_gone() -> None:
    gone = say(404, {"message": f"No such workflow found by id: {HANDLE['workflowInstanceId']}"})
    async with serve(say_text(200, HANDLE["taskId"]), say(200, RECORDED), gone) as server:
        conductor = adapter(server)
        with pytest.raises(Gone, match="No such workflow"):
            await conductor.extend(HANDLE)
        await conductor.close()


async def test_a_task_that_names_no_workflow_is_looked_at_alone() -> None:
    async with serve(say_text(200, HANDLE["taskId"]), say(200, RECORDED)) as server:
        conductor = adapter(server)
        await conductor.extend({**HANDLE, "workflowInstanceId": ""})
        await conductor.close()
    assert len(server.asked) == 2


@pytest.mark.parametrize("handle", [{}, {"taskId": "a"}, {**HANDLE, "pollCount": "1"}, {**HANDLE, "taskId": ""}])
async def test_a_handle_that_somebody_broke(handle: Handle) -> None:
    async with serve(say(200, [])) as server:
        conductor = adapter(server)
        for attempt in (conductor.extend(handle), conductor.report(handle, DONE)):
            with pytest.raises(Gone, match="names no task"):
                await attempt
        await conductor.close()
    assert server.asked == []


async def test_key_and_secret_become_a_token() -> None:
    async with serve(say(200, {"token": "t0"}), say(200, [])) as server:
        conductor = build_conductor(bridge(server), "orders", {"keyId": "k", "keySecret": "hush"}, "")
        await conductor.claim(1)
        await conductor.close()
    token, poll = server.asked
    assert (token.path, json.loads(token.body)) == ("/api/token", {"keyId": "k", "keySecret": "hush"})
    assert poll.headers["X-Authorization"] == "t0"
    assert poll.query["workerid"] == "scriptrun/orders"


async def test_a_bridge_says_how_to_poll() -> None:
    spec = {"workerId": "me", "longPollSeconds": 2, "scriptHeader": "run", "retryBackOffSeconds": 33}
    async with serve(say(200, [recorded(inputData={"run": "a.py", "b": 1})]), say(200, RECORDED)) as server:
        conductor = build_conductor(bridge(server, **spec), "orders", {}, "")
        (task,) = await conductor.claim(1)
        assert (task.script, task.variables) == ("a.py", {"b": 1})
        with pytest.raises(TryLater):
            await conductor.report(HANDLE, Outcome(status="IN_PROGRESS"))
        await conductor.close()
    assert server.asked[0].query["timeout"] == "2000"
    assert server.asked[0].query["workerid"] == "me"
    assert json.loads(server.asked[2].body)["callbackAfterSeconds"] == 33


def test_not_a_bridge_to_conductor() -> None:
    with pytest.raises(ValueError, match="not a Bridge to Conductor"):
        build_conductor(BridgeSpec.model_validate({"zeebe": {"address": "http://z"}}), "b", {}, "")


@pytest.mark.parametrize("address", ["http://c:8080", "http://c:8080/", "http://c:8080/api", "http://c:8080/api/"])
def test_addresses_as_conductors_own_tools_write_them(address: str) -> None:
    assert cut_address(address) == "http://c:8080"
    assert cut_address("http://c/conductor/api") == "http://c/conductor"
