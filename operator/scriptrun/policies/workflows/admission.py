"""Whether a WorkflowRun may start while others of its Workflow are there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from scriptrun.models.workflow import WorkflowSpec

__all__ = ["Admission", "Other", "decide_admission"]


@dataclass(frozen=True, slots=True)
class Other:
    """Another run of the same Workflow.

    Attributes:
        name: of the run.
        created_at: when it was created.
        started: whether it has started.
    """

    name: str
    created_at: datetime
    started: bool


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of a run that has not started.

    Attributes:
        action: Start it, let it Wait, or Refuse it.
        message: why, for people.
        cancel: names of the runs to cancel.
    """

    action: Literal["Start", "Wait", "Refuse"]
    message: str = ""
    cancel: tuple[str, ...] = ()


def decide_admission(spec: WorkflowSpec, name: str, created_at: datetime, others: Sequence[Other]) -> Admission:
    """Decide whether a run may start.

    Args:
        spec: of its Workflow.
        name: of the run.
        created_at: when it was created.
        others: runs of the same Workflow that have not ended.
    """
    mine = (created_at, name)
    # Of those that have not started either, the older ones go first: so two replicas decide the same.
    ahead = [one for one in others if one.name != name and (one.started or (one.created_at, one.name) < mine)]
    if not ahead:
        return Admission("Start")
    names = ", ".join(sorted(one.name for one in ahead)[:3])
    if spec.concurrency_policy == "Forbid":
        return Admission("Refuse", f"{names} is active, and concurrencyPolicy is Forbid")
    if spec.concurrency_policy == "Replace":
        older = tuple(sorted(one.name for one in ahead if (one.created_at, one.name) < mine))
        return Admission("Wait", f"waits for {names} to end (concurrencyPolicy Replace)", older)
    if spec.max_concurrent_runs is not None and len(ahead) >= spec.max_concurrent_runs:
        return Admission(
            "Wait", f"{len(ahead)} runs are before it, and maxConcurrentRuns is {spec.max_concurrent_runs}"
        )
    return Admission("Start")
