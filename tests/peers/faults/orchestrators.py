"""Both orchestrators, as the suite needs them: start, cancel, and tell how it ended without asking the bridge."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import urllib3

from peers.faults.proxy import Kind, Seen, read_json
from peers.faults.relay import Exchange
from peers.servers.bpmn import build_process
from peers.servers.conductor import Conductor
from peers.servers.process import Server
from peers.servers.zeebe import Zeebe

T = TypeVar("T")
State = Literal["open", "completed", "failed", "canceled"]

SCRIPT = "task.py"
LEASE_SECONDS = 10
RESPONSE_TIMEOUT_SECONDS = 15
"""Conductor's word for a lease. Longer than the other, which the bridge may ask for and has to keep."""
ATTEMPTS = 50
"""Of a task: with Conductor each that was handed out and got lost uses one up."""
_AWAY_SECONDS = 120.0
_AGAIN_SECONDS = 0.3
_IDLE_SECONDS = 20.0
"""Longer than bridges that were killed take to claim again: to lead, to connect, and to poll."""
_RECORD_LEASE_SECONDS = 3600


@dataclass(frozen=True)
class End:
    """How the orchestrator says that a workflow ended.

    Attributes:
        state: of the workflow.
        output: what came out of its task.
        completions: how often its task was completed; of those that count.
        lapsed: how many of its tasks the orchestrator itself gave up for their time.
        message: what an analyst reads of a failure.
    """

    state: State
    output: Mapping[str, Any] = field(default_factory=dict)
    completions: int = 0
    lapsed: int = 0
    message: str = ""


class Orchestrator(Protocol):
    """A server with one type of task in it, the suite's own."""

    name: str
    server: Server
    address: str

    def define(self, attempts: int) -> None:
        """Define the task.

        Args:
            attempts: how many there are before the orchestrator gives up.
        """
        ...

    def build_bridge(self, address: str) -> dict[str, Any]:
        """Build the part of a Bridge's spec that names the orchestrator."""
        ...

    def start(self, task: Mapping[str, Any], script: str = SCRIPT) -> str:
        """Start a workflow of one task; returns its id.

        Args:
            task: what the script is told.
            script: that the task names; empty for none.
        """
        ...

    def cancel(self, workflow: str) -> bool:
        """Cancel a workflow; says whether it was still open."""
        ...

    def hand_out_again(self, task: str) -> None:
        """Have a task handed out again although somebody works on it; may have to be said more than once."""
        ...

    def is_lapsed(self, workflow: str, task: str) -> bool:
        """Whether a lease that nobody has extended is over."""
        ...

    def refresh(self) -> None:
        """Ask for what is needed before workflows are looked at."""
        ...

    def look(self, workflow: str, tasks: set[str]) -> End:
        """Look how a workflow is.

        Args:
            workflow: its id.
            tasks: ids of its tasks that were handed out.
        """
        ...

    def tell(self, workflow: str) -> Any:
        """All that is known of a workflow, as JSON: to find out why it is not as it must be."""
        ...

    def read(self, exchange: Exchange) -> Seen:
        """Say what an exchange between bridge and server meant."""
        ...


def persist(act: Callable[[], T]) -> T:
    """Do something at a server that may be away for a while, or have too much to do."""
    until = time.monotonic() + _AWAY_SECONDS
    while True:
        try:
            return act()
        except (urllib3.exceptions.HTTPError, AssertionError):
            if time.monotonic() > until:
                raise
        time.sleep(_AGAIN_SECONDS)


