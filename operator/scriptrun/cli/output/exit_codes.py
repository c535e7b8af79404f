"""Exit codes: the script's own where it has one, else those of `timeout`, `docker run` and the shell. Pure."""

from typing import Any

from scriptrun.models.reasons import REASONS, Reason

__all__ = [
    "INTERRUPTED",
    "NOT_RUN",
    "OUT_OF_MEMORY",
    "TIMED_OUT",
    "decide_exit_code",
    "decide_workflow_exit_code",
    "describe_exit_code",
    "find_failed_step",
]

TIMED_OUT = 124  # as timeout(1)
NOT_RUN = 125  # as docker run, env and timeout: the script was not what failed
INTERRUPTED = 130  # as the shell after Ctrl-C
OUT_OF_MEMORY = 137  # as a container that was killed for it

_FIXED = {Reason.TIMEOUT: TIMED_OUT, Reason.CANCELED: INTERRUPTED, Reason.OUT_OF_MEMORY: OUT_OF_MEMORY}


def _choose(reason: Reason) -> int | None:
    """Choose the code of a reason; None: the script's own."""
    if reason is Reason.COMPLETED:
        return 0
    if reason in _FIXED:
        return _FIXED[reason]
    return None if REASONS[reason].blame == "script" else NOT_RUN


def decide_exit_code(status: dict[str, Any]) -> int:
    """Decide the exit code for a run that is over.

    Args:
        status: its ``status``.
    """
    if status.get("reason") not in set(Reason):
        return NOT_RUN  # an operator newer than this command has more reasons
    code = _choose(Reason(status["reason"]))
    return int(status.get("exitCode") or 1) if code is None else code


def find_failed_step(status: dict[str, Any]) -> dict[str, Any] | None:
    """Find the step that failed a WorkflowRun; None: no step did.

    Args:
        status: of the WorkflowRun.
    """
    if status.get("reason") != "StepFailed":
        return None
    failed = [step for step in status.get("steps") or () if step["phase"] in ("Failed", "Canceled")]
    # Steps with `onFailure: Continue` may have failed before it: the message names the one.
    named = [step for step in failed if str(status.get("message", "")).startswith(f"step {step['name']} failed")]
    return next(iter([*named, *failed]), None)


def decide_workflow_exit_code(status: dict[str, Any], script_status: dict[str, Any] | None = None) -> int:
    """Decide the exit code for a WorkflowRun that is over.

    Args:
        status: its ``status``.
        script_status: ``status`` of the ScriptRun of the step that failed; None: there is none, or it is gone.
    """
    step = find_failed_step(status)
    reason = str((step or status).get("reason"))
    if reason not in set(Reason):
        return NOT_RUN  # the Workflow, its input or an expression was not accepted
    code = _choose(Reason(reason))
    return int((script_status or {}).get("exitCode") or 1) if code is None else code


def describe_exit_code(reason: Reason) -> str:
    """Say which exit code a reason leads to, for the docs."""
    code = _choose(reason)
    return "the script's, or 1 where that is 0" if code is None else str(code)
