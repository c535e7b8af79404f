"""What the suite found: build/faults.json, the table on the terminal, and the one in docs/guarantees.md."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from helm import ROOT
from peers.faults.suite import Result

DOCUMENT = ROOT / "build" / "faults.json"
PAGE = ROOT / "docs" / "guarantees.md"
COUNTS = ("tasks", "kills", "lost", "twice", "orphans", "leftovers")
_BEGIN, _END = "<!-- faults: written by `python tests/peers/faults --docs` -->", "<!-- end of faults -->"


def build_entry(result: Result) -> dict[str, Any]:
    """Build one orchestrator's entry of the document."""
    findings = vars(result.findings)
    return {
        "tasks": result.tasks,
        "kills": sum(result.kills.values()),
        **{name: len(texts) for name, texts in findings.items()},
        "seed": result.seed,
        "seconds": round(result.seconds, 1),
        "stormSeconds": round(result.storm_seconds, 1),
        "runs": result.runs,
        "killed": result.kills,
        "faults": result.faults,
        "findings": {name: texts for name, texts in findings.items() if texts},
        "measuredAt": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write_result(name: str, result: Result, path: Path = DOCUMENT) -> None:
    """Put a result into the document; the other orchestrator keeps that of its last time."""
    document = {**read_document(path), name: build_entry(result)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def read_document(path: Path = DOCUMENT) -> dict[str, Any]:
    """Read the document; empty when there is none."""
    try:
        document = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def show_results(document: dict[str, Any], console: Console) -> None:
    """Print the table."""
    table = Table("", *COUNTS, "seed", "seconds", title="Faults", title_justify="left", box=box.SIMPLE)
    for name, entry in document.items():
        counts = [_color(column, entry[column]) for column in COUNTS]
        table.add_row(name, *counts, str(entry["seed"]), f"{entry['seconds']:.0f}")
    console.print(table)


def _color(column: str, value: int) -> str:
    return f"[bold red]{value}[/]" if column not in ("tasks", "kills") and value else str(value)


def write_page(document: dict[str, Any]) -> None:
    """Fill the table of docs/guarantees.md from the document."""
    before, found, rest = PAGE.read_text().partition(_BEGIN)
    _old, closed, after = rest.partition(_END)
    if not found or not closed:
        raise SystemExit(f"error: {PAGE} has lost its marks {_BEGIN!r} and {_END!r}: put them back")
    PAGE.write_text("\n".join([before + _BEGIN, *render_table(document), _END + after]))


def render_table(document: dict[str, Any]) -> Iterator[str]:
    """Render the table, and below it what happened how often."""
    yield from ("", f"| | {' | '.join(COUNTS)} |", f"|---|{'---:|' * len(COUNTS)}")
    for name, entry in document.items():
        yield f"| {name.capitalize()} | {' | '.join(str(entry[column]) for column in COUNTS)} |"
    yield ""
    for name, entry in document.items():
        killed, faults = (_render_counts(entry[key]) for key in ("killed", "faults"))
        yield f"{name.capitalize()}, in {entry['stormSeconds']:.0f} s: killed: {killed}; on the line: {faults}."
    yield ""


def _render_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
