"""Starts a WorkflowRun: checks, admission, resume, snapshot."""

from datetime import datetime
from typing import Any

from scriptrun.desired.workflows.names import snapshot_name
from scriptrun.desired.workflows.objects import build_snapshot, parse_snapshot
from scriptrun.desired.workflows.status import build_refusal, build_wait
from scriptrun.errors import AlreadyExists, Conflict, NotFound, TooLarge
from scriptrun.kube.client import MERGE, Client
from scriptrun.kube.resources import CONFIGMAPS, WORKFLOWRUNS
from scriptrun.models import WorkflowSpec
from scriptrun.policies.workflows.admission import Other, decide_admission
from scriptrun.policies.workflows.resume import Earlier, decide_resume
from scriptrun.policies.workflows.states import Snapshot, StepState
from scriptrun.workflows.cache import Body, Cache
from scriptrun.workflows.checks import WorkflowChecks
from scriptrun.workflows.observe import is_owned, observe_states

__all__ = ["Starter", "read_snapshot"]


class _Refused(Exception):  # noqa: N818 - carries the end of a run
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


async def read_snapshot(client: Client, run: Body) -> Snapshot | None:
    """Read the snapshot of a run; None if it has not started.

    Raises:
        Conflict: a namesake's is still there.
    """
    metadata = run["metadata"]
    try:
        config_map = await client.get(CONFIGMAPS, metadata["namespace"], snapshot_name(metadata["name"]))
    except NotFound:
        return None
    if not is_owned(config_map, metadata["uid"]):
        raise Conflict(f"ConfigMap {snapshot_name(metadata['name'])} belongs to somebody else: delete it")
    return parse_snapshot(config_map, run)


class Starter:
    """Starts runs.

    Args:
        client: to the API server.
        cache: what is seen.
        checks: of Workflows and inputs.
    """

    def __init__(self, client: Client, cache: Cache, checks: WorkflowChecks) -> None:
        self._client = client
        self._cache = cache
        self._checks = checks

    async def start(self, run: Body, now: datetime) -> Snapshot | dict[str, Any]:
        """Start a run.

        Returns:
            Its snapshot; or the status of a run that waits or was refused.
        """
        status = run.get("status") or {}
        try:
            if run["spec"].get("cancel"):
                raise _Refused("Canceled", "the run was canceled before it started")
            spec = await self._find_workflow(run)
            await self._check_input(run, spec)
            waiting = await self._admit(run, spec)
            if waiting is not None:
                return waiting
            return await self._take_snapshot(run, spec, now)
        except _Refused as refused:
            return build_refusal(status, refused.reason, refused.message, now)

    async def _find_workflow(self, run: Body) -> WorkflowSpec:
        namespace, name = run["metadata"]["namespace"], run["spec"]["workflowRef"]["name"]
        body = self._cache.workflows.get((namespace, name))
        if body is None:
            raise _Refused("WorkflowNotReady", f"there is no Workflow {name} in this namespace")
        if faults := await self._checks.find_faults(body):
            raise _Refused("WorkflowNotReady", f"Workflow {name} is not ready: {faults}")
        spec = WorkflowSpec.model_validate(body["spec"])
        if not spec.active:
            raise _Refused("WorkflowNotReady", f"Workflow {name} is not active (spec.active)")
        return spec

    async def _check_input(self, run: Body, spec: WorkflowSpec) -> None:
        given = run["spec"].get("input") or {}
        if wrong := await self._checks.find_input_fault(run["metadata"]["namespace"], given, spec.parameters_schema):
            raise _Refused("InvalidInput", wrong)

    async def _admit(self, run: Body, spec: WorkflowSpec) -> dict[str, Any] | None:
        metadata = run["metadata"]
        key = (metadata["namespace"], run["spec"]["workflowRef"]["name"])
        others = [_describe(body) for body in self._cache.list_runs_of(key)]
        admission = decide_admission(spec, metadata["name"], _created(run), others)
        if admission.action == "Refuse":
            raise _Refused("ConcurrencyForbidden", admission.message)
        for name in admission.cancel:
            other = self._cache.runs[metadata["namespace"], name]
            if not other["spec"].get("cancel"):
                body = {"metadata": {"uid": other["metadata"]["uid"]}, "spec": {"cancel": True}}
                await self._client.patch(WORKFLOWRUNS, (metadata["namespace"], name), body, kind=MERGE)
        return build_wait(admission.message) if admission.action == "Wait" else None

    async def _take_snapshot(self, run: Body, spec: WorkflowSpec, now: datetime) -> Snapshot:
        metadata, given = run["metadata"], run["spec"]
        workflow = given["workflowRef"]["name"]
        snapshot = Snapshot(
            metadata["namespace"],
            metadata["name"],
            metadata["uid"],
            workflow,
            spec,
            given.get("input") or {},
            now,
            given.get("trigger") or {},
            await self._resume(run, spec) if given.get("resume") else {},
        )
        try:
            await self._client.create(CONFIGMAPS, metadata["namespace"], build_snapshot(snapshot))
        except AlreadyExists:
            return await read_snapshot(self._client, run) or snapshot
        except TooLarge as error:
            raise _Refused("WorkflowNotReady", f"the snapshot of the Workflow is too large: {error}") from error
        return snapshot

    async def _resume(self, run: Body, spec: WorkflowSpec) -> dict[str, StepState]:
        resume = run["spec"]["resume"]
        body = self._cache.runs.get((run["metadata"]["namespace"], resume["run"]))
        earlier = None
        if body is not None:
            try:
                states = await observe_states(self._client, body)
            except NotFound as error:
                raise _Refused("InvalidResume", f"an output of {resume['run']} is gone: {error}") from error
            ended = bool(body.get("status", {}).get("finishedAt"))
            earlier = Earlier(resume["run"], body["spec"]["workflowRef"]["name"], ended, states)
        taken = decide_resume(spec, resume["step"], run["spec"]["workflowRef"]["name"], earlier)
        if isinstance(taken, str):
            raise _Refused("InvalidResume", taken)
        return taken


def _created(run: Body) -> datetime:
    return datetime.fromisoformat(run["metadata"]["creationTimestamp"])


def _describe(run: Body) -> Other:
    return Other(run["metadata"]["name"], _created(run), bool(run.get("status", {}).get("snapshot")))
