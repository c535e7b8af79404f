"""What checks and decisions return. What is in their messages may come from anywhere: it is made safe here, once."""

from dataclasses import dataclass

from scriptrun.models.reasons import Reason
from scriptrun.policies.text import escape_controls

__all__ = ["Verdict", "Wait"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a run or attempt: why, and what to tell people."""

    reason: Reason
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", escape_controls(self.message))


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: what is waited for, and after how many seconds to look again at the latest."""

    reason: str
    message: str
    again_seconds: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", escape_controls(self.message))
