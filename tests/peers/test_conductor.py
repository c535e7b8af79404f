"""The adapter and a real Conductor: what the server does is what the adapter takes it to do."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from peers.servers.conductor import Conductor as Server
from scriptrun.bridges.adapter import Outcome, Task, TaskFailure
from scriptrun.bridges.conductor import Conductor, Poll, build_conductor
from scriptrun.bridges.http import Http
from scriptrun.errors import Gone, Refused, Rejected, TryLater
from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.reasons import Reason

DONE = Outcome(status="COMPLETED", output={"greeting": "Hello Ada"}, logs=("one", "two"))
FAILED = Outcome(status="FAILED", failure=TaskFailure(Reason.SCRIPT_FAILED, "exit code 3"))
REFUSED = Outcome(status="FAILED", failure=TaskFailure(Reason.SCRIPT_NOT_ALLOWED, "no such Script"))
WAITS = Outcome(status="IN_PROGRESS", output={"done": 0.5}, back_off_seconds=1)


_NUMBERS = itertools.count()


class Desk:
    """A task type of the test's own, and an adapter that polls it."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self._adapters: list[Conductor] = []

    def adapter(self, worker_id: str = "w1", address: str = "", **more: Any) -> Conductor:
        poll = Poll(task_type=self.name, worker_id=worker_id, poll_seconds=2.0, **more)
        self._adapters.append(Conductor(Http(address or self.server.address), poll))
        return self._adapters[-1]

    def define(self, **changes: Any) -> None:
        self.server.define_task(self.name, **changes)
        self.server.define_workflow(self.name, self.name, {"name": "Ada", "script": "hello.py"})

    def start(self, **more: Any) -> str:
        return self.server.start_workflow(self.name, **more)

    async def close(self) -> None:
        for adapter in self._adapters:
            await adapter.close()

    async def claim_one(self, adapter: Conductor) -> Task:
        for _ in range(5):
            if tasks := await adapter.claim(1):
                return tasks[0]
        raise AssertionError(f"no task of type {self.name} was handed out")


