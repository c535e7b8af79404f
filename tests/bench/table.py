"""Shows figures: on the terminal, and in docs/benchmarks.md."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Report
from helm import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- figures: written by `python tests/bench --docs` -->", "<!-- end of figures -->"


def show_reports(reports: Sequence[Report], console: Console) -> None:
    """Print the table."""
    table = Table(title="Benchmarks", title_justify="left")
    table.add_column("figure", no_wrap=True)
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("at most", justify="right", no_wrap=True)
    table.add_column("what it is")
    for report in reports:
        for figure in report.figures:
            table.add_row(
                f"{report.name}.{figure.key}",
                _format_value(figure),
                _format_limit(figure),
                figure.text,
                end_section=False,
            )
        table.add_section()
    console.print(table)


def _format_value(figure: Figure) -> str:
    text = format_number(figure.value, figure.unit)
    if figure.limit is None:
        return text
    return f"[green]{text}[/]" if figure.met else f"[bold red]{text} ✗[/]"


def _format_limit(figure: Figure) -> str:
    return "" if figure.limit is None else format_number(figure.limit, figure.unit)


def format_number(value: float, unit: str) -> str:
    """Write a number with three digits that count, and its unit."""
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}".rstrip()


def write_page(document: dict[str, Any]) -> None:
    """Fill the table of docs/benchmarks.md from the document."""
    text = PAGE.read_text()
    before, found, rest = text.partition(_BEGIN)
    _old, closed, after = rest.partition(_END)
    if not found or not closed:
        raise SystemExit(f"error: {PAGE} has lost its marks {_BEGIN!r} and {_END!r}: put them back")
    PAGE.write_text("\n".join([before + _BEGIN, *_render_page(document), _END + after]))


def _render_page(document: dict[str, Any]) -> Iterator[str]:
    yield "| Figure | Measured | At most | What it is |"
    yield "|---|---:|---:|---|"
    for report in document.values():
        for figure in report["figures"]:
            key = figure["key"].partition(".")[2]
            limit = report["targets"].get(key)
            shown = "" if limit is None else format_number(limit, figure["unit"])
            value = format_number(report[key], figure["unit"])
            yield f"| `{figure['key']}` | {value} | {shown} | {figure['text']} |"
    yield ""
    machines = {_describe_machine(report["machine"]) for report in document.values()}
    days = {report["measuredAt"][:10] for report in document.values()}
    yield f"Measured on {', '.join(sorted(days))}: {'; '.join(sorted(machines))}."


def _describe_machine(machine: dict[str, Any]) -> str:
    return f"{machine['cores']} cores ({machine['cpu']}), {machine['memoryGiB']:.0f} GiB, Python {machine['python']}"
