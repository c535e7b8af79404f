"""From a run that has ended to the outcome of its task."""

from typing import Any

from scriptrun.bridges.bridge_context import BridgeContext
from scriptrun.bridges.open_runs import OpenRun
from scriptrun.desired.names import output_name
from scriptrun.kube.outputs import find_output
from scriptrun.models.reasons import Reason
from scriptrun.orchestrators.adapter import Outcome, TaskFailure
from scriptrun.orchestrators.registry import find_orchestrator
from scriptrun.policies.documents import parse_document
from scriptrun_runner.conclusion import TERMINAL

__all__ = ["decide_task_outcome", "gather_outcome"]

_TYPES = {list: "an array", str: "a string", int: "a number", float: "a number", bool: "true or false"}


def decide_task_outcome(status: dict[str, Any], output: Any, logs: tuple[str, ...], back_off_seconds: float) -> Outcome:
    """Decide what is reported of a run.

    Args:
        status: of the run.
        output: its whole output; None when it has none.
        logs: for the task's log.
        back_off_seconds: before another attempt.
    """
    reason = Reason(status.get("reason", Reason.OUTPUT_LOST))
    members = output if isinstance(output, dict) else {}
    failure = None
    if reason is not Reason.COMPLETED:
        failure = TaskFailure(reason, str(status.get("message") or reason))
    elif not isinstance(output, (dict, type(None))):
        text = f"the output is no JSON object but {_TYPES[type(output)]}: only an object's members become variables"
        failure = TaskFailure(Reason.INVALID_OUTPUT, text)
    going_on = status.get("resultStatus") == "IN_PROGRESS"
    return Outcome(
        status="FAILED" if failure else "IN_PROGRESS" if going_on else "COMPLETED",
        output=members,
        failure=failure,
        terminal=reason is Reason.SCRIPT_FAILED and status.get("resultStatus") == TERMINAL,
        logs=logs,
        back_off_seconds=back_off_seconds,
    )


async def gather_outcome(context: BridgeContext, open_run: OpenRun) -> Outcome:
    """Gather output and log of a run that has ended, and decide.

    Raises:
        KubeError: the API server did not say.
    """
    status = open_run.status
    reference = status.get("outputRef")
    output = status.get("output")
    logs: tuple[str, ...] = ()
    attempts: list[dict[str, Any]] = status.get("attempts") or []
    orchestrator = find_orchestrator(context.spec)
    wants_logs = orchestrator is not None and orchestrator.wants_logs
    if ("output" not in status and reference) or (wants_logs and attempts):
        name = reference["configMap"] if reference else output_name(attempts[-1]["pod"])
        found = await find_output(context.client, open_run.key[0], name)
        logs = tuple(found.log.splitlines()) if found and wants_logs else ()
        text = found.read(reference) if found and reference else None
        if text is not None:
            output = _parse(text.encode())
        elif "output" not in status and reference:
            lost = {
                "reason": Reason.OUTPUT_LOST,
                "message": f"the output (ConfigMap {name}) is gone or was changed",
            }
            return decide_task_outcome(lost, None, logs, context.spec.retry_back_off_seconds)
    return decide_task_outcome(status, output, logs, context.spec.retry_back_off_seconds)


def _parse(raw: bytes) -> Any:
    try:
        return parse_document(raw)
    except ValueError:
        return None  # of a run that failed; nobody has checked what its script wrote
