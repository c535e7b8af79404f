"""What is to be done about a WorkflowRun. Each command can be repeated."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scriptrun.models.workflowrun import Phase
from scriptrun.policies.expressions.render import Scope
from scriptrun.policies.workflows.states import NO_OUTPUT, OutcomeReason

__all__ = ["CancelScript", "Command", "Evaluate", "Finish", "StartScript", "WaitUntil"]


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Evaluate the expressions of a document, and ask again with the result.

    Attributes:
        key: what the result is stored under in ``Results.rendered``.
        document: any JSON value.
        place: its path in the Workflow.
        scope: what its expressions may read.
    """

    key: tuple[str, str]
    document: Any
    place: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class StartScript:
    """Create the ScriptRun of an attempt, unless it is there.

    Attributes:
        step: name of the step.
        attempt: 1, 2, …
        script: name of the Script.
        variables: for it.
    """

    step: str
    attempt: int
    script: str
    variables: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CancelScript:
    """Cancel the ScriptRun of an attempt.

    Attributes:
        step: name of the step.
        attempt: its number.
    """

    step: str
    attempt: int


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Nothing is due before a time, unless a ScriptRun ends.

    Attributes:
        time: when to look again.
    """

    time: datetime


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over.

    Attributes:
        phase: Succeeded, Failed or Canceled.
        reason: why, in one word.
        message: why, for people.
        output: any JSON value, or ``NO_OUTPUT``.
    """

    phase: Phase
    reason: OutcomeReason
    message: str = ""
    output: Any = NO_OUTPUT


Command = Evaluate | StartScript | CancelScript | WaitUntil | Finish
