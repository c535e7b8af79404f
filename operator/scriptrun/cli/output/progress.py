"""Where a run stands while somebody waits for it: one moving line on a terminal, else a line for each change."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from scriptrun.cli.output.printing import note
from scriptrun.policies.text import escape_controls

__all__ = ["Progress", "describe_progress", "show_progress"]


class Progress(Protocol):
    """Is told where the run stands."""

    def update(self, text: str) -> None:
        """Show it, if it is news."""


def describe_progress(status: dict[str, Any]) -> str:
    """Say in one line where an unfinished run stands. Pure.

    Args:
        status: its ``status``; empty before the operator has said anything.
    """
    text = str(status.get("phase") or "Pending")
    if (count := status.get("attemptCount") or 0) > 1:
        text += f", attempt {count}"
    details = [str(status[key]) for key in ("reason", "message") if status.get(key)]
    first_line = ": ".join([text, *details]).split("\n", 1)[0]
    return first_line


class _Lines:
    def __init__(self, name: str) -> None:
        self._name = name
        self._last = "Pending"  # goes without saying

    def update(self, text: str) -> None:
        if text != self._last:
            note(f"{self._name}: {text}")
        self._last = text


@contextmanager
def show_progress(name: str, *, quiet_terminal: bool) -> Iterator[Progress]:
    """Show the progress of a run on stderr while in the context.

    Args:
        name: of the run.
        quiet_terminal: whether nothing else is written to the terminal meanwhile, so that one line of it may move.
    """
    if not (quiet_terminal and sys.stderr.isatty()):
        yield _Lines(name)
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{name}: Pending", total=None)

        class _Spinner:
            def update(self, text: str) -> None:
                bar.update(task, description=escape_controls(f"{name}: {text}"))

        yield _Spinner()
