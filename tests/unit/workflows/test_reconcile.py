"""The reconciler of WorkflowRuns against an API server in memory, also when it dies at any of its requests."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from builders import NAMESPACE
from scriptrun.desired.workflows.names import ATTEMPT_LABEL, STEP_LABEL
from scriptrun.kube.access import WORKFLOW_VERBS
from scriptrun.models.base import API_VERSION
from scriptrun.runtime.expressions import Expressions
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits
from scriptrun.workflows.cache import Cache
from scriptrun.workflows.checks import WorkflowChecks
from scriptrun.workflows.readiness import Readiness
from scriptrun.workflows.reconcile import Reconciler
from scriptrun.workflows.start import Starter
from unit.controller.server import Faults, Server, ServerClient, Write

KEY = (NAMESPACE, "run-1")
STEPS = [
    {
        "name": "first",
        "script": "a.py",
        "variables": {"id": "{{ input.id }}"},
        "retry": {"limit": 1, "delaySeconds": 0},
    },
    {"name": "never", "script": "a.py", "when": "{{ steps.first.output.n > 100 }}"},
    {"name": "second", "script": "a.py", "variables": {"n": "{{ steps.first.output.n }}"}},
]
SPEC: dict[str, Any] = {
    "steps": STEPS,
    "finally": [{"name": "clean", "script": "a.py", "variables": {"p": "{{ steps.second.phase }}"}}],
    "output": {"sum": "{{ steps.second.output.n + input.id }}"},
}


class Crash(BaseException):
    pass


class MortalClient(ServerClient):
    """Dies with its process at one request: before it, or after it was carried out."""

    left = 10**9
    after = False

    async def _call(self, verb: str, resource: Any, subresource: str, act: Any) -> Any:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Crash
        result = await super()._call(verb, resource, subresource, act)
        if self.left == 0:
            raise Crash
        return result


class World:
    """A server, and one process after the other."""

    def __init__(self, spec: dict[str, Any] = SPEC, **run: Any) -> None:
        self.server = Server()
        self.log: list[Write] = []
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.output: dict[str, Any] = {"n": 3}
        for kind, name, body in (
            ("Script", "a.py", {"source": {"inline": "x"}}),
            ("Workflow", "flow", spec),
            ("WorkflowRun", "run-1", {"workflowRef": {"name": "flow"}, "input": {"id": 7}, **run}),
        ):
            made = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": body}
            self.server.create(f"{kind.lower()}s", made)
        self.start()

    def now(self) -> datetime:
        return self.time

    def start(self) -> None:
        """Start a process anew: it lists everything."""
        noise = random.Random(1)
        self.client = MortalClient(
            self.server, noise, Faults(0, 0), self.log, verbs=WORKFLOW_VERBS, manager="scriptrun-workflows"
        )
        pool = WorkerPool(WorkerLimits())
        self.cache = Cache(lambda _key: None, lambda _key: None)
        checks = WorkflowChecks(self.cache, pool)
        starter = Starter(self.client, self.cache, checks)
        self.reconciler = Reconciler(self.client, self.cache, starter, Expressions(pool), self.now)
        self.readiness = Readiness(self.client, self.cache, checks, self.now)
        self.server.watchers[:] = [self.tell]
        for plural in ("scripts", "workflows", "workflowruns", "scriptruns"):
            for body in self.server.of_kind(plural):
                self.tell(plural, "ADDED", body)

    def tell(self, plural: str, event: str, body: dict[str, Any]) -> None:
        told = {
            "scripts": self.cache.on_script_event,
            "workflows": self.cache.on_workflow_event,
            "workflowruns": self.cache.on_run_event,
            "scriptruns": self.cache.on_step_run_event,
        }
        if plural in told:
            told[plural](event, body)

    def end_runs(self) -> None:
        """Let every ScriptRun end: the first attempt of the first step fails."""
        for body in self.server.of_kind("scriptruns"):
            if body.get("status", {}).get("finishedAt"):
                continue
            labels, spec = body["metadata"]["labels"], body["spec"]
            fails = (labels[STEP_LABEL], labels[ATTEMPT_LABEL]) == ("first", "1") or spec.get("cancel")
            status = {
                "phase": "Canceled" if spec.get("cancel") else "Failed" if fails else "Succeeded",
                "reason": "Canceled" if spec.get("cancel") else "ScriptFailed" if fails else "Completed",
                "finishedAt": self.time.isoformat().replace("+00:00", "Z"),
                **({} if fails else {"output": self.output}),
            }
            patch = {"metadata": {"resourceVersion": body["metadata"]["resourceVersion"]}, "status": status}
            self.server.apply_status("scriptruns", body["metadata"]["name"], patch, "scriptrun")

    @property
    def status(self) -> dict[str, Any]:
        found = self.server.find("workflowruns", "run-1")
        return (found or {}).get("status") or {}

    async def run_to_end(self) -> dict[str, Any]:
        """Reconcile, and let ScriptRuns end, until the run is over."""
        for _ in range(30):
            try:
                await self.reconciler.reconcile(KEY)
            except Crash:
                self.start()
                continue
            if "finishedAt" in self.status:
                return self.status
            self.end_runs()
            self.time += timedelta(seconds=1)
        raise AssertionError(f"it does not end: {self.status}")

    def created(self) -> list[str]:
        return [write.name for write in self.log if (write.verb, write.resource) == ("create", "scriptruns")]


NAMES = ["run-1-first-1", "run-1-first-2", "run-1-second-1", "run-1-clean-1"]


async def test_a_run_goes_through_its_steps() -> None:
    world = World()
    status = await world.run_to_end()
    assert (status["phase"], status["output"], status["progress"]) == ("Succeeded", {"sum": 10}, "4/4")
    assert world.created() == NAMES
    assert [step["phase"] for step in status["steps"]] == ["Succeeded", "Skipped", "Succeeded", "Succeeded"]
    variables = {body["metadata"]["name"]: body["spec"]["variables"] for body in world.server.of_kind("scriptruns")}
    assert variables["run-1-second-1"] == {"n": 3}
    assert variables["run-1-clean-1"] == {"p": "Succeeded"}
    patches = [write for write in world.log if write.verb == "patch"]
    assert len(patches) <= len(NAMES) + 1


async def test_a_pass_that_finds_nothing_new_writes_nothing() -> None:
    world = World()
    await world.reconciler.reconcile(KEY)
    before = list(world.log)
    await world.reconciler.reconcile(KEY)
    assert world.log == before


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, 24))
async def test_a_process_may_die_at_any_request(number: int, after: bool) -> None:
    calm = World()
    expected = await calm.run_to_end()
    world = World()
    world.client.left, world.client.after = number, after
    status = await world.run_to_end()
    assert world.created() == NAMES
    assert status["output"] == expected["output"]
    told = [(step["name"], step["phase"], step.get("reason"), step.get("attempts")) for step in status["steps"]]
    assert told == [
        (step["name"], step["phase"], step.get("reason"), step.get("attempts")) for step in expected["steps"]
    ]


async def test_an_edit_of_the_workflow_does_not_reach_a_run_that_has_started() -> None:
    world = World()
    await world.reconciler.reconcile(KEY)
    world.server.change("workflows", "flow", {"spec": {"steps": [{"name": "other", "script": "a.py"}]}})
    world.start()
    assert [step["name"] for step in (await world.run_to_end())["steps"]] == ["first", "never", "second", "clean"]


async def test_cancel_reaches_the_script_run() -> None:
    world = World()
    await world.reconciler.reconcile(KEY)
    world.server.change("workflowruns", "run-1", {"spec": {"cancel": True}})
    status = await world.run_to_end()
    assert (status["phase"], status["reason"]) == ("Canceled", "Canceled")
    assert [step["phase"] for step in status["steps"]] == ["Canceled", "Skipped", "Skipped", "Succeeded"]


async def test_a_step_run_that_its_ttl_took_away_has_done_its_step_all_the_same() -> None:
    world = World()
    await world.reconciler.reconcile(KEY)
    world.end_runs()
    await world.reconciler.reconcile(KEY)
    world.end_runs()
    world.server.remove("scriptruns", "run-1-first-2")
    assert (await world.run_to_end())["phase"] == "Succeeded"


@pytest.mark.parametrize(
    ("spec", "run", "reason"),
    [
        ({**SPEC, "active": False}, {}, "WorkflowNotReady"),
        ({"steps": [{"name": "a", "script": "none.py"}]}, {}, "WorkflowNotReady"),
        (SPEC, {"workflowRef": {"name": "none"}}, "WorkflowNotReady"),
        ({**SPEC, "parametersSchema": {"properties": {"id": {"type": "string"}}}}, {}, "InvalidInput"),
        (SPEC, {"resume": {"run": "none", "step": "second"}}, "InvalidResume"),
        (SPEC, {"cancel": True}, "Canceled"),
    ],
)
async def test_what_can_not_start_is_refused(spec: dict[str, Any], run: dict[str, Any], reason: str) -> None:
    world = World(spec, **run)
    await world.reconciler.reconcile(KEY)
    assert world.status["reason"] == reason
    assert world.created() == []


async def test_a_large_output_is_read_by_the_process_that_comes_next() -> None:
    world = World({"steps": [STEPS[0], {**STEPS[2], "variables": {"n": "{{ steps.first.output.n.size() }}"}}]})
    world.output = {"n": "x" * 5000}
    await world.reconciler.reconcile(KEY)
    for _ in range(2):
        world.end_runs()
        await world.reconciler.reconcile(KEY)
    reference = world.status["steps"][0]["outputRef"]
    assert reference["bytes"] > 5000
    world.output = {"n": 3}
    world.start()
    assert (await world.run_to_end())["output"] == {"n": 3}
    [second] = [body for body in world.server.of_kind("scriptruns") if "second" in body["metadata"]["name"]]
    assert second["spec"]["variables"] == {"n": 5000}


async def test_a_finished_run_is_deleted_after_its_ttl_unless_it_is_saved() -> None:
    world = World(ttlSecondsAfterFinished=60)
    await world.run_to_end()
    assert await world.reconciler.reconcile(KEY) == 60
    world.time += timedelta(seconds=60)
    world.server.change("workflowruns", "run-1", {"spec": {"saved": {"name": "keep"}}})
    assert await world.reconciler.reconcile(KEY) is None
    assert world.server.find("workflowruns", "run-1")
    world.server.change("workflowruns", "run-1", {"spec": {"saved": None}})
    await world.reconciler.reconcile(KEY)
    assert world.server.find("workflowruns", "run-1") is None


async def test_a_workflow_is_told_whether_it_is_ready() -> None:
    world = World({"steps": [{"name": "a", "script": "later.py"}]})
    await world.readiness.reconcile((NAMESPACE, "flow"))

    def ready() -> tuple[str, str]:
        [condition] = (world.server.find("workflows", "flow") or {})["status"]["conditions"]
        return condition["status"], condition["message"]

    assert ready() == ("False", "steps[0].script: there is no Script 'later.py' in this namespace")
    body = {"kind": "Script", "metadata": {"name": "later.py"}, "spec": {}}
    world.server.create("scripts", body)
    await world.readiness.reconcile((NAMESPACE, "flow"))
    assert ready() == ("True", "")
    writes = len(world.log)
    await world.readiness.reconcile((NAMESPACE, "flow"))
    assert len(world.log) == writes