@pytest.fixture
async def desk(conductor: Server, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    desk = Desk(conductor, f"{request.node.originalname}-{next(_NUMBERS)}")
    desk.define()
    yield desk
    await desk.close()


async def test_a_task_from_poll_to_end(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter(script_header="script")
    task = await desk.claim_one(adapter)
    assert (task.type, task.workflow_id, task.script, task.variables) == (
        desk.name,
        workflow,
        "hello.py",
        {"name": "Ada"},
    )
    assert task.identity == task.id
    assert task.lease_seconds == 60
    assert await adapter.report(task.handle, DONE) == "COMPLETED"
    ended = desk.server.read_workflow(workflow)
    assert (ended["status"], ended["output"]) == ("COMPLETED", {"result": {"greeting": "Hello Ada"}})
    assert ended["tasks"][0]["workerId"] == "w1"
    assert sorted(desk.server.read_log(task.id)) == ["one", "two"]


async def test_a_batch_is_no_larger_than_there_is_room_for(desk: Desk) -> None:
    for _ in range(5):
        desk.start()
    adapter = desk.adapter()
    found: list[Task] = []
    for _ in range(4):
        batch = await adapter.claim(2)
        assert len(batch) <= 2
        found += batch
    assert len({task.id for task in found}) == 5


async def test_nothing_to_do(desk: Desk) -> None:
    started = time.monotonic()
    assert await desk.adapter().claim(10) == []
    assert time.monotonic() - started > 1.5  # the server waits, not we


async def test_a_longer_poll_than_the_server_allows_is_made_shorter(desk: Desk) -> None:
    spec = BridgeSpec.model_validate(
        {"conductor": {"address": f"{desk.server.address}/api/", "taskType": desk.name}, "longPollSeconds": 20}
    )
    desk.start()
    adapter = build_conductor(spec, "orders", {}, "")
    try:
        task = await desk.claim_one(adapter)
        await adapter.report(task.handle, DONE)
        assert desk.server.read_task(task.id)["workerId"] == "scriptrun/orders"
    finally:
        await adapter.close()


async def test_a_failed_task_comes_again_under_a_new_id(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    first = await desk.claim_one(adapter)
    assert await adapter.report(first.handle, FAILED) == "FAILED"
    second = await desk.claim_one(adapter)
    assert second.id != first.id
    assert second.identity != first.identity
    assert second.payload["retryCount"] == 1
    await adapter.report(second.handle, FAILED)
    ended = desk.server.read_workflow(workflow)
    assert ended["status"] == "FAILED"
    assert [task["reasonForIncompletion"] for task in ended["tasks"]] == ["exit code 3", "exit code 3"]


async def test_a_callers_mistake_ends_the_workflow_at_once(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    task = await desk.claim_one(adapter)
    assert await adapter.report(task.handle, REFUSED) == "FAILED_WITH_TERMINAL_ERROR"
    ended = desk.server.read_workflow(workflow)
    assert (ended["status"], len(ended["tasks"])) == ("FAILED", 1)
    assert "no such Script" in ended["reasonForIncompletion"]


async def test_in_progress_comes_again_when_it_is_due(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    first = await desk.claim_one(adapter)
    reported = time.monotonic()
    assert await adapter.report(first.handle, WAITS) == "IN_PROGRESS, due again in 1 s"
    again = await desk.claim_one(adapter)
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
    first = await desk.claim_one(adapter)
    desk.server.requeue(desk.name)
    second = await desk.claim_one(adapter)
    assert second.identity == first.identity
    assert await adapter.report(first.handle, DONE) == "COMPLETED"
    assert await adapter.report(second.handle, DONE) == "COMPLETED"


async def test_a_report_made_twice_is_made_once(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    task = await desk.claim_one(adapter)
    assert await adapter.report(task.handle, DONE) == "COMPLETED"
    assert await adapter.report(task.handle, DONE) == "COMPLETED"
    assert sorted(desk.server.read_log(task.id)) == ["one", "two"]
    assert len(desk.server.read_workflow(workflow)["tasks"]) == 1


async def test_an_update_that_was_ignored_is_no_confirmation(desk: Desk) -> None:
    desk.start()
    adapter = desk.adapter()
    task = await desk.claim_one(adapter)
    await adapter.report(task.handle, DONE)
    with pytest.raises(Gone, match="the task is COMPLETED already, last handed to w1"):
        await adapter.report(task.handle, Outcome(status="COMPLETED", output={"other": 1}))
    with pytest.raises(Gone, match="COMPLETED already"):
        await desk.adapter("w2").report(task.handle, DONE)
    with pytest.raises(Gone):
        await adapter.report(task.handle, FAILED)
    assert desk.server.read_task(task.id)["outputData"] == DONE.output


async def test_terminated_upstream(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    task = await desk.claim_one(adapter)
    await adapter.extend(task.handle)
    desk.server.terminate_workflow(workflow, "not needed any more")
    with pytest.raises(Gone, match="the task is CANCELED"):
        await adapter.extend(task.handle)
    for outcome in (DONE, FAILED, WAITS):
        with pytest.raises(Gone, match="CANCELED"):
            await adapter.report(task.handle, outcome)


async def test_a_workflow_that_was_removed(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    task = await desk.claim_one(adapter)
    status, body = desk.server.call("DELETE", f"/workflow/{workflow}/remove", query={"archiveWorkflow": "false"})
    assert status == 200, body
    with pytest.raises(Gone, match="404"):
        await adapter.extend(task.handle)
    with pytest.raises(Gone, match="404"):
        await adapter.report(task.handle, DONE)


async def test_extended_it_is_not_timed_out(desk: Desk) -> None:
    desk.define(responseTimeoutSeconds=2)
    desk.start()
    adapter = desk.adapter()
    task = await desk.claim_one(adapter)
    assert task.lease_seconds == 2
    until = time.monotonic() + 6
    while time.monotonic() < until:
        await adapter.extend(task.handle)
        await asyncio.sleep(0.5)
    assert await adapter.report(task.handle, DONE) == "COMPLETED"


async def test_not_extended_it_comes_again_under_a_new_id(desk: Desk) -> None:
    desk.define(responseTimeoutSeconds=1)
    desk.start()
    adapter = desk.adapter()
    first = await desk.claim_one(adapter)
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
    task = await desk.claim_one(adapter)
    assert task.domain == "prod"
    await adapter.report(task.handle, DONE)


@pytest.mark.parametrize(
    "output",
    [
        {"null": None, "empty": "", "list": [], "object": {}, "nested": {"null": None}},
        {"float": 1.0, "tenth": 0.1, "huge": 1e300, "integer": 2**63, "long": 10**400},
        {"text": "héé ☃ 𝄞", "zero": "\0", "controls": "\x1b[31m", "half": "\ud800"},
        {"deep": __import__("functools").reduce(lambda inner, _: {"a": inner}, range(190), {})},
        {"two megabytes": "x" * 2_000_000},
        {"four megabytes": "x" * 4_000_000},
    ],
    ids=["empty", "numbers", "texts", "deep", "large", "kept-elsewhere"],
)
async def test_outputs_are_confirmed_as_they_are(desk: Desk, output: dict[str, Any]) -> None:
    desk.start()
    adapter = desk.adapter()
    task = await desk.claim_one(adapter)
    assert await adapter.report(task.handle, Outcome(status="COMPLETED", output=output)) == "COMPLETED"


async def test_an_output_over_the_limit(desk: Desk) -> None:
    desk.start()
    adapter = desk.adapter()
    task = await desk.claim_one(adapter)
    with pytest.raises(Rejected, match=r"the output has 10,500,008 bytes; Conductor takes at most 10,485,760"):
        await adapter.report(task.handle, Outcome(status="COMPLETED", output={"x": "x" * 10_500_000}))
    assert desk.server.read_task(task.id)["status"] == "IN_PROGRESS"
    failure = TaskFailure(Reason.OUTPUT_TOO_LARGE, "the output has 10,500,008 bytes")
    assert await adapter.report(task.handle, Outcome(status="FAILED", failure=failure)) == "FAILED"


async def test_the_server_finds_an_output_too_large(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its limit may be lower than the usual one: then it fails the task by itself, and says why."""
    monkeypatch.setattr("scriptrun.bridges.conductor.check_output_size", lambda update: None)
    desk.start()
    adapter = desk.adapter()
    task = await desk.claim_one(adapter)
    with pytest.raises(Rejected, match="greater than the permissible limit: 10485760 bytes"):
        await adapter.report(task.handle, Outcome(status="COMPLETED", output={"x": "x" * 10_500_000}))


async def test_an_output_that_the_server_can_not_read(desk: Desk) -> None:
    desk.start()
    adapter = desk.adapter()
    task = await desk.claim_one(adapter)
    with pytest.raises(Rejected, match=r"can't read this outcome: .*1001"):
        await adapter.report(task.handle, Outcome(status="COMPLETED", output={"n": 10**1000}))
    assert await adapter.report(task.handle, FAILED) == "FAILED"


async def test_a_long_reason(desk: Desk) -> None:
    workflow = desk.start()
    adapter = desk.adapter()
    task = await desk.claim_one(adapter)
    message = "𝄞 it went wrong. " * 60
    outcome = Outcome(status="FAILED", failure=TaskFailure(Reason.SCRIPT_FAILED, message))
    assert await adapter.report(task.handle, outcome) == "FAILED"
    reason = desk.server.read_workflow(workflow)["tasks"][0]["reasonForIncompletion"]
    assert reason.endswith("…")
    assert message.startswith(reason[:-1])
    assert desk.server.read_log(task.id) == [message]


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
    task = await desk.claim_one(desk.adapter())
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


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def proxy(server: Server, lose: Callable[[web.Request], bool]) -> AsyncIterator[str]:
    """Stand between: pass everything on, but lose some answers after the server has done its work."""
    import aiohttp

    async def pass_on(request: web.Request) -> web.StreamResponse:
        async with aiohttp.ClientSession() as session:
            sent = await request.read()
            headers = {"Content-Type": request.headers.get("Content-Type", "application/json")}
            async with session.request(
                request.method, server.address + request.path_qs, data=sent or None, headers=headers
            ) as answer:
                body = await answer.read()
        if lose(request):
            assert request.transport is not None
            request.transport.abort()
        return web.Response(body=body, status=answer.status, content_type=answer.content_type)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", pass_on)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def first(wanted: Callable[[web.Request], bool], count: int = 1) -> Callable[[web.Request], bool]:
    """Only the first that are wanted. aiohttp makes a GET whose connection broke once more by itself."""
    left = iter([True] * count)
    return lambda request: wanted(request) and next(left, False)


@pytest.mark.parametrize("outcome", [DONE, FAILED, WAITS, REFUSED], ids=lambda outcome: outcome.status)
async def test_the_answer_to_a_report_is_lost(desk: Desk, outcome: Outcome) -> None:
    workflow = desk.start()
    async with proxy(desk.server, first(lambda request: request.method == "POST")) as address:
        adapter = desk.adapter(address=address)
        task = await desk.claim_one(adapter)
        with pytest.raises(TryLater):
            await adapter.report(task.handle, outcome)
        assert await adapter.report(task.handle, outcome)
    tasks = desk.server.read_workflow(workflow)["tasks"]
    assert len(tasks) == (2 if outcome is FAILED else 1)  # one retry was asked for, not two


async def test_the_answer_to_the_reading_back_is_lost(desk: Desk) -> None:
    desk.start()
    async with proxy(
        desk.server, first(lambda request: "/poll/" not in request.path and request.method == "GET", 2)
    ) as address:
        adapter = desk.adapter(address=address)
        task = await desk.claim_one(adapter)
        with pytest.raises(TryLater):
            await adapter.report(task.handle, DONE)
        assert await adapter.report(task.handle, DONE) == "COMPLETED"


async def test_the_answer_to_a_poll_is_lost(desk: Desk) -> None:
    desk.define(responseTimeoutSeconds=4)
    workflow = desk.start()
    async with proxy(desk.server, first(lambda request: "/poll/" in request.path, 2)) as address:
        adapter = desk.adapter(address=address)
        with pytest.raises(TryLater):
            await adapter.claim(1)
        for _ in range(20):
            if tasks := await adapter.claim(1):
                break
        await adapter.report(tasks[0].handle, DONE)
    ended = desk.server.read_workflow(workflow)
    assert ended["status"] == "COMPLETED"
    assert [task["status"] for task in ended["tasks"]] == ["TIMED_OUT", "COMPLETED"]


@pytest.fixture
def second_server(tmp_path: Any) -> Iterator[Server]:
    """A server that one test may stop."""
    with Server(tmp_path) as server:
        yield server


async def test_the_server_goes_and_comes_back(second_server: Server) -> None:
    desk = Desk(second_server, "restarted")
    desk.define()
    workflow = desk.start()
    adapter = desk.adapter()
    task = await desk.claim_one(adapter)
    await asyncio.to_thread(second_server.kill)
    for attempt in (adapter.claim(1), adapter.extend(task.handle), adapter.report(task.handle, DONE)):
        with pytest.raises(TryLater, match=r"can't be reached|the connection broke"):
            await attempt
    await asyncio.to_thread(second_server.start)
    await adapter.extend(task.handle)
    assert await adapter.report(task.handle, DONE) == "COMPLETED"
    assert second_server.read_workflow(workflow)["status"] == "COMPLETED"
    await desk.close()
