"""Numbers, texts and shapes through a real orchestrator: what it keeps itself, and the whole way to a script and back.

Documents are Hypothesis's. ``tests/cluster/test_round_trip.py`` takes the other ways in.
"""

import asyncio
from typing import Any

import pytest
import urllib3
from hypothesis import strategies as st

from jsondocuments import DOCUMENTS, NASTY_TEXTS, TEXTS, after_kubernetes, assert_same, make, nest
from kubeapi import wait_for
from peers.conductor_desk import Desk
from peers.contract import claim_one
from peers.faults.lab import Lab
from peers.faults.orchestrators import End
from peers.zeebe_engine import Engine
from scriptrun.orchestrators.adapter import Outcome

pytest_plugins = ["clusterfixtures", "peers.faults.fixtures"]

COUNT = 300
ATTEMPTS = 1
SECONDS = 90.0
ECHO = """
import json, sys
documents = json.load(open(sys.argv[1]))["task"]["documents"]
json.dump({"back": documents}, open(sys.argv[2], "w"))
"""

# Both keep doubles and integers as large as MessagePack's; Conductor larger ones too.
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
ENGINE_DOCUMENTS = nest(st.none() | st.booleans() | NUMBERS | TEXTS | NASTY_TEXTS)

# JSON as a client may write it, and what a worker gets.
BENT = {
    "0.12345678901234567890": 0.12345678901234568,
    "1e-400": 0.0,
    "1E3": 1000.0,
    "1e400": "Infinity",
    r'"a\ud800b"': "a?b",
    '{"a": 1, "a": 2}': {"a": 2},
}


def post(url: str, text: str) -> None:
    """Send a text as JSON that no library of ours wrote."""
    answer = urllib3.request("POST", url, body=text.encode(), headers={"Content-Type": "application/json"})
    assert answer.status == 200, (answer.status, answer.data)


async def test_zeebe_keeps_what_messagepack_does(zeebe_engine: Engine) -> None:
    documents = make(ENGINE_DOCUMENTS, COUNT)
    adapter = zeebe_engine.open()
    ended = asyncio.ensure_future(zeebe_engine.run({"documents": documents}))
    task = await claim_one(adapter)
    assert_same(task.variables["documents"], documents)
    assert await adapter.report(task.handle, Outcome(status="COMPLETED", output={"back": documents})) == "completed"
    assert_same((await ended)["back"], documents)


async def test_conductor_keeps_doubles_and_any_integer(conductor_desk: Desk) -> None:
    documents = [*make(ENGINE_DOCUMENTS, COUNT), 10**999, -(10**998)]
    inputs = {"script": "hello", "documents": "${workflow.input.documents}"}
    conductor_desk.server.define_workflow(conductor_desk.name, conductor_desk.name, inputs)
    workflow, adapter = conductor_desk.start({"documents": documents}), conductor_desk.adapter(script_header="script")
    task = await claim_one(adapter)
    assert_same(task.variables["documents"], documents)
    assert await adapter.report(task.handle, Outcome(status="COMPLETED", output={"back": documents})) == "COMPLETED"

    def look() -> dict[str, Any] | None:
        found = conductor_desk.server.read_workflow(workflow)
        return found if found["status"] != "RUNNING" else None

    ended = await asyncio.to_thread(wait_for, "the workflow's end", look)
    assert_same(ended["output"]["result"]["back"], documents)


@pytest.mark.parametrize("text", BENT)
async def test_what_zeebe_itself_bends(zeebe_engine: Engine, text: str) -> None:
    ask = f'{{"processDefinitionId": "{zeebe_engine.name}", "variables": {{"v": {text}}}}}'
    await asyncio.to_thread(post, f"{zeebe_engine.server.address}/v2/process-instances", ask)
    assert_same([(await claim_one(zeebe_engine.open())).variables["v"]], [BENT[text]])


@pytest.mark.parametrize("text", BENT)
async def test_what_conductor_itself_bends(conductor_desk: Desk, text: str) -> None:
    ask = f'{{"name": "{conductor_desk.name}", "version": 1, "input": {{"name": {text}}}}}'
    await asyncio.to_thread(post, f"{conductor_desk.server.address}/api/workflow", ask)
    assert_same([(await claim_one(conductor_desk.adapter())).variables["name"]], [BENT[text]])


@pytest.mark.cluster
def test_the_whole_way(lab: Lab) -> None:
    """From the orchestrator by the bridge to a run, its pod and its script, and back."""
    documents = make(DOCUMENTS, COUNT)
    lab.world.space.add_script("echo.py", ECHO, handler="python")
    number = lab.next_task("good").number
    workflow = lab.orchestrator.start({"number": number, "documents": documents}, "echo.py")

    def look() -> End | None:
        lab.orchestrator.refresh()
        end = lab.orchestrator.look(workflow, set())
        return end if end.state != "open" else None

    end = wait_for("the workflow's end", look, SECONDS)
    assert end.state == "completed", end
    assert_same(end.output["back"], [after_kubernetes(document) for document in documents])
