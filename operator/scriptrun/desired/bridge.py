"""What a bridge writes to its Bridge: the finalizer that keeps it as long as its runs are open, and the status."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scriptrun.desired.names import REPORT_FINALIZER
from scriptrun.desired.status import build_condition, format_instant
from scriptrun.models.base import API_VERSION
from scriptrun.models.facts import BridgeFacts

__all__ = ["Standing", "Work", "build_bridge_status", "build_hold"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the orchestrator answers: what the condition ``Connected`` says.

    Attributes:
        connected: None when it is not known yet.
        reason: one word.
        message: why not.
    """

    connected: bool | None
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """What a Bridge has done and is doing; tasks are counted since it was made."""

    active_runs: int
    claimed: int
    completed: int
    failed: int
    last_poll_at: datetime | None = None


def build_hold(bridge: BridgeFacts, *, hold: bool) -> dict[str, Any]:
    """Build the merge patch that keeps a Bridge from going, or lets it go."""
    others: Sequence[str] = [name for name in bridge.finalizers if name != REPORT_FINALIZER]
    finalizers = [*others, REPORT_FINALIZER] if hold else others
    return {"metadata": {"uid": bridge.uid, "resourceVersion": str(bridge.version), "finalizers": finalizers}}


def build_bridge_status(bridge: BridgeFacts, standing: Standing, work: Work, now: datetime) -> dict[str, Any]:
    """Build the status patch of a Bridge: it fails (409) when the Bridge has changed, or is another of that name."""
    value = {True: "True", False: "False", None: "Unknown"}[standing.connected]
    connected = build_condition(bridge.status, "Connected", value, standing.reason, now, standing.message)
    namespace, name = bridge.key
    return {
        "apiVersion": API_VERSION,
        "kind": "Bridge",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": bridge.uid,
            "resourceVersion": str(bridge.version),
        },
        "status": {
            "conditions": [{**connected, "observedGeneration": bridge.generation}],
            "observedGeneration": bridge.generation,
            "activeRuns": work.active_runs,
            "claimed": work.claimed,
            "completed": work.completed,
            "failed": work.failed,
            **({"lastPollAt": format_instant(work.last_poll_at)} if work.last_poll_at else {}),
        },
    }
