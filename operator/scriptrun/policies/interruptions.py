"""When work on a run or Script is given up because the operator's process has died of it."""

from typing import Any

from scriptrun.models.facts import RunFacts, ScriptFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.readiness import NotReady
from scriptrun.policies.verdict import Verdict

__all__ = [
    "INTERRUPTIONS_LIMIT",
    "check_script",
    "count_interruptions",
    "decide_set_aside",
    "decide_unready",
    "has_recovered",
    "is_set_aside",
    "may_be_tried_again",
]

INTERRUPTIONS_LIMIT = 3
"""So many deaths of the process in a row, each while it worked on the same object."""

_RECOVERED_SECONDS = 60.0
"""A process that has worked for so long has done everything once that may have ended the ones before it."""


def count_interruptions(status: dict[str, Any]) -> int:
    """Count the deaths in a row that an object's status tells of."""
    count = status.get("interruptions")
    return count if type(count) is int else 0


def is_set_aside(status: dict[str, Any]) -> bool:
    """Whether an object is not worked on any more."""
    return count_interruptions(status) >= INTERRUPTIONS_LIMIT


def _explain(what: str) -> str:
    return (
        f"the operator's process died {INTERRUPTIONS_LIMIT} times in a row while it worked on this {what}, so it was "
        "set aside. The operator's log says when; please report it as a defect"
    )


def decide_set_aside(run: RunFacts) -> Verdict | None:
    """Decide whether a run is set aside."""
    return Verdict(Reason.OPERATOR_CRASHED, _explain("run")) if is_set_aside(run.status) else None


def check_script(script: ScriptFacts) -> Verdict | None:
    """Check that a run's Script is not set aside."""
    if not is_set_aside(script.status):
        return None
    text = f'Script "{script.key[1]}" is not ready: {_explain("Script")}. A change of its spec lets it be tried again'
    return Verdict(Reason.SCRIPT_NOT_ALLOWED, text)


def decide_unready(script: ScriptFacts) -> NotReady | None:
    """Decide whether a Script is set aside."""
    if not is_set_aside(script.status):
        return None
    return NotReady(Reason.OPERATOR_CRASHED, f"{_explain('Script')}. A change of its spec lets it be tried again")


def may_be_tried_again(script: ScriptFacts) -> bool:
    """Whether a Script was set aside for what its spec was before."""
    conditions = script.status.get("conditions") or ()
    ready: dict[str, Any] = next((item for item in conditions if item["type"] == "Ready"), {})
    return (
        is_set_aside(script.status)
        and ready.get("reason") == Reason.OPERATOR_CRASHED
        and ready.get("observedGeneration") != script.generation
    )


def has_recovered(interruptions: int, working_seconds: float) -> bool:
    """Whether a pass that ended well ends the row of deaths.

    Args:
        interruptions: so far.
        working_seconds: how long this process has worked.
    """
    return 0 < interruptions < INTERRUPTIONS_LIMIT and working_seconds >= _RECOVERED_SECONDS
