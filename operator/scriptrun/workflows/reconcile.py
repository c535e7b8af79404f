"""One pass over one WorkflowRun: gather, decide, act, write the status once. Doing it twice changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from scriptrun.desired.workflows.names import output_name, run_output_name, step_run_name
from scriptrun.desired.workflows.objects import OUTPUT_KEY, build_output, build_snapshot, build_step_run, hash_text
from scriptrun.desired.workflows.status import RUN_INLINE_LIMIT_BYTES, build_end, build_patch, build_progress
from scriptrun.desired.workflows.step_status import build_reference, fits_inline
from scriptrun.errors import AlreadyExists, Conflict, NotFound
from scriptrun.kube.client import APPLY, MERGE, Client
from scriptrun.kube.resources import CONFIGMAPS, SCRIPTRUNS, WORKFLOWRUNS
from scriptrun.policies.workflows.advance import Decision, advance
from scriptrun.policies.workflows.commands import CancelScript, Evaluate, Finish, StartScript, WaitUntil
from scriptrun.policies.workflows.states import NO_OUTPUT, Results, Snapshot, StepState
from scriptrun.runtime.expressions import Expressions
from scriptrun.workflows.cache import Body, Cache, Key, key_of
from scriptrun.workflows.observe import is_owned, observe_results, observe_states
from scriptrun.workflows.start import Starter, read_snapshot

__all__ = ["Reconciler"]


@dataclass(slots=True)
class _Known:
    """What this process knows of a run under way; all of it can be read anew.

    Attributes:
        snapshot: its Workflow.
        digest: SHA-256 of that.
        states: of its steps, as they were written last.
        references: where large outputs are, by step.
    """

    snapshot: Snapshot
    digest: str
    states: dict[str, StepState]
    references: dict[str, dict[str, Any]] = field(default_factory=dict)


class Reconciler:
    """Reconciles WorkflowRuns.

    Args:
        client: to the API server.
        cache: what is seen.
        starter: starts runs.
        expressions: evaluates.
        clock: the time.
    """

    def __init__(
        self,
        client: Client,
        cache: Cache,
        starter: Starter,
        expressions: Expressions,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._cache = cache
        self._starter = starter
        self._expressions = expressions
        self._clock = clock
        self._known: dict[Key, _Known] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Reconcile a run; returns after how many seconds to look again, if not before."""
        run = self._cache.runs.get(key)
        if run is None or run["metadata"].get("deletionTimestamp"):
            self._known.pop(key, None)
            return None
        if run.get("status", {}).get("finishedAt"):
            self._known.pop(key, None)
            return await self._expire(run)
        known = await self._open(run)
        if known is None:
            return None
        decision = await self._decide(run, known)
        for command in decision.commands:
            if isinstance(command, StartScript):
                await self._start(known.snapshot, command)
            elif isinstance(command, CancelScript):
                await self._cancel(known.snapshot, command)
        await self._tell(run, known, decision)
        waits = [command.time for command in decision.commands if isinstance(command, WaitUntil)]
        return max(0.0, (waits[0] - self._clock()).total_seconds()) if waits else None

    async def _open(self, run: Body) -> _Known | None:
        """Get what is known of a run, or start it; None if it waits or was refused."""
        key = key_of(run)
        if key in self._known and self._known[key].snapshot.uid == run["metadata"]["uid"]:
            return self._known[key]
        snapshot = await read_snapshot(self._client, run)
        if snapshot is None:
            started = await self._starter.start(run, self._clock())
            if isinstance(started, dict):
                await self._write(run, started)
                return None
            snapshot = started
        digest = hash_text(build_snapshot(snapshot)["data"]["snapshot.json"])
        states = await observe_states(self._client, run)
        entries = run.get("status", {}).get("steps") or ()
        references = {entry["name"]: entry["outputRef"] for entry in entries if "outputRef" in entry}
        self._known[key] = _Known(snapshot, digest, states, references)
        return self._known[key]

    async def _decide(self, run: Body, known: _Known) -> Decision:
        """Decide, with the expressions evaluated that the decision depends on."""
        runs = await observe_results(self._client, self._cache, run, known.states)
        rendered: dict[tuple[str, str], Any] = {}
        while True:
            results = Results(runs, rendered, bool(run["spec"].get("cancel")))
            decision = advance(known.snapshot, known.states, results, self._clock())
            evaluations = [command for command in decision.commands if isinstance(command, Evaluate)]
            if not evaluations:
                return decision
            for one in evaluations:
                namespace = known.snapshot.namespace
                rendered[one.key] = await self._expressions.render(namespace, one.document, one.place, one.scope)

    async def _start(self, snapshot: Snapshot, command: StartScript) -> None:
        body = build_step_run(snapshot, command)
        try:
            created = await self._client.create(SCRIPTRUNS, snapshot.namespace, body)
        except AlreadyExists:
            created = await self._client.get(SCRIPTRUNS, snapshot.namespace, body["metadata"]["name"])
            if not is_owned(created, snapshot.uid):
                name = body["metadata"]["name"]
                raise Conflict(f"a ScriptRun {name} that belongs to somebody else is in the way") from None
        self._cache.on_step_run_event("ADDED", created)

    async def _cancel(self, snapshot: Snapshot, command: CancelScript) -> None:
        name = step_run_name(snapshot.name, command.step, command.attempt)
        seen = self._cache.step_runs.get((snapshot.namespace, snapshot.name), {}).get(name)
        if seen is None or seen["spec"].get("cancel"):
            return  # gone, or asked for already
        # With the uid, so that no namesake is canceled.
        body = {"metadata": {"uid": seen["metadata"]["uid"]}, "spec": {"cancel": True}}
        try:
            written = await self._client.patch(SCRIPTRUNS, (snapshot.namespace, name), body, kind=MERGE)
        except NotFound:
            return  # seen as Gone in the next pass
        self._cache.on_step_run_event("MODIFIED", written)

    async def _tell(self, run: Body, known: _Known, decision: Decision) -> None:
        """Write the status, large outputs first."""
        for state in decision.states.values():
            if state.output is not NO_OUTPUT and state.name not in known.references and not fits_inline(state.output):
                name = output_name(known.snapshot.name, state.name)
                known.references[state.name] = await self._keep(known.snapshot, name, state.name, state.output)
        states = dict(decision.states)
        status = build_progress(known.snapshot, known.digest, states, known.references)
        for command in decision.commands:
            if isinstance(command, Finish):
                status = build_end(status, run.get("status") or {}, command, self._clock())
                status |= await self._build_run_output(known.snapshot, command.output)
        await self._write(run, status)
        known.states = states

    async def _build_run_output(self, snapshot: Snapshot, output: Any) -> dict[str, Any]:
        if output is NO_OUTPUT:
            return {}
        if fits_inline(output, RUN_INLINE_LIMIT_BYTES):
            return {"output": output}
        return {"outputRef": await self._keep(snapshot, run_output_name(snapshot.name), "", output)}

    async def _keep(self, snapshot: Snapshot, name: str, step: str, output: Any) -> dict[str, Any]:
        body = build_output(snapshot, name, step, output)
        try:
            await self._client.create(CONFIGMAPS, snapshot.namespace, body)
        except AlreadyExists:
            body = await self._client.get(CONFIGMAPS, snapshot.namespace, name)
            if not is_owned(body, snapshot.uid):
                raise Conflict(f"a ConfigMap {name} that belongs to somebody else is in the way") from None
        return build_reference(name, output, OUTPUT_KEY, hash_text(body["data"][OUTPUT_KEY]))

    async def _write(self, run: Body, status: dict[str, Any]) -> None:
        if status == run.get("status"):
            return
        metadata = run["metadata"]
        target = (metadata["namespace"], metadata["name"])
        written = await self._client.patch(
            WORKFLOWRUNS, target, build_patch(run, status), kind=APPLY, subresource="status"
        )
        self._cache.on_run_event("MODIFIED", written)

    async def _expire(self, run: Body) -> float | None:
        """Delete a run whose time is over; returns in how many seconds that is."""
        spec, metadata = run["spec"], run["metadata"]
        if spec.get("saved"):
            return None
        workflow = self._cache.workflows.get((metadata["namespace"], spec["workflowRef"]["name"]))
        default = workflow["spec"].get("ttlSecondsAfterFinished", 86_400) if workflow else 86_400
        ttl = spec.get("ttlSecondsAfterFinished", default)
        due = datetime.fromisoformat(run["status"]["finishedAt"]) + timedelta(seconds=ttl)
        if (left := (due - self._clock()).total_seconds()) > 0:
            return left
        body = {"preconditions": {"uid": metadata["uid"]}, "propagationPolicy": "Background"}
        try:
            await self._client.delete(WORKFLOWRUNS, metadata["namespace"], metadata["name"], body)
        except NotFound:
            return None
        return None
