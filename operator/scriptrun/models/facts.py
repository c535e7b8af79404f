"""What the operator knows of objects in the cluster, in the few fields that decisions read.

A full Pod is 38 KB as a dict; the record here is under 2.5 KB. All instants are aware UTC datetimes.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.reasons import Reason
from scriptrun.models.script import ScriptSpec

__all__ = [
    "INIT_FAILED",
    "INIT_RUNNING",
    "NOT_STARTED",
    "Blocker",
    "BridgeFacts",
    "Claim",
    "EventFacts",
    "JobFacts",
    "Key",
    "OutputFacts",
    "PodFacts",
    "ResultFacts",
    "RunFacts",
    "ScriptFacts",
    "Snapshot",
]

Key = tuple[str, str]
"""Namespace and name."""

INIT_FAILED = "InitContainerFailed"
INIT_RUNNING = "InitContainerRunning"
NOT_STARTED = "SidecarNotStarted"
"""Reasons of a ``Blocker`` for which the kubelet has no word of its own."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A ScriptRun. Once it is finished, ``spec`` and ``status`` are emptied; what its TTL needs stays, and ``reason``.

    ``awaited`` says that a bridge has yet to report its end: it holds the run by a finalizer. Somebody who deletes such
    a run cancels it: it goes once its end was reported. ``slim`` says that ``spec`` lacks the variables and the task:
    they are too large to be kept of thousands of runs. ``stored_bytes`` is its size in the cluster where it was read
    whole because of its size, else 0.
    """

    key: Key
    uid: str
    version: int
    created: datetime
    script: str
    slim: bool = False
    cancel: bool = False
    deleting: bool = False
    awaited: bool = False
    stored: bool = False
    ttl_seconds: int | None = None
    finished_at: datetime | None = None
    reason: Reason | None = None
    stored_bytes: int = 0
    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether the run reached its end."""
        return self.finished_at is not None

    @property
    def cancel_message(self) -> str:
        """Who canceled it, of a run that was."""
        return "deleted before it had ended" if self.deleting else "canceled by spec.cancel"


@dataclass(frozen=True, slots=True)
class Claim:
    """By what right a bridge works on a run: the orchestrator's task that was claimed. Kept with the run.

    Attributes:
        identity: of the attempt that the orchestrator asks for.
        generation: which of the runs that this attempt took, from 0.
        handle: what the orchestrator's adapter needs to extend and report it.
        delivery: how often the task was handed out, from 1. A report counts for the delivery it was made for.
        lease_seconds: how long it lasts by the orchestrator's own word; None when it lasts as long as was asked for.
    """

    identity: str
    generation: int
    handle: dict[str, Any]
    delivery: int = 1
    lease_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ScriptFacts:
    """A Script."""

    key: Key
    version: int
    generation: int
    spec: ScriptSpec
    status: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BridgeFacts:
    """A Bridge."""

    key: Key
    uid: str
    version: int
    generation: int
    spec: BridgeSpec
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    status: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What of its Script a run is held to once it has its Job, whatever becomes of the Script. Read from the Job."""

    backoff_limit: int = 0
    active_deadline_seconds: int = 0
    start_deadline_seconds: int = 300
    retry_disrupted: bool = True
    output_schema: dict[str, Any] = field(default_factory=dict)
    input_sha256: str = ""
    output_in_config_map: bool = True


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A Job, with the condition that ended it, or why the operator stopped it and after which attempts.

    ``run`` and ``owner_uid`` are the run that controls it; "" in both for a Job that is no run's.
    ``started_at`` is what its deadline counts from. ``failing`` says that it will fail once its pods have ended.
    ``stopped_attempts`` are entries as in a run's ``status.attempts``.
    """

    key: Key
    uid: str
    version: int
    run: Key
    owner_uid: str
    created: datetime
    complete: bool = False
    failed: bool = False
    failing: bool = False
    started_at: datetime | None = None
    failure_reason: str = ""
    failure_message: str = ""
    suspended: bool = False
    deleting: bool = False
    stopped_reason: str = ""
    stopped_message: str = ""
    stopped_attempts: tuple[dict[str, Any], ...] = ()
    snapshot: Snapshot = field(default_factory=Snapshot)


@dataclass(frozen=True, slots=True)
class Blocker:
    """A container that keeps the script's container from starting.

    Attributes:
        container: name of a container that others added to the pod; "" when it is the script's own.
        reason: the kubelet's (`ImagePullBackOff`, `CrashLoopBackOff`, …), or one of those above.
        message: the kubelet's, or how the container ended.
    """

    container: str
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class EventFacts:
    """An Event on a run's Job or pod. A repeated event is one object: it has two times, and the last message."""

    reason: str
    message: str
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class PodFacts:
    """A pod of a run's Job: one attempt. Times, exit code and termination are those of the script's container.

    ``failed_before`` and ``ignored_before`` are the Job controller's own count of the attempts before it (KEP-3850);
    None when it did not say. ``recorded_reason`` is what the run's status says of a pod that went while nobody looked.
    ``alone`` says that the pod ends when the script's container does; ``deleted_at`` is when its deletion was asked
    for. ``status_reason`` and ``status_message`` are the kubelet's on the whole pod (`Evicted`, `OutOfcpu`, …).
    """

    key: Key
    uid: str
    version: int
    job_uid: str
    created: datetime
    job_name: str = ""
    phase: str = "Pending"
    alone: bool = True
    deleted_at: datetime | None = None
    gone: bool = False
    scheduling_message: str = ""
    blocker: Blocker | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    termination_reason: str = ""
    termination_message: str = ""
    disruption_reason: str = ""
    disruption_message: str = ""
    status_reason: str = ""
    status_message: str = ""
    failed_before: int | None = None
    ignored_before: int | None = None
    recorded_reason: str = ""

    @property
    def name(self) -> str:
        """Name of the pod."""
        return self.key[1]

    @property
    def deleting(self) -> bool:
        """Whether somebody asked for its deletion."""
        return self.deleted_at is not None

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.gone or self.phase in ("Succeeded", "Failed")

    @property
    def script_ended(self) -> bool:
        """Whether the script's container runs no more; others in the pod may."""
        return self.ended or bool(self.termination_reason)

    @property
    def cut_short(self) -> bool:
        """Whether it was deleted, or vanished, before the script had ended."""
        if self.deleted_at is None:
            return self.gone and not self.termination_reason
        return self.finished_at is None or self.finished_at >= self.deleted_at

    @property
    def goes_on(self) -> bool:
        """Whether other containers run after the script's has ended, and nobody has asked them to stop."""
        return not self.alone and self.script_ended and not self.ended and not self.deleting

    @property
    def number(self) -> int | None:
        """Number of the attempt; None when only its place among the known ones can say."""
        if self.failed_before is None:
            return None
        return 1 + self.failed_before + (self.ignored_before or 0)


@dataclass(frozen=True, slots=True)
class OutputFacts:
    """The output document of an attempt: where it is, and itself."""

    raw: bytes
    config_map: str = ""


@dataclass(frozen=True, slots=True)
class ResultFacts:
    """What the runner said of one attempt."""

    status: str
    exit_code: int | None
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    output: OutputFacts | None = None
    output_bytes: int = 0
