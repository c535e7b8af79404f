"""What a bridge says of a run: how far the report to the orchestrator is. Applied with a field manager of its own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from scriptrun.desired.status import build_condition, format_instant
from scriptrun.models.base import API_VERSION
from scriptrun.models.facts import Key
from scriptrun.policies.text import escape_controls, shorten

__all__ = ["TaskReport", "build_report"]

_MESSAGE_LIMIT = 2048


@dataclass(frozen=True, slots=True)
class TaskReport:
    """Where a report stands.

    Attributes:
        state: as in ``status.report``.
        attempts: tries so far.
        message: what the orchestrator said, or why nothing is said to it.
        next_attempt_at: when the next try is due, of a pending one.
    """

    state: Literal["Pending", "Delivered", "Dropped"]
    attempts: int
    message: str = ""
    next_attempt_at: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", escape_controls(self.message))


def build_report(
    run: tuple[Key, str, int | None], status: dict[str, Any], report: TaskReport, now: datetime
) -> dict[str, Any]:
    """Build the status patch.

    Args:
        run: namespace and name, uid, and the version that it must have (409 otherwise; None for any).
        status: the run's, as it is.
        report: where it stands.
        now: aware UTC.
    """
    (namespace, name), uid, version = run
    done = report.state != "Pending"
    reported = build_condition(
        status, "Reported", "True" if done else "False", report.state, now, shorten(report.message, _MESSAGE_LIMIT)
    )
    return {
        "apiVersion": API_VERSION,
        "kind": "ScriptRun",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            **({} if version is None else {"resourceVersion": str(version)}),
        },
        "status": {
            "conditions": [reported],
            "report": {
                "state": report.state,
                "attempts": report.attempts,
                **({"message": shorten(report.message, _MESSAGE_LIMIT)} if report.message else {}),
                **({"nextAttemptAt": format_instant(report.next_attempt_at)} if report.next_attempt_at else {}),
            },
        },
    }