class ZeebeSide:
    """Zeebe without its search: behind the script's task stands another, whose jobs tell what has been completed."""

    name = "zeebe"

    def __init__(self, server: Zeebe, work: str) -> None:
        self.server: Zeebe = server
        self.address = server.address
        self._work = work
        self._records: dict[str, dict[int, dict[str, Any]]] = {}
        self._canceled: set[str] = set()
        self._idle_since: dict[str, float] = {}
        self._attempts = ATTEMPTS
        self._deployed: dict[str, str] = {}

    def define(self, attempts: int) -> None:
        """Keep it for the processes, which say it of their tasks."""
        self._attempts = attempts

    def _deploy(self, script: str) -> str:
        """Deploy the process of a script, the first time; returns its id."""
        if script not in self._deployed:
            process = f"{self._work}-{len(self._deployed)}"
            headers = {"script": script} if script else {}
            document = build_process(process, self._work, headers, retries=self._attempts, then=f"{self._work}-record")
            persist(lambda: self.server.deploy(f"{process}.bpmn", document))
            self._deployed[script] = process
        return self._deployed[script]

    def build_bridge(self, address: str) -> dict[str, Any]:
        """Claim jobs of the suite's own type."""
        return {"zeebe": {"address": address, "taskType": self._work}}

    def start(self, task: Mapping[str, Any], script: str = SCRIPT) -> str:
        """Create an instance."""
        process = self._deploy(script)
        return str(persist(lambda: self.server.create_instance(process, {"task": task})))

    def try_start(self, task: Mapping[str, Any], script: str = SCRIPT) -> tuple[int, Any]:
        """Create an instance that Zeebe may refuse; returns status and body."""
        ask = {"processDefinitionId": self._deploy(script), "variables": {"task": task}}
        return self.server.call("POST", "/process-instances", ask)

    def cancel(self, workflow: str) -> bool:
        """Cancel an instance."""

        def cancel() -> bool:
            status, body = self.server.call("POST", f"/process-instances/{workflow}/cancellation")
            assert status in (204, 404), body
            return bool(status == 204)

        open_until_now = persist(cancel)
        if open_until_now:
            self._canceled.add(workflow)
        return open_until_now

    def look(self, workflow: str, tasks: set[str]) -> End:
        """Look at what has been recorded, and at the job."""
        if records := self._records.get(workflow):
            return End("completed", next(iter(records.values())), completions=len(records))
        if workflow in self._canceled:
            return End("canceled")
        return End("failed") if any(self._has_incident(task) for task in tasks) else End("open")

    def hand_out_again(self, task: str) -> None:
        """End a job's lease. Zeebe looks each second which are over: the bridge may extend it before that."""
        self.is_lapsed("", task)

    def is_lapsed(self, workflow: str, task: str) -> bool:
        """Whether nobody has a job. To ask is to end its lease."""
        status, body = persist(lambda: self.server.call("PATCH", f"/jobs/{task}", {"changeset": {"timeout": 1}}))
        assert status in (204, 400, 409), body
        return status != 204

    def refresh(self) -> None:
        """Take the jobs of the second task: each says that the first was completed, and with what."""
        ask = {
            "type": f"{self._work}-record",
            "worker": "suite",
            "maxJobsToActivate": 500,
            "timeout": _RECORD_LEASE_SECONDS * 1000,
            "requestTimeout": -1,
        }

        def activate() -> list[dict[str, Any]]:
            status, body = self.server.call("POST", "/jobs/activation", ask)
            assert status == 200, body
            jobs: list[dict[str, Any]] = body["jobs"]
            return jobs

        for job in persist(activate):
            self._records.setdefault(str(job["processInstanceKey"]), {})[int(job["key"])] = job["variables"]

    def tell(self, workflow: str) -> Any:
        """What its second tasks have recorded, for Zeebe keeps no more that can be asked for."""
        return {"canceled": workflow in self._canceled, "records": self._records.get(workflow, {})}

    def _has_incident(self, job: str) -> bool:
        """Whether a job is in the state of those that have failed: nobody has it, nobody gets it, nobody completes it.

        Asked only of one that must not be completed: where the question itself does it, the suite counts it as lost.
        """
        lease = {"changeset": {"timeout": LEASE_SECONDS * 1000}}
        if persist(lambda: self.server.call("PATCH", f"/jobs/{job}", lease))[0] == 204:
            self._idle_since.pop(job, None)
            return False
        if time.monotonic() - self._idle_since.setdefault(job, time.monotonic()) < _IDLE_SECONDS:
            return False  # a bridge may be about to claim it
        return bool(persist(lambda: self.server.call("POST", f"/jobs/{job}/completion", {}))[0] == 409)

    def read(self, exchange: Exchange) -> Seen:
        """Tell activation, extension and report by method and path."""
        if exchange.path == "/v2/jobs/activation":
            jobs = (read_json(exchange.answer) or {}).get("jobs") or []
            handed = tuple((str(job["key"]), _read_number(job["variables"])) for job in jobs)
            return Seen("claim", bool(handed), handed)
        found = re.fullmatch(r"/v2/jobs/(\d+)(?:/(completion|failure|error))?", exchange.path)
        if found is None:
            return Seen("other", done=False)
        kind: Kind = "report" if found[2] else "extension"
        said = read_json(exchange.body) or {}
        return Seen(kind, exchange.status == 204, ((found[1], -1),), said.get("errorMessage") or found[2] or "")


