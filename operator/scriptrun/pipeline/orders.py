"""What is kept of a script that a server of the script pipeline had run: its order. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

__all__ = ["NewOrder", "Order", "OrderOutcome", "Origin", "Stage", "Target", "UsageRow", "find_targets"]

Origin = Literal["scheduler", "starter"]
"""Who asked: a server, of the scheduler; or another scheduler, of the starter. Only the first are shown and counted."""

Target = Literal["user", "org", "base"]
"""By what usage is counted."""

_GROUP = "@seafile_group"  # in the names of owners that are groups
_NO_ORGANISATION = -1


class Stage(StrEnum):
    """How far an order is. What callers see of it as ``state`` is less: pending, running or finished."""

    NEW = "new"
    """It has a row; its caller has no answer yet."""
    PENDING = "pending"
    """Its run and its secrets are there; its script is not."""
    SUPPLIED = "supplied"
    """So is its script."""
    RUNNING = "running"
    HANDED_OVER = "handed-over"
    """Another starter runs it, and will report."""
    REPORTING = "reporting"
    """It ended, and the scheduler that asked does not know yet."""
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order that has no row yet.

    Attributes:
        key: random; makes the name of its run its own even after the database was lost.
        dtable_uuid: the base, as the caller wrote it.
        org_id: the owner's organisation; None or -1 for none.
        context_data: what the script reads; None for nothing.
        script_url: where the script is; "" when the server is to be asked.
        report_id: of origin starter: the id to report with, as JSON.
    """

    key: str
    origin: Origin
    created_at: datetime
    dtable_uuid: str = ""
    script_name: str = ""
    owner: str = ""
    org_id: int | None = None
    operate_from: str = ""
    context_data: dict[str, Any] | None = None
    script_url: str = ""
    report_id: str = ""


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """How an order ended.

    Attributes:
        return_code: of the script; None when there is none, -1 for too long a time.
        spend_seconds: how long it ran; None when it never came to that, and then it does not count.
    """

    success: bool
    return_code: int | None
    output: str | None
    spend_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An order with its row."""

    id: int
    request: NewOrder
    stage: Stage = Stage.NEW
    started_at: datetime | None = None
    finished_at: datetime | None = None
    outcome: OrderOutcome | None = None

    @property
    def open(self) -> bool:
        """Whether there is still something to do."""
        return self.stage is not Stage.FINISHED

    @property
    def ended(self) -> bool:
        """Whether its script ended."""
        return self.stage in (Stage.REPORTING, Stage.FINISHED)


@dataclass(frozen=True, slots=True)
class UsageRow:
    """How much one user, organisation or base ran in a month."""

    subject: str
    runs: int
    seconds: float


def find_targets(owner: str, org_id: int | None, dtable_uuid: str = "") -> list[tuple[Target, str]]:
    """Find by what an order counts; where a monthly limit holds, it holds for the first.

    Args:
        owner: name of a user, or of a group, which does not count.
        org_id: None or -1 for none.
        dtable_uuid: "" leaves the base out.
    """
    targets: list[tuple[Target, str]] = []
    if org_id is not None and org_id != _NO_ORGANISATION:
        targets.append(("org", str(org_id)))
    if _GROUP not in owner:
        targets.append(("user", owner))
    if dtable_uuid:
        targets.append(("base", dtable_uuid))
    return targets
