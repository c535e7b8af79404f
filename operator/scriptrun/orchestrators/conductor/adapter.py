"""Adapter for Conductor, by its REST API (``/api/tasks``). Understands what ``conductor_task`` says; does the talking.

- A poll marks its tasks IN_PROGRESS and acknowledges them in one call: when its answer is lost, they are hidden until
  their definition's ``responseTimeoutSeconds`` is over, and then handed out under a new id.
- An update of a task that has ended is answered 200 and ignored (conductor-oss/conductor#322): so is one of a task
  whose workflow has ended. What was reported is therefore read back.
- A poll and the end of a workflow don't know of each other: a task that is handed out while its workflow is terminated
  may stay IN_PROGRESS for ever, and can be extended (seen with 3.32). So an open task's workflow is looked at, too.
  With each extension, not only after the poll: an extension reads the task and writes all of it back
  (``ExecutionDAOFacade.extendLease``), which may undo the cancellation that came in between.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import structlog

from scriptrun.errors import Gone, Refused, Rejected, TaskError, TryLater
from scriptrun.models.bridge import BridgeSpec
from scriptrun.net.tls import build_tls
from scriptrun.orchestrators.adapter import Handle, Orchestrator, Outcome, Task
from scriptrun.orchestrators.conductor.task import (
    Finding,
    build_extension,
    build_update,
    check_output_size,
    describe_task_end,
    describe_workflow_end,
    is_about,
    is_handle,
    judge_update,
    read_task,
)
from scriptrun.orchestrators.credentials import build_credentials
from scriptrun.orchestrators.delivery import read_tasks
from scriptrun.orchestrators.http_client import Answer, Http, build_error
from scriptrun.policies.address_policy import AddressPolicy

__all__ = ["CONDUCTOR", "Conductor", "Poll", "build_conductor", "cut_address"]

_log = structlog.get_logger(__name__)
_LONGEST_POLL_SECONDS = 5.0  # more is refused with 400
_LARGEST_BATCH = 100  # a lost answer hides no more tasks than this
_ANSWER_SECONDS = 30.0
_UNREADABLE = "JSON parse error"  # which the server answers 500, though it is the request that is wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What to ask for, and as whom.

    Attributes:
        task_type: of the tasks.
        domain: to poll; empty for none.
        worker_id: shown with each task.
        poll_seconds: how long one poll waits, at most 5.
        callback_seconds: when a task that ended IN_PROGRESS is handed out again, unless its outcome says.
        script_header: the input parameter that names the Script; empty: none does.
    """

    task_type: str
    domain: str = ""
    worker_id: str
    poll_seconds: float = _LONGEST_POLL_SECONDS
    callback_seconds: float = 10.0
    script_header: str = ""


