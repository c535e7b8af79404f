"""What an orchestrator's adapter and its users (bridges, ``worker exec``) say to each other.

An adapter speaks one protocol and keeps no state that matters: whatever it needs to extend and report a task later,
perhaps in another process, is in the task's ``handle``, which the loop keeps in the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.reasons import Reason
from scriptrun.policies.address_policy import AddressPolicy
from scriptrun.policies.text import escape_controls

__all__ = ["Adapter", "BuildAdapter", "Handle", "Orchestrator", "Outcome", "Task", "TaskFailure"]

Handle = dict[str, Any]
"""A JSON object, at most a few hundred bytes: an adapter's own, opaque to everybody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One attempt that an orchestrator asks for.

    Attributes:
        identity: the same for every delivery of the same attempt and for no other; lower-case letters, digits and
            '-', at most 40 characters. The run's name is made of it.
        id: the task's id at the orchestrator, for people.
        type: its type there.
        workflow_id: the workflow instance it belongs to.
        domain: the domain it was polled from; empty for none.
        script: the Script it names; empty when it names none.
        headers: its static headers.
        variables: its input.
        payload: the task as the orchestrator gave it, without its input, for the ``stdio`` contract.
        handle: what the adapter needs to extend and report it.
        lease_seconds: how long this claim lasts by the orchestrator's own word; None when it lasts as long as it was
            asked for, or for ever.
        problem: why it can't be run at all (a payload that is no JSON object, say); None when it can.
    """

    identity: str
    id: str
    type: str
    workflow_id: str = ""
    domain: str = ""
    script: str = ""
    headers: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    payload: dict[str, Any] = field(default_factory=dict)
    handle: Handle = field(default_factory=dict)
    lease_seconds: float | None = None
    problem: "TaskFailure | None" = None


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """Why a task has failed.

    Attributes:
        reason: one of a run's reasons; says whose fault it is and whether trying again can help.
        message: for an analyst, who reads it in the orchestrator's own user interface.
    """

    reason: Reason
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", escape_controls(self.message))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a task ended, to be reported.

    Attributes:
        status: what the script (or the run's end) makes of it.
        output: the script's output; also with FAILED and IN_PROGRESS, where it gave one.
        failure: set with FAILED.
        terminal: the script said with its failure that trying again is of no use.
        logs: lines for the task's log at the orchestrator, where it keeps one.
        back_off_seconds: how long to wait before the next attempt, where the orchestrator lets the worker say so.
    """

    status: Literal["COMPLETED", "FAILED", "IN_PROGRESS"]
    output: dict[str, Any] = field(default_factory=dict)
    failure: TaskFailure | None = None
    terminal: bool = False
    logs: tuple[str, ...] = ()
    back_off_seconds: float = 0.0

    def reduce(self, why: str) -> "Outcome | None":
        """Reduce it to a failure that says why it is not accepted as it is; None when nothing is left to take away."""
        if self.failure is not None and not self.output and not self.logs:
            return None
        text = f"the orchestrator does not accept the outcome: {why}"
        failure = TaskFailure(Reason.OUTPUT_TOO_LARGE, text)
        if self.failure is not None:
            failure = replace(self.failure, message=f"{self.failure.message}\n({text})")
        return replace(self, status="FAILED", output={}, logs=(), failure=failure)


class Adapter(Protocol):
    """Speaks one orchestrator's protocol. Every method may raise ``TryLater`` (and so ``Refused``) of ``errors``."""

    async def claim(self, limit: int) -> list[Task]:
        """Claim at most ``limit`` tasks, waiting as long as one long poll may last; none is an empty list."""
        ...

    async def extend(self, handle: Handle) -> None:
        """Make the claim last another lease from now.

        Raises:
            Gone: it is not ours any more, so the run is to be cancelled.
        """
        ...

    async def report(self, handle: Handle, outcome: Outcome) -> str:
        """Report how a task ended; returns only when the orchestrator has confirmed it, with what it confirmed.

        Safe to repeat: after an answer was lost, the same report is made again.

        Raises:
            Gone: it is not ours any more; nothing was changed.
            Rejected: the outcome will never be accepted as it is.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class BuildAdapter(Protocol):
    """Builds the adapter of a Bridge."""

    def __call__(
        self,
        spec: BridgeSpec,
        name: str,
        secret: Mapping[str, str],
        certificates: str,
        policy: AddressPolicy | None = None,
    ) -> Adapter:
        """Build an adapter.

        Args:
            spec: of the Bridge.
            name: of the Bridge.
            secret: data of its credentials Secret, decoded; empty for none.
            certificates: PEM to trust; "" for the system's.
            policy: which addresses may be connected to; None for any.

        Raises:
            Refused: address, credentials or certificates can't be used.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Orchestrator:
    """What an orchestrator's adapter declares, so that nobody else has to tell orchestrators apart.

    Attributes:
        source: ``spec.task.source`` of its runs, and the field of a Bridge's spec that selects it.
        wants_logs: whether it keeps a log for each task: only then is a run's log read to be reported.
        build: builds the adapter of a Bridge.
    """

    source: str
    wants_logs: bool
    build: BuildAdapter
