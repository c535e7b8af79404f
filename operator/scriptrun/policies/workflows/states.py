"""What decisions about a WorkflowRun are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from scriptrun.models.workflow import Step, WorkflowSpec
from scriptrun.models.workflowrun import StepPhase
from scriptrun.policies.expressions.faults import Fault

__all__ = ["NO_OUTPUT", "OutcomeReason", "Results", "RunResult", "Snapshot", "StepReason", "StepState"]


class _NoOutput:
    """Stands for an output that is not there; null is one."""

    def __repr__(self) -> str:
        return "NO_OUTPUT"


NO_OUTPUT = _NoOutput()

StepReason = Literal[
    "Canceled",
    "ConditionFalse",
    "ExpressionFailed",
    "NotReached",
    "OutputTooLarge",
    "Resumed",
    "RunDeleted",
    "RunTimeout",
    "Timeout",
]
"""Reasons of steps, beside those of ScriptRuns."""

OutcomeReason = Literal["Completed", "StepFailed", "Timeout", "Canceled", "ExpressionFailed"]


@dataclass(frozen=True, slots=True)
class StepState:
    """Where a step stands that has begun, or never will.

    Attributes:
        name: of the step.
        phase: Running, Succeeded, Failed, Skipped or Canceled.
        reason: why, in one word.
        message: why, for people.
        attempts: how many ScriptRuns it was given.
        started_at: when it began.
        finished_at: when it was over.
        output: any JSON value, or ``NO_OUTPUT``.
        output_bytes: its size as JSON.
    """

    name: str
    phase: StepPhase
    reason: str = ""
    message: str = ""
    attempts: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    output: Any = NO_OUTPUT
    output_bytes: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing about it changes any more."""
        return self.phase != "Running"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What is known of the ScriptRun of one attempt.

    Attributes:
        state: Active, how it ended, or Gone: it was there, and somebody deleted it.
        reason: of its end.
        message: of its end.
        created_at: when it was created.
        finished_at: when it ended.
        retryable: whether another attempt can help.
        output: any JSON value, or ``NO_OUTPUT``.
        output_bytes: its size as JSON.
    """

    state: Literal["Active", "Succeeded", "Failed", "Canceled", "Gone"]
    reason: str = ""
    message: str = ""
    created_at: datetime | None = None
    finished_at: datetime | None = None
    retryable: bool = False
    output: Any = NO_OUTPUT
    output_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run's own copy of its Workflow, and what it was given. Never changes.

    Attributes:
        namespace: of the run.
        name: of the run.
        uid: of the run.
        workflow: name of its Workflow.
        spec: of the Workflow when the run started.
        input: what expressions read as ``input``.
        started_at: when the run started.
        trigger: what made it, as in its spec.
        earlier: states of steps that are taken from an earlier run.
    """

    namespace: str
    name: str
    uid: str
    workflow: str
    spec: WorkflowSpec
    input: Mapping[str, Any]
    started_at: datetime
    trigger: Mapping[str, Any] = field(default_factory=dict)
    earlier: Mapping[str, StepState] = field(default_factory=dict)

    @property
    def deadline(self) -> datetime:
        """When its steps must have ended."""
        return self.started_at + timedelta(seconds=self.spec.active_deadline_seconds)

    @property
    def steps(self) -> list[Step]:
        """All steps, ``finally`` included."""
        return [*self.spec.steps, *self.spec.finally_]


@dataclass(frozen=True, slots=True)
class Results:
    """What is seen of the world.

    Attributes:
        runs: ScriptRuns, by step and number of the attempt.
        rendered: documents with their expressions evaluated, or why that failed, by step ("" for the run) and field.
        cancel: whether the run is to end.
    """

    runs: Mapping[tuple[str, int], RunResult] = field(default_factory=dict)
    rendered: Mapping[tuple[str, str], Any | Fault] = field(default_factory=dict)
    cancel: bool = False