class Conductor:
    """Speaks to one Conductor server about tasks of one type.

    Args:
        http: to the server; closed with this.
        poll: what to ask for.
    """

    def __init__(self, http: Http, poll: Poll) -> None:
        self._http = http
        self._poll = poll
        self._poll_seconds = min(poll.poll_seconds, _LONGEST_POLL_SECONDS)
        self._warned = False

    async def claim(self, limit: int) -> list[Task]:
        """Poll for what is there, and where nothing is, wait for the first task to come.

        A server that is asked for several holds back those that it has until it has as many, or until the poll's time
        is over (seen with 3.32). So only one is ever waited for.
        """
        if limit > 1 and (tasks := await self._poll_for(limit, 0.0)):
            return tasks
        return await self._poll_for(1, self._poll_seconds)

    async def _poll_for(self, limit: int, wait_seconds: float) -> list[Task]:
        query = {
            "workerid": self._poll.worker_id,
            "count": str(min(limit, _LARGEST_BATCH)),
            "timeout": str(int(wait_seconds * 1000)),
            **({"domain": self._poll.domain} if self._poll.domain else {}),
        }
        path = f"/api/tasks/poll/batch/{quote(self._poll.task_type, safe='')}"
        answer = await self._http.ask("GET", path, query=query, seconds=wait_seconds + _ANSWER_SECONDS)
        if answer.status == 204:
            return []
        if not answer.ok:
            raise _as_standing(build_error(answer))
        if not isinstance(answer.document, list):
            raise Refused(f"{answer.where} answered no list of tasks: is this the address of a Conductor server?")
        return read_tasks(answer.document, limit, self._understand)

    def _understand(self, document: object) -> Task:
        task = read_task(document, self._poll.domain, self._poll.script_header)
        if task.lease_seconds is None and not self._warned:
            self._warned = True
            _log.warning(
                "responseTimeoutSeconds of the task definition is 0: a task whose answer is lost is lost for ever",
                task_type=task.type,
            )
        return task

    async def extend(self, handle: Handle) -> None:
        """Let ``responseTimeoutSeconds`` count anew, and see whether the task and its workflow are still open."""
        _check(handle)
        try:
            await self._update(handle, build_extension(handle, self._poll.worker_id))
        except Rejected as error:
            raise TryLater(str(error)) from error  # the run is worth more than this
        if end := describe_task_end(await self._read(handle)):
            raise Gone(end)
        await self._look_at_workflow(handle)

    async def report(self, handle: Handle, outcome: Outcome) -> str:
        """Update the task, and read it back: until then nothing is confirmed."""
        _check(handle)
        now = int(time.time() * 1000)
        update = build_update(handle, outcome, self._poll.worker_id, self._poll.callback_seconds, now)
        check_output_size(update)
        if update["status"] == "IN_PROGRESS":
            # Sent again after a lost answer, it would put the task off once more, or hand it out twice.
            finding = judge_update(await self._read(handle), handle, update)
            if finding.state != "waiting":
                return _settle(finding)
        await self._update(handle, update)
        try:
            document = await self._read(handle)
        except Gone:
            return "accepted; the server keeps the task no more"
        finding = judge_update(document, handle, update)
        if finding.state == "waiting":
            await self._look_at_workflow(handle)
        return _settle(finding)

    async def _look_at_workflow(self, handle: Handle) -> None:
        """Look whether the workflow of an open task is open.

        Raises:
            Gone: it is not, so that nobody waits for the task.
        """
        if not handle["workflowInstanceId"]:
            return
        path = f"/api/workflow/{quote(handle['workflowInstanceId'], safe='')}"
        answer = await self._http.ask("GET", path, query={"includeTasks": "false"})
        if answer.status == 403:
            return  # a worker's key need not be allowed to read workflows
        if not answer.ok:
            raise _explain(answer, handle)
        if isinstance(answer.document, dict) and (end := describe_workflow_end(answer.document)):
            raise Gone(end)

    async def close(self) -> None:
        """Close connections."""
        await self._http.close()

    async def _update(self, handle: Handle, update: Mapping[str, Any]) -> None:
        answer = await self._http.ask("POST", "/api/tasks", update)
        if not answer.ok:
            raise _explain(answer, handle)

    async def _read(self, handle: Handle) -> dict[str, Any]:
        answer = await self._http.ask("GET", f"/api/tasks/{quote(handle['taskId'], safe='')}")
        if answer.status == 204:
            raise Gone("there is no such task (any more)")
        if not answer.ok:
            raise _explain(answer, handle)
        if not isinstance(answer.document, dict):
            raise TryLater(f"{answer.where} answered no task")
        return answer.document


def _settle(finding: Finding) -> str:
    if finding.state == "confirmed":
        return finding.message
    kinds: dict[str, type[TaskError]] = {"gone": Gone, "rejected": Rejected, "waiting": TryLater}
    raise kinds[finding.state](finding.message)


def _check(handle: Handle) -> None:
    if not is_handle(handle):
        raise Gone("what was kept of the task names no task")


def _explain(answer: Answer, handle: Handle) -> TaskError:
    """Explain an answer about one task."""
    error = build_error(answer)
    if isinstance(error, Gone) and not is_about(answer.text, handle):
        return _as_standing(error)
    if answer.status == 500 and _UNREADABLE in answer.message:
        return Rejected(f"Conductor can't read this outcome: {answer.message}")
    return error


def _as_standing(error: TaskError) -> TaskError:
    """There is no task that could be gone or wrong: it is the address or the task type that is."""
    return error if isinstance(error, TryLater) else Refused(f"{error}: is this the address of a Conductor server?")


def cut_address(address: str) -> str:
    """Cut the ``/api`` off an address, with which Conductor's own tools write it."""
    return address.rstrip("/").removesuffix("/api").rstrip("/")


def build_conductor(
    spec: BridgeSpec, name: str, secret: Mapping[str, str], certificates: str, policy: AddressPolicy | None = None
) -> Conductor:
    """Build the adapter of a Bridge.

    Args:
        spec: of the Bridge.
        name: of the Bridge.
        secret: data of its Secret; empty for no credentials.
        certificates: to trust, as PEM; "" for the system's.
        policy: which addresses may be connected to; None for any.

    Raises:
        Refused: address, credentials or certificates can't be used.
    """
    if spec.conductor is None:
        raise ValueError("not a Bridge to Conductor")
    address, tls = cut_address(spec.conductor.address), build_tls(certificates)
    credentials = build_credentials(secret, address=address, oauth2=spec.oauth2, tls=tls, policy=policy)
    return Conductor(
        Http(address, tls, credentials, secret.values(), policy),
        Poll(
            task_type=spec.conductor.task_type,
            domain=spec.conductor.domain,
            worker_id=spec.worker_id or f"scriptrun/{name}",
            poll_seconds=spec.long_poll_seconds,
            callback_seconds=spec.retry_back_off_seconds,
            script_header=spec.script_header,
        ),
    )


CONDUCTOR = Orchestrator(source="conductor", wants_logs=True, build=build_conductor)
