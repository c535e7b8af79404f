"""The steps of a WorkflowRun in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scriptrun.cli.output.run_detail import format_age
from scriptrun.policies.attempts import parse_instant

__all__ = ["StepLine", "format_duration", "list_steps", "select_visible"]

_LONG_SECONDS = 120


@dataclass(frozen=True, slots=True)
class StepLine:
    """Where a step stands.

    Attributes:
        name: of the step.
        phase: as in the status; "" before the step has started.
        details: attempt, reason and the first line of the message; "" where there is nothing to say.
        started_at: when it started.
        finished_at: when it ended.
    """

    name: str
    phase: str = ""
    details: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None

    def measure_seconds(self, now: datetime | None = None) -> float | None:
        """Measure how long it took, or has taken until now; None: it has no times, or has not ended."""
        end = self.finished_at or now
        return max(0.0, (end - self.started_at).total_seconds()) if self.started_at and end else None

    def describe(self) -> str:
        """Say in one line where it stands."""
        took = self.measure_seconds()
        text = self.phase or "Pending"
        if took is not None and self.phase != "Skipped":
            text += f" in {format_duration(took)}"
        return ": ".join(filter(None, (text, self.details)))


def format_duration(seconds: float) -> str:
    """Write how long a step took: tenths of seconds while they are telling."""
    return f"{seconds:.1f} s" if seconds < _LONG_SECONDS else format_age(seconds)


def list_steps(status: Mapping[str, Any], names: Sequence[str] = ()) -> list[StepLine]:
    """List the steps of a run.

    Args:
        status: of the WorkflowRun.
        names: of all its steps, in order; those of which the status says nothing have not started.
    """
    known = {entry["name"]: _parse(entry) for entry in status.get("steps") or ()}
    planned = [known.get(name) or StepLine(name) for name in names]
    return planned + [step for name, step in known.items() if name not in names]


def _parse(entry: Mapping[str, Any]) -> StepLine:
    phase = str(entry["phase"])
    said = [str(entry[key]) for key in ("reason", "message") if entry.get(key)]
    if said and said[0] in ("Completed", phase):
        said = said[1:]
    if (attempts := entry.get("attempts") or 0) > 1:
        said = [f"attempt {attempts}", *said]
    details = ": ".join(said).split("\n", 1)[0]
    return StepLine(
        entry["name"], phase, details, parse_instant(entry.get("startedAt")), parse_instant(entry.get("finishedAt"))
    )


def select_visible(steps: Sequence[StepLine], room: int) -> tuple[int, Sequence[StepLine], int]:
    """Select the steps to show where there is no room for all: those around the first that has not ended.

    Args:
        steps: all.
        room: how many fit; at least 1 is shown.

    Returns:
        How many are left out before, those to show, and how many are left out after them.
    """
    room = max(1, room)
    current = next((index for index, step in enumerate(steps) if step.phase in ("", "Running")), len(steps))
    start = min(max(0, current - room // 2), max(0, len(steps) - room))
    visible = steps[start : start + room]
    return start, visible, len(steps) - start - len(visible)
