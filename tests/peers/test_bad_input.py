"""Bad input, on a real orchestrator and a real cluster: what an analyst reads in the orchestrator's own interface."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from clusterlab.space import GROUP
from kubeapi import wait_for
from peers.faults.lab import Lab
from peers.faults.orchestrators import ZeebeSide
from peers.faults.tasks import Task
from peers.front import Authority, open_front

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterfixtures", "peers.faults.fixtures"]

ATTEMPTS = 1
SECONDS = 120.0

WRITE = "import json, sys\njson.dump({}, open(sys.argv[2], 'w'))\n"
SOURCES: dict[str, dict[str, Any]] = {
    "hello.py": {"inline": WRITE.format("{}")},
    "secret.sh": {"inline": "echo secret"},
    "huge.py": {"inline": WRITE.format("{'rows': 'x' * 1_200_000}")},
    "list.py": {"inline": WRITE.format("[1, 2, 3]")},
    "broken.py": {"inline": "import sys\nopen(sys.argv[2], 'w').write('{no JSON')"},
    "bad.py": {"inline": "import sys\nsys.exit('no such order: 17')"},
    "waits.py": {"inline": """print('{"status": "IN_PROGRESS"}')""", "contract": "stdio"},
}


@dataclass(frozen=True)
class Case:
    """A task, and what is said of it.

    Attributes:
        script: that it names.
        says: what its failure says.
        variables: that it has besides.
    """

    script: str
    says: str
    variables: dict[str, Any] = field(default_factory=dict)


CASES = {
    "no Script": Case("", 'the task names no Script: give it "script" with the name of a Script'),
    "an unknown Script": Case("nowhere.py", 'there is no Script "nowhere.py" in namespace'),
    "a forbidden Script": Case("secret.sh", 'Bridge main does not allow Script "secret.sh", only: *.py (spec.scripts)'),
    "large variables": Case("hello.py", "at most 900000 are allowed", {"text": "x" * 1_500_000}),
    "a number that Kubernetes rounds": Case(
        "hello.py", "InvalidVariables: variables.task.id: Kubernetes rounds numbers beyond 64-bit", {"id": 2**64 - 1}
    ),
    "an output over the limit": Case("huge.py", "OutputTooLarge: "),
    "an output that is no object": Case(
        "list.py", "InvalidOutput: output file /scriptrun/run/output.json must be a JSON object"
    ),
    "an output that is no JSON": Case("broken.py", "InvalidOutput: "),
    "a script that fails": Case("bad.py", "no such order: 17"),
}


@pytest.fixture(scope="module")
def prepared_lab(shared_lab: Lab) -> Lab:
    """The lab with Scripts in it, and a Bridge that does not allow all of them."""
    shared_lab.revive()
    for name, spec in SOURCES.items():
        shared_lab.world.space.add_script(name, **spec)
    answer = shared_lab.world.space.api.patch(shared_lab.world.bridge_path, {"spec": {"scripts": ["*.py"]}})
    assert answer.status == 200, answer
    shared_lab.wait("the Bridge to have taken it", lambda: _is_observed(shared_lab))
    return shared_lab


def _is_observed(lab: Lab) -> bool:
    body = lab.world.space.api.get(lab.world.bridge_path).body
    return bool(body.get("status", {}).get("observedGeneration") == body["metadata"]["generation"])


def _start(lab: Lab, script: str, **variables: Any) -> tuple[Task, str]:
    task = lab.next_task("refused")
    return task, lab.orchestrator.start({"number": task.number, **variables}, script)


@pytest.fixture(scope="module")
def messages(prepared_lab: Lab) -> dict[str, str]:
    """What is said of each case; all are at work at the same time."""
    brought = {name: _start(prepared_lab, case.script, **case.variables) for name, case in CASES.items()}
    prepared_lab.settle(*brought.values())
    return {name: prepared_lab.message_of(*pair) for name, pair in brought.items()}


@pytest.fixture
def ready(prepared_lab: Lab, lab: Lab) -> Lab:
    """The same for one test, at work."""
    return lab


@pytest.mark.parametrize("case", CASES)
def test_what_an_analyst_reads(messages: dict[str, str], case: str) -> None:
    assert CASES[case].says in messages[case]


def test_variables_of_three_megabytes(ready: Lab) -> None:
    """Zeebe itself starts no process with them; Conductor does."""
    large = {"text": "x" * 3_000_000}
    if isinstance(ready.orchestrator, ZeebeSide):
        status, body = ready.orchestrator.try_start({"number": -1, **large}, "hello.py")
        assert (status, body["title"]) == (500, "EXCEEDED_BATCH_RECORD_SIZE")
    else:
        task, workflow = _start(ready, "hello.py", **large)
        ready.settle((task, workflow))
        assert "bytes, at most 900000 are allowed" in ready.message_of(task, workflow)


def test_a_script_that_has_not_ended_yet(ready: Lab) -> None:
    """Conductor hands such a task out again; Zeebe knows of no such thing."""
    task, workflow = _start(ready, "waits.py")
    if ready.orchestrator.name == "zeebe":
        ready.settle((task, workflow))
        assert "the script ended with IN_PROGRESS, which Zeebe does not know" in ready.message_of(task, workflow)
    else:
        ready.wait("the task to be handed out again", lambda: ready.proxy.claims_of(task.number) >= 2)
        assert ready.orchestrator.cancel(workflow)
        ready.wait("its runs to be let go", lambda: not _is_held(ready, task))
        assert len(ready.proxy.tasks_of(task.number)) == 1


def _is_held(lab: Lab, task: Task) -> bool:
    return any(run.body["metadata"].get("finalizers") for run in lab.runs_of(task))


def _show_page(_request: web.Request) -> web.Response:
    return web.Response(text="<html><title>Sign in</title></html>", content_type="text/html")


def _ask_who(_request: web.Request) -> web.Response:
    return web.json_response({"title": "UNAUTHORIZED", "message": "who are you?"}, status=401)


REFUSALS: dict[str, tuple[Callable[[web.Request], web.Response], str]] = {
    "a web page": (_show_page, "with a web page instead of JSON"),
    "no credentials": (_ask_who, "The credentials are missing, wrong or expired (credentialsSecret)"),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_bridge_says_what_answers_in_place_of_its_orchestrator(ready: Lab, case: str) -> None:
    answer, says = REFUSALS[case]
    async with open_front(ready.orchestrator.address) as front:
        front.admit = answer
        message = await asyncio.to_thread(_read_refusal, ready, front.address)
    assert says in message


@pytest.mark.parametrize(("trusted", "says"), [(True, "is for another name"), (False, "is not trusted")])
async def test_a_bridge_says_what_is_wrong_with_a_certificate(
    ready: Lab, tmp_path: Path, trusted: bool, says: str
) -> None:
    authority, spec = Authority(tmp_path), {}
    if trusted:
        ready.world.space.add_config_map("authority", {"ca.crt": authority.certificate})
        spec = {"caConfigMap": {"name": "authority"}}
    async with open_front(ready.orchestrator.address, authority.issue("DNS:elsewhere"), "localhost") as front:
        message = await asyncio.to_thread(_read_refusal, ready, front.address, **spec)
    assert says in message
    assert "localhost" in message


def _read_refusal(lab: Lab, address: str, **spec: Any) -> str:
    """What a Bridge to this address says of its connection; the Bridge is gone again."""
    space, name = lab.world.space, "other"
    path = space.path("bridges", name, GROUP)
    lab.world.add_bridge(name, **lab.orchestrator.build_bridge(address), **spec)

    def look() -> str:
        conditions = space.api.get(path).body.get("status", {}).get("conditions") or ()
        return next((str(item["message"]) for item in conditions if item["reason"] == "Refused"), "")

    try:
        return wait_for("the Bridge to be refused", look, SECONDS)
    finally:
        space.api.delete(path)
        lab.wait("the Bridge to be gone", lambda: space.api.get(path).status == 404)
