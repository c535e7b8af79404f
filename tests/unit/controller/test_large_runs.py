"""Runs with large variables: not kept in memory by the thousand, and started with all they were given."""

import json
import random
from typing import Any, cast

import pytest

from builders import at, instant, quick_checks, run_body, script_body, settings
from scriptrun.controller.cache import Cache
from scriptrun.controller.informer import WorkItem
from scriptrun.controller.observe import observe_run, observe_script
from scriptrun.controller.reconcile import Reconciler
from scriptrun.kube.client import Client
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
        self.reconciler = Reconciler(client, self.cache, queue, quick_checks(), settings(), lambda: at(10))
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