class ConductorSide:
    """Conductor, which tells everything of a workflow and its tasks."""

    name = "conductor"

    def __init__(self, server: Conductor, work: str) -> None:
        self.server: Conductor = server
        self.address = server.address
        self._work = work
        self._deployed: dict[str, str] = {}

    def define(self, attempts: int) -> None:
        """Define the task. One whose handing out was lost comes again when its response timeout is over."""
        self.server.define_task(self._work, retryCount=attempts - 1, responseTimeoutSeconds=RESPONSE_TIMEOUT_SECONDS)

    def _deploy(self, script: str) -> str:
        """Define the workflow of a script, the first time; returns its name."""
        if script not in self._deployed:
            name = f"{self._work}-{len(self._deployed)}"
            inputs = {"task": "${workflow.input.task}", **({"script": script} if script else {})}
            persist(lambda: self.server.define_workflow(name, self._work, inputs))
            self._deployed[script] = name
        return self._deployed[script]

    def build_bridge(self, address: str) -> dict[str, Any]:
        """Claim tasks of the suite's own type."""
        return {"conductor": {"address": address, "taskType": self._work}}

    def start(self, task: Mapping[str, Any], script: str = SCRIPT) -> str:
        """Start a workflow."""
        name = self._deploy(script)
        return persist(lambda: self.server.start_workflow(name, {"task": task}))

    def cancel(self, workflow: str) -> bool:
        """Terminate a workflow."""
        if persist(lambda: self.server.read_workflow(workflow))["status"] != "RUNNING":
            return False
        persist(lambda: self._terminate(workflow))
        return True

    def _terminate(self, workflow: str) -> None:
        if self.server.read_workflow(workflow)["status"] == "RUNNING":
            self.server.terminate_workflow(workflow, "not needed any more")

    def hand_out_again(self, task: str) -> None:
        """Put the task into its queue again."""
        self.server.requeue(self._work)

    def is_lapsed(self, workflow: str, task: str) -> bool:
        """Whether a task was given up, and made anew."""
        return self.look(workflow, {task}).lapsed > 0

    def refresh(self) -> None:
        """Nothing: a workflow tells all of itself."""

    def look(self, workflow: str, tasks: set[str]) -> End:
        """Read the workflow."""
        found = persist(lambda: self.server.read_workflow(workflow))
        states: dict[str, State] = {"COMPLETED": "completed", "FAILED": "failed", "TERMINATED": "canceled"}
        lapsed = [task["taskId"] for task in found["tasks"] if _is_given_up(task, found["tasks"])]
        completed = [task["taskId"] for task in found["tasks"] if task["status"] == "COMPLETED"]
        return End(
            states.get(found["status"], "open"),
            (found.get("output") or {}).get("result") or {},
            completions=len(set(completed) - set(lapsed)),
            lapsed=len(lapsed),
            message=str(found.get("reasonForIncompletion") or ""),
        )

    def tell(self, workflow: str) -> Any:
        """The workflow, with its tasks."""
        return persist(lambda: self.server.read_workflow(workflow))

    def read(self, exchange: Exchange) -> Seen:
        """Tell poll, extension and update apart."""
        if exchange.path.startswith("/api/tasks/poll/batch/"):
            tasks = read_json(exchange.answer) if exchange.status == 200 else None
            handed = tuple((str(task["taskId"]), _read_number(task["inputData"])) for task in tasks or ())
            return Seen("claim", bool(handed), handed)
        if (exchange.method, exchange.path) != ("POST", "/api/tasks"):
            return Seen("other", done=False)
        update = json.loads(exchange.body)
        kind: Kind = "extension" if update.get("extendLease") else "report"
        says = update.get("reasonForIncompletion") or update["status"]
        return Seen(kind, exchange.status == 200, ((update["taskId"], -1),), says)


def _is_given_up(task: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether Conductor gave an attempt up for its time.

    It makes the next one before it notes that this one is over. Killed in between, it takes this one's end, too; but
    nobody has made it fail.
    """
    followed = any(other["retryCount"] > task["retryCount"] for other in attempts)
    return task["status"] == "TIMED_OUT" or (followed and not task["status"].startswith("FAILED"))


def _read_number(variables: Mapping[str, Any]) -> int:
    task = variables.get("task")
    return int(task.get("number", -1)) if isinstance(task, dict) else -1
