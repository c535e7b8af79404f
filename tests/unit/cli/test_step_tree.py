"""The tree of steps that a terminal shows while a WorkflowRun goes on."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from scriptrun.cli.output.steps import StepLine, format_duration, list_steps, select_visible
from scriptrun.cli.output.workflow_progress import build_tree

NOW = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
NAMES = ["fetch", "check", "load", "tidy"]


def make_entry(name: str, phase: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "phase": phase, "startedAt": (NOW - timedelta(seconds=5)).isoformat(), **fields}


def draw(status: dict[str, Any], room: int = 20, names: list[str] = NAMES, width: int = 60) -> list[str]:
    console = Console(file=StringIO(), width=width, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(build_tree("order-7", status, names, room, NOW))
    return capture.get().splitlines()


def test_steps_that_ended_run_and_are_to_come() -> None:
    ended = make_entry("fetch", "Succeeded", reason="Completed", finishedAt=(NOW - timedelta(seconds=3)).isoformat())
    steps = [ended, make_entry("check", "Skipped", reason="ConditionFalse"), make_entry("load", "Running", attempts=2)]
    root, fetch, check, load, tidy = draw({"phase": "Running", "steps": steps})
    assert root.rstrip() == "order-7: Running"
    assert fetch.rstrip() == "├── ✓ fetch  2.0 s"
    assert check.rstrip() == "├── - check  Skipped  ConditionFalse"
    assert load.rstrip().endswith(" load  5.0 s  attempt 2")
    assert tidy.rstrip() == "└── · tidy"


def test_the_spinner_turns() -> None:
    """Although each frame is a new tree."""
    frames = set()
    for tenth in range(10):
        console = Console(file=StringIO(), width=60, get_time=lambda tenth=tenth: tenth / 10)
        console.print(build_tree("order-7", {"steps": [make_entry("fetch", "Running")]}, [], 9, NOW))
        frames.add(console.file.getvalue())  # type: ignore[attr-defined]
    assert len(frames) > 3


def test_what_a_script_wrote_commands_no_terminal() -> None:
    nasty = "\x1b[2J[red]boom[/red]\x07" + "x" * 100
    status = {"phase": "Failed", "steps": [make_entry("load", "Failed", reason="ScriptFailed", message=nasty)]}
    shown = draw(status, names=["load"], width=80)
    assert len(shown) == 2  # cut off, not wrapped
    assert "\x1b[2J" not in shown[1]
    assert "[red]boom[/red]\\x07" in shown[1]


def test_a_long_workflow_shows_what_is_around_the_current_step() -> None:
    names = [f"s{number}" for number in range(200)]
    steps = [make_entry(name, "Succeeded") for name in names[:100]] + [make_entry("s100", "Running")]
    lines = draw({"phase": "Running", "steps": steps}, room=6, names=names)
    assert len(lines) == 9
    assert "… 97 before" in lines[1]
    assert any(" s100 " in line for line in lines)
    assert "… 97 more" in lines[-1]


@pytest.mark.parametrize("current", [0, 1, 5, 9, 10])
@pytest.mark.parametrize("room", [-3, 1, 4, 10, 50])
def test_the_current_step_is_always_visible(current: int, room: int) -> None:
    steps = [StepLine(str(number), "Succeeded" if number < current else "") for number in range(10)]
    before, visible, after = select_visible(steps, room)
    assert len(visible) == min(10, max(1, room))
    assert before + len(visible) + after == 10
    assert current == 10 or steps[current] in visible


def test_steps_that_the_workflow_no_longer_has_are_shown() -> None:
    shown = list_steps({"steps": [make_entry("old", "Succeeded")]}, ["new"])
    assert [step.name for step in shown] == ["new", "old"]


@pytest.mark.parametrize(("seconds", "text"), [(0.04, "0.0 s"), (119.9, "119.9 s"), (125.2, "2m5s"), (90_000, "25h")])
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
