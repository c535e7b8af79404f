"""Exit codes: the script's own where it has one, else those of `timeout`, `docker run` and the shell. Pure."""

from typing import Any

from scriptrun.models.reasons import REASONS, Reason

__all__ = ["INTERRUPTED", "NOT_RUN", "OUT_OF_MEMORY", "TIMED_OUT", "decide_exit_code", "describe_exit_code"]

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


def describe_exit_code(reason: Reason) -> str:
    """Say which exit code a reason leads to, for the docs."""
    code = _choose(reason)
    return "the script's, or 1 where that is 0" if code is None else str(code)
