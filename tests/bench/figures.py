"""What a benchmark found: figures beside their targets, and the document they are kept in."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from helm import ROOT

DOCUMENT = ROOT / "build" / "bench.json"


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        key: Its name in the document, without the benchmark's.
        value: As measured.
        text: What it is, for the table.
        unit: Of the value; empty for a ratio.
        limit: The most it may be; None for a figure that is only told.
    """

    key: str
    value: float
    text: str
    unit: str = ""
    limit: float | None = None

    @property
    def met(self) -> bool:
        """Whether it is within its limit."""
        return self.limit is None or self.value <= self.limit


@dataclass(frozen=True)
class Report:
    """What one benchmark found.

    Attributes:
        name: Of the benchmark.
        figures: Those with a name of their own.
        raw: Everything they were computed from.
    """

    name: str
    figures: Sequence[Figure]
    raw: Mapping[str, Any] = field(default_factory=dict)


def write_reports(reports: Sequence[Report], quick: bool, path: Path = DOCUMENT) -> None:
    """Put reports into the document; benchmarks that did not run keep the figures of their last time."""
    document = read_document(path)
    for report in reports:
        document[report.name] = {
            **{figure.key: round(figure.value, 4) for figure in report.figures},
            "met": all(figure.met for figure in report.figures),
            "targets": {figure.key: figure.limit for figure in report.figures if figure.limit is not None},
            "figures": [
                {"key": f"{report.name}.{figure.key}", "text": figure.text, "unit": figure.unit}
                for figure in report.figures
            ],
            "quick": quick,
            "measuredAt": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": observe_machine(),
            "raw": report.raw,
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def read_document(path: Path = DOCUMENT) -> dict[str, Any]:
    """Read the document; empty when there is none."""
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return document if isinstance(document, dict) else {}


def read_quotable(path: Path = DOCUMENT) -> dict[str, Any]:
    """Read what is in the document but for what was measured with few runs only."""
    return {name: report for name, report in read_document(path).items() if not report["quick"]}


def observe_machine() -> dict[str, Any]:
    """Say what machine this is, and how busy it was."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _read_lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    memory = next((int(line.split()[1]) for line in _read_lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cores": os.cpu_count(),
        "cpu": cpu or platform.machine(),
        "memoryGiB": round(memory / 2**20, 1),
        "python": platform.python_version(),
        "loadAverage": os.getloadavg()[0],
    }


def _read_lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
