"""Runs with large variables: not kept in memory by the thousand, and started with all they were given."""

import json
import random
from typing import Any, cast

import pytest

from builders import at, instant, quick_checks, run_body, script_body, settings
from scriptrun.controller.cache import Cache
from scriptrun.controller.informer import WorkItem
from scriptrun.controller.observe import observe_run, observe_script
from scriptrun.controller.runs.reconcile import RunReconciler
from scriptrun.controller.runs.writer import RunWriter
from scriptrun.errors import TooLarge
from scriptrun.kube.client import Client
from scriptrun.kube.resources import Resource
from scriptrun.models.facts import Key
from scriptrun.runtime.work_queue import WorkQueue
from unit.controller.server import NO_FAULTS, Server, ServerClient

LARGE: dict[str, Any] = {"rows": [{"number": number} for number in range(1000)]}
TASK: dict[str, Any] = {"id": "7", "payload": {"taskType": "x", "rows": ["x" * 100] * 100}}


def test_of_a_small_run_all_is_kept() -> None:
    run = observe_run(run_body(variables={"name": "Ada"}, task={"id": "7"}))
    assert not run.slim
    assert run.spec == {"scriptRef": {"name": "hello.py"}, "variables": {"name": "Ada"}, "task": {"id": "7"}}


@pytest.mark.parametrize("bulk", [{"variables": LARGE}, {"task": TASK}], ids=["variables", "task"])
def test_of_a_large_run_its_bulk_is_not_kept_unless_asked_for(bulk: dict[str, Any]) -> None:
    body = run_body(backoffLimit=2, **bulk)
    run = observe_run(body)
    assert run.slim
    assert run.spec == {"scriptRef": {"name": "hello.py"}, "backoffLimit": 2}
    assert body["spec"].keys() == {"scriptRef", "backoffLimit", *bulk}
    whole = observe_run(body, whole=True)
    assert not whole.slim
    assert whole.spec == body["spec"]


def test_of_a_finished_run_there_is_no_bulk() -> None:
    assert not observe_run(run_body(variables=LARGE, status={"finishedAt": instant(5)})).slim


class _World:
    def __init__(self, variables: dict[str, Any] | None = None) -> None:
        self.server, self.cache = Server(), Cache()
        self.client = ServerClient(self.server, random.Random(1), NO_FAULTS, [])
        queue: WorkQueue[WorkItem] = WorkQueue()
        client = cast(Client, self.client)
        self.reconciler = RunReconciler(client, self.cache, queue, quick_checks(), settings(), lambda: at(10))
        script = self.server.create("scripts", script_body())
        self.cache.scripts["space", "hello.py"] = observe_script(script)
        body = run_body(variables=variables or LARGE, task=TASK)
        self.cache.put_run(observe_run(self.server.create("scriptruns", body)))


async def test_a_large_run_starts_with_all_its_variables() -> None:
    world = _World()
    await world.reconciler.reconcile(("space", "hello-1"))
    [config_map] = world.server.of_kind("configmaps")
    assert json.loads(config_map["data"]["variables.json"]) == LARGE
    [job] = world.server.of_kind("jobs")
    assert job["metadata"]["name"] == "hello-1"
    assert "variables" not in world.cache.runs["space", "hello-1"].spec


async def test_a_large_run_that_was_replaced_meanwhile_is_not_started_with_the_others_variables() -> None:
    world = _World()
    world.server.delete("scriptruns", "hello-1")
    world.server.create("scriptruns", run_body(variables={"name": "Eve"}))
    await world.reconciler.reconcile(("space", "hello-1"))
    assert world.server.of_kind("configmaps") == world.server.of_kind("jobs") == []


async def test_a_large_run_is_checked_with_all_its_variables() -> None:
    world = _World({**LARGE, "number": 2**64})
    await world.reconciler.reconcile(("space", "hello-1"))
    [run] = world.server.of_kind("scriptruns")
    assert run["status"]["reason"] == "InvalidVariables"
    assert "Kubernetes rounds" in run["status"]["message"]
    assert world.server.of_kind("jobs") == []


