"""What checks and decisions return."""

from dataclasses import dataclass

from scriptrun.models.reasons import Reason

__all__ = ["Verdict", "Wait"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a run or attempt: why, and what to tell people."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: what is waited for, and after how many seconds to look again at the latest."""

    reason: str
    message: str
    again_seconds: float | None = None
