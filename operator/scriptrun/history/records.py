"""What is kept of a run, and how it is asked for. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scriptrun.policies.wildcards import matches_wildcards

__all__ = ["Contents", "Group", "Position", "Query", "RunRecord", "Summary"]


@dataclass(frozen=True, slots=True)
class Summary:
    """A run as lists show it. Instants are aware UTC.

    Attributes:
        source: who asked for it: the orchestrator of its task, ``api``, or "" for kubectl and the like.
        script_sha256: of the source it ran; "" when it never came to that.
        attempts: how many there were.
    """

    uid: str
    namespace: str
    name: str
    script: str
    phase: str
    reason: str
    source: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_seconds: float | None = None
    exit_code: int | None = None
    attempts: int = 0
    script_sha256: str = ""

    @property
    def position(self) -> "Position":
        """Its place in the order of lists."""
        return Position(self.created_at, self.uid)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a list: runs are ordered by it, the newest first. Two runs never share one."""

    created_at: datetime
    uid: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a run has in bulk.

    Attributes:
        document: the ScriptRun at its end without its output; what is secret in it is masked, and ``masked`` in it
            names the places.
        output: JSON text, as the script wrote it; None: there is none.
        log: the end of it.
    """

    document: dict[str, Any]
    output: str | None = None
    log: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A finished run, whole."""

    summary: Summary
    contents: Contents


@dataclass(frozen=True, slots=True)
class Query:
    """Which runs of a namespace; empty fields don't narrow.

    Attributes:
        scripts: names with ``*`` and ``?``; any of them.
        since: created at or after.
        until: created before.
        after: only what comes behind this place.
    """

    namespace: str
    script: str = ""
    scripts: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: Position | None = None
    limit: int = 100

    def matches(self, summary: Summary) -> bool:
        """Whether a run is one of those, its namespace aside."""
        return (
            (not self.script or summary.script == self.script)
            and (not self.scripts or any(matches_wildcards(pattern, summary.script) for pattern in self.scripts))
            and (not self.phases or summary.phase in self.phases)
            and (not self.reasons or summary.reason in self.reasons)
            and self.source in (None, summary.source)
            and (self.since is None or summary.created_at >= self.since)
            and (self.until is None or summary.created_at < self.until)
            and (self.after is None or summary.position < self.after)
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Figures of the runs that have one thing in common.

    Attributes:
        key: a Script, a day (``2026-01-31``), or a source.
        by_reason: how many ended so.
        p50_seconds: half of them took at most so long; None when none has a duration.
        p95_seconds: 95 % of them did.
    """

    key: str
    by_reason: dict[str, int] = field(default_factory=dict)
    p50_seconds: float | None = None
    p95_seconds: float | None = None

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.by_reason.values())

    @property
    def success_rate(self) -> float:
        """Share of those that succeeded; canceled ones count as neither."""
        counted = self.count - self.by_reason.get("Canceled", 0)
        return self.by_reason.get("Completed", 0) / counted if counted else 0.0
