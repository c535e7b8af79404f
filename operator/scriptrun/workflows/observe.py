"""Reads what decisions need: results of ScriptRuns, outputs, states of steps."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scriptrun.desired.input import dump_json
from scriptrun.desired.workflows.names import ATTEMPT_LABEL, STEP_LABEL, step_run_name
from scriptrun.desired.workflows.objects import hash_text
from scriptrun.desired.workflows.step_status import parse_step
from scriptrun.errors import NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.outputs import read_output_text
from scriptrun.kube.resources import CONFIGMAPS, SCRIPTRUNS
from scriptrun.models.reasons import REASONS, Reason
from scriptrun.policies.documents import parse_document
from scriptrun.policies.workflows.states import NO_OUTPUT, RunResult, StepState
from scriptrun.workflows.cache import Body, Cache

__all__ = ["observe_results", "observe_states"]

_ENDS = ("Succeeded", "Failed", "Canceled")


async def observe_results(
    client: Client, cache: Cache, run: Body, states: Mapping[str, StepState]
) -> dict[tuple[str, int], RunResult]:
    """Find out what became of the ScriptRuns of a run's steps.

    Args:
        client: to ask for what is not in the cache, and for outputs.
        cache: what is seen.
        run: the WorkflowRun.
        states: of its steps: an attempt that was written down and is gone was deleted.
    """
    metadata = run["metadata"]
    seen = cache.step_runs.get((metadata["namespace"], metadata["name"]), {})
    mine = [body for body in seen.values() if is_owned(body, metadata["uid"])]
    results: dict[tuple[str, int], RunResult] = {}
    for body in mine:
        labels = body["metadata"]["labels"]
        key = (labels[STEP_LABEL], int(labels[ATTEMPT_LABEL]))
        over = states.get(key[0])
        if over is None or not over.is_over:
            results[key] = await _read_result(client, body)
    for state in states.values():
        key = (state.name, state.attempts)
        if not state.is_over and state.attempts and key not in results:
            results[key] = await _ask(client, cache, run, state)
    return results


def is_owned(body: Body, uid: str) -> bool:
    """Whether an object belongs to a WorkflowRun."""
    return any(owner["uid"] == uid for owner in body["metadata"].get("ownerReferences") or ())


async def _ask(client: Client, cache: Cache, run: Body, state: StepState) -> RunResult:
    metadata = run["metadata"]
    name = step_run_name(metadata["name"], state.name, state.attempts)
    try:
        body = await client.get(SCRIPTRUNS, metadata["namespace"], name)
    except NotFound:
        return RunResult("Gone")
    if not is_owned(body, metadata["uid"]):
        return RunResult("Gone")
    cache.on_step_run_event("ADDED", body)
    return await _read_result(client, body)


async def _read_result(client: Client, body: Body) -> RunResult:
    status = body.get("status") or {}
    created = datetime.fromisoformat(body["metadata"]["creationTimestamp"])
    phase = status.get("phase")
    if phase not in _ENDS or "finishedAt" not in status:
        return RunResult("Active", created_at=created)
    reason, message = status.get("reason", ""), status.get("message", "")
    retryable = reason in list(Reason) and REASONS[Reason(reason)].retryable
    finished = datetime.fromisoformat(status["finishedAt"])
    try:
        output, size = await _read_output(client, body) if phase == "Succeeded" else (NO_OUTPUT, 0)
    except NotFound as error:
        return RunResult("Failed", Reason.OUTPUT_LOST, str(error), created, finished)
    return RunResult(phase, reason, message, created, finished, retryable, output, size)


async def _read_output(client: Client, body: Body) -> tuple[Any, int]:
    """Read the output of a ScriptRun; returns it and its bytes as JSON."""
    status = body["status"]
    if "output" in status:
        return status["output"], len(dump_json(status["output"]).encode())
    text = await read_output_text(client, body)
    return (NO_OUTPUT, 0) if text is None else (parse_document(text), len(text.encode()))


async def _read_kept(client: Client, namespace: str, reference: Body) -> Any:
    """Read an output that this process has put into a ConfigMap.

    Raises:
        NotFound: it is gone, or is not what was put there.
    """
    config_map = await client.get(CONFIGMAPS, namespace, reference["configMap"])
    text = str((config_map.get("data") or {}).get(reference["key"], ""))
    if hash_text(text) != reference["sha256"]:
        raise NotFound(f"ConfigMap {reference['configMap']} does not hold the output of this step any more")
    return parse_document(text)


async def observe_states(client: Client, run: Body) -> dict[str, StepState]:
    """Read the states of a run's steps from its status, large outputs from their ConfigMaps."""
    states: dict[str, StepState] = {}
    for entry in run.get("status", {}).get("steps") or ():
        output: Any = NO_OUTPUT
        if reference := entry.get("outputRef"):
            output = await _read_kept(client, run["metadata"]["namespace"], reference)
        states[entry["name"]] = parse_step(entry, output)
    return states
