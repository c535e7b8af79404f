"""Where a WorkflowRun stands while somebody waits: a live tree of its steps on a terminal, else a line per change."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from scriptrun.cli.output.printing import note
from scriptrun.cli.output.progress import describe_progress
from scriptrun.cli.output.steps import StepLine, format_duration, list_steps, select_visible
from scriptrun.policies.text import escape_controls

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["WorkflowProgress", "build_tree", "show_workflow_progress"]

_MARKS = {"Succeeded": ("✓", "green"), "Failed": ("✗", "red"), "Canceled": ("✗", "yellow"), "Skipped": ("-", "dim")}
_NOT_STARTED = ("·", "dim")
_OTHER_LINES = 5
"""Of the tree: the run itself, what is left out, and room for a prompt."""
_REFRESHES_PER_SECOND = 8


class WorkflowProgress(Protocol):
    """Is told where the run stands."""

    def update(self, status: Mapping[str, Any]) -> None:
        """Show a status, as far as it is news."""


class _Lines:
    def __init__(self, name: str) -> None:
        self._name = name
        self._last = "Pending"  # goes without saying
        self._steps: dict[str, str] = {}

    def update(self, status: Mapping[str, Any]) -> None:
        if not status.get("finishedAt"):  # what became of the run is said when it is over
            text = describe_progress(dict(status))
            if text != self._last:
                note(f"{self._name}: {text}")
            self._last = text
        for step in list_steps(status):
            text = step.describe()
            if text != self._steps.get(step.name):
                note(f"{self._name}: {step.name}: {text}")
            self._steps[step.name] = text


@contextmanager
def show_workflow_progress(name: str, steps: Sequence[str], *, quiet_terminal: bool) -> Iterator[WorkflowProgress]:
    """Show the progress of a WorkflowRun on stderr while in the context; the last tree stays.

    Args:
        name: of the run.
        steps: names of all its steps, in order, as far as they are known.
        quiet_terminal: whether nothing else is written to the terminal meanwhile, so that a part of it may move.
    """
    if not (quiet_terminal and sys.stderr.isatty()):
        yield _Lines(name)
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    seen: dict[str, Any] = {}

    def draw() -> "RenderableType":
        return build_tree(name, seen, steps, console.height - _OTHER_LINES, datetime.now(UTC))

    with Live(get_renderable=draw, console=console, refresh_per_second=_REFRESHES_PER_SECOND) as live:

        class _Tree:
            def update(self, status: Mapping[str, Any]) -> None:
                nonlocal seen
                seen = dict(status)
                live.refresh()

        yield _Tree()


def build_tree(
    name: str, status: Mapping[str, Any], steps: Sequence[str], room: int, now: datetime
) -> "RenderableType":
    """Build the tree of a run: itself, and below it its steps.

    Args:
        name: of the run.
        status: of the run.
        steps: names of all its steps, in order.
        room: lines that there are for steps.
        now: aware UTC.
    """
    from rich.text import Text
    from rich.tree import Tree

    phase = str(status.get("phase") or "Pending")
    waits = describe_progress(dict(status)) if not status.get("finishedAt") else phase
    tree = Tree(Text(escape_controls(f"{name}: {waits}"), overflow="ellipsis", no_wrap=True), guide_style="dim")
    before, visible, after = select_visible(list_steps(status, steps), room)
    if before:
        tree.add(Text(f"… {before} before", "dim"))
    for step in visible:
        tree.add(_draw_step(step, now))
    if after:
        tree.add(Text(f"… {after} more", "dim"))
    return tree


def _draw_step(step: StepLine, now: datetime) -> "RenderableType":
    from rich.spinner import Spinner
    from rich.text import Text

    took = step.measure_seconds(now) if step.phase != "Skipped" else None
    words = [step.name, step.phase if step.phase not in ("", "Running", "Succeeded") else ""]
    words += [format_duration(took) if took is not None else "", step.details]
    text = escape_controls("  ".join(filter(None, words)))
    if step.phase == "Running":
        spinner = Spinner("dots", Text(text, overflow="ellipsis", no_wrap=True), style="yellow")
        spinner.start_time = 0.0  # the tree is built anew for each frame: this one shall not begin with the first
        return spinner
    mark, style = _MARKS.get(step.phase, _NOT_STARTED)
    line = Text.assemble((mark, style), " ", text)
    line.overflow, line.no_wrap = "ellipsis", True
    return line
