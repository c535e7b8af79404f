"""The few figures that README.md shows."""

from collections.abc import Iterator
from typing import Any

from bench.table import format_number
from helm import ROOT

PAGE = ROOT / "README.md"
_BEGIN, _END = "<!-- generated: benchmarks -->", "<!-- end -->"


def write_readme(document: dict[str, Any]) -> None:
    """Fill README.md's table from the document."""
    before, found, rest = PAGE.read_text().partition(_BEGIN)
    _old, closed, after = rest.partition(_END)
    if not found or not closed:
        raise SystemExit(f"error: {PAGE} has lost its marks {_BEGIN!r} and {_END!r}: put them back")
    PAGE.write_text("\n".join([before + _BEGIN, *render_headlines(document), _END + after]))


def render_headlines(document: dict[str, Any]) -> Iterator[str]:
    """Render the table; empty when nothing of it was measured."""
    renders = (_render_latency, _render_burst, _render_writes, _render_fairness, _render_hostile)
    rows = [row for render in renders for row in render(document)]
    if rows:
        yield from ("", "| | scriptrun | a plain Job |", "|---|---:|---:|", *rows, "")


def _render_latency(document: dict[str, Any]) -> Iterator[str]:
    if report := document.get("latency"):
        yield _row(
            "From created to: output in the status; Job `Complete`, without any output (median)",
            format_number(report["run_p50_seconds"], "s"),
            format_number(report["raw_job_p50_seconds"], "s"),
        )


def _render_burst(document: dict[str, Any]) -> Iterator[str]:
    if report := document.get("burst"):
        yield _row(
            f"{report['raw']['count']} at once, until the last one is there",
            format_number(report["runs_seconds"], "s"),
            format_number(report["raw_jobs_seconds"], "s"),
        )


def _render_writes(document: dict[str, Any]) -> Iterator[str]:
    if report := document.get("writes"):
        yield _row(
            "Writes to the API server by the operator, for a run", format_number(report["operator_per_run"], ""), ""
        )


def _render_fairness(document: dict[str, Any]) -> Iterator[str]:
    if report := document.get("fairness"):
        yield _row(
            f"Delay of a run while another namespace creates {report['runs']:,.0f} at once (the longest)",
            format_number(report["delay_seconds"], "s"),
            "",
        )


def _render_hostile(document: dict[str, Any]) -> Iterator[str]:
    if report := document.get("hostile"):
        yield _row(
            f"A tiny run each second beside {report['inputs']:,.0f} hostile inputs, to its output (99 of 100)",
            format_number(report["canary_p99_seconds"], "s"),
            "",
        )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