async def test_a_run_that_leaves_no_room_for_its_status_is_refused_with_the_numbers() -> None:
    world = _World({"text": "x" * 1_450_000})
    await world.reconciler.reconcile(("space", "hello-1"))
    [run] = world.server.of_kind("scriptruns")
    assert run["status"]["reason"] == "InputTooLarge"
    assert "at most 1441792 are allowed" in run["status"]["message"]
    assert world.server.of_kind("jobs") == world.server.of_kind("configmaps") == []


class _FullClient:
    """An API server whose etcd has room for so many bytes of a run's status."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.tried: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []

    async def patch(self, _resource: Resource, _key: Key, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.tried.append(body["status"])
        if len(json.dumps(body["status"])) > self.room:
            raise TooLarge("etcdserver: request is too large", 500)
        return run_body(version=2000, status=body["status"])

    async def create(self, _resource: Resource, _namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        self.events.append(body)
        return body


END: dict[str, Any] = {
    "phase": "Succeeded",
    "reason": "Completed",
    "message": "m" * 1000,
    "conditions": [{"type": "Succeeded", "status": "True", "reason": "Completed", "message": "m" * 1000}],
    "output": {"text": "o" * 5000},
    "outputRef": {"configMap": "c", "key": "output.json", "bytes": 5012, "sha256": "0" * 64},
    "finishedAt": instant(9),
}


def _keep(room: int) -> tuple[_FullClient, Cache, RunWriter]:
    client, cache = _FullClient(room), Cache()
    cache.put_run(observe_run(run_body(version=7, ttlSecondsAfterFinished=3600)))
    queue: WorkQueue[WorkItem] = WorkQueue()
    return client, cache, RunWriter(cast(Client, client), cache, queue, lambda: at(10))


@pytest.mark.parametrize(
    ("room", "reason", "output"),
    [(10_000, "Completed", True), (1000, "Completed", False), (450, "InputTooLarge", False)],
)
async def test_an_end_that_has_no_room_is_written_smaller(room: int, reason: str, output: bool) -> None:
    client, cache, writer = _keep(room)
    written = await writer.write(cache.runs["space", "hello-1"], {"metadata": {}, "status": END})
    assert written is not None
    status = written["status"]
    assert (status["reason"], "output" in status) == (reason, output)
    assert ("outputRef" in status) is (reason == "Completed")
    assert cache.runs["space", "hello-1"].finished
    assert client.events == []


async def test_an_only_copy_of_an_output_is_not_left_out_without_a_word() -> None:
    client, cache, writer = _keep(1000)
    status = {key: value for key, value in END.items() if key != "outputRef"}
    written = await writer.write(cache.runs["space", "hello-1"], {"metadata": {}, "status": status})
    assert written is not None
    assert written["status"]["reason"] == "InputTooLarge"
    assert len(client.tried) == 2


async def test_what_can_not_be_written_is_told_once_and_not_tried_again_until_the_run_changes() -> None:
    client, cache, writer = _keep(10)
    run = cache.runs["space", "hello-1"]
    assert await writer.write(run, {"metadata": {}, "status": END}) is None
    assert len(client.tried) == 3
    assert await writer.write(run, {"metadata": {}, "status": END}) is None
    assert len(client.tried) == 3
    [event] = client.events
    assert event["reason"] == "InputTooLarge"
    assert "delete it" in event["message"]
    cache.put_run(observe_run(run_body(version=8)))
    client.room = 10_000
    assert await writer.write(cache.runs["space", "hello-1"], {"metadata": {}, "status": END}) is not None


async def test_a_progress_that_has_no_room_leaves_the_run_going_on() -> None:
    client, cache, writer = _keep(10)
    run = cache.runs["space", "hello-1"]
    assert await writer.write(run, {"metadata": {}, "status": {"phase": "Running", "message": "m" * 99}}) is None
    client.room = 10_000
    assert await writer.write(run, {"metadata": {}, "status": END}) is not None
    assert client.events == []
