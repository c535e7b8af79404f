"""One run in full, for people. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from scriptrun.cli.output.printing import dump_json
from scriptrun.models.reasons import REASONS, Reason
from scriptrun.policies.attempts import parse_instant
from scriptrun.policies.text import escape_controls

__all__ = ["align_columns", "align_facts", "describe_run", "format_age", "write_block"]

_INDENT = "  "
_UNITS = (("d", 86_400), ("h", 3600), ("m", 60))


def format_age(seconds: float) -> str:
    """Write a span of time in its largest unit, and the next one while that is telling, much as kubectl does."""
    whole = max(0, int(seconds))
    for (unit, size), (smaller, part) in zip(_UNITS, (*_UNITS[1:], ("s", 1)), strict=True):
        if whole >= 2 * size:
            rest = whole % size // part
            return f"{whole // size}{unit}" + (f"{rest}{smaller}" if rest and whole < 10 * size else "")
    return f"{whole}s"


def describe_run(run: dict[str, Any], output: str | None, now: datetime) -> str:
    """Describe a run.

    Args:
        run: the ScriptRun.
        output: its output as JSON text; None: it has none.
        now: aware UTC.
    """
    spec, status = run["spec"], run.get("status", {})
    blocks = [align_facts(_list_facts(run, now))]
    if status.get("message"):
        blocks.append(write_block("Message", str(status["message"])))
    if status.get("attempts"):
        blocks.append(write_block("Attempts", _describe_attempts(status["attempts"])))
    if spec.get("variables"):
        blocks.append(write_block("Variables", dump_json(spec["variables"])))
    if spec.get("variablesFrom"):
        sources = [item["configMap"] for item in spec["variablesFrom"]]
        lines = ["/".join(filter(None, (source["name"], source.get("key")))) for source in sources]
        blocks.append(write_block("Variables from ConfigMaps", "\n".join(lines)))
    if output is not None:
        blocks.append(write_block("Output", output))
    return escape_controls("\n\n".join(blocks))


def _list_facts(run: dict[str, Any], now: datetime) -> Iterable[tuple[str, str]]:
    metadata, spec, status = run["metadata"], run["spec"], run.get("status", {})
    yield "Name", metadata["name"]
    yield "Namespace", metadata["namespace"]
    yield "Script", spec["scriptRef"]["name"]
    yield "Phase", status.get("phase") or "Pending (no operator has looked at it yet)"
    if reason := status.get("reason"):
        yield "Reason", _explain(reason)
    if task := spec.get("task"):
        yield "Task", " ".join(str(task[key]) for key in ("source", "type", "id") if task.get(key))
    for label, instant in (
        ("Created", metadata.get("creationTimestamp")),
        ("Started", status.get("startedAt")),
        ("Finished", status.get("finishedAt")),
    ):
        if parsed := parse_instant(instant):
            yield label, f"{instant} ({format_age((now - parsed).total_seconds())} ago)"
    if "durationSeconds" in status:
        yield "Duration", f"{status['durationSeconds']:g} s"
    for label, value in (("Exit code", status.get("exitCode")), ("Job", status.get("jobName"))):
        if value is not None:
            yield label, str(value)
    if spec.get("cancel") and not status.get("finishedAt"):
        yield "Cancel", "asked for"


def _explain(reason: str) -> str:
    """Add what a run's reason means; what an unfinished one waits for explains itself."""
    if reason not in set(Reason):
        return reason
    facts = REASONS[Reason(reason)]
    hint = " Trying again can help." if facts.retryable else ""
    return f"{reason} - {facts.summary}{hint}"


def _describe_attempts(attempts: list[dict[str, Any]]) -> str:
    rows = [("#", "POD", "REASON", "EXIT", "DURATION")]
    for attempt in attempts:
        started, finished = parse_instant(attempt.get("startedAt")), parse_instant(attempt.get("finishedAt"))
        took = f"{(finished - started).total_seconds():g} s" if started and finished else ""
        exit_code = str(attempt.get("exitCode", ""))
        rows.append((str(attempt["number"]), attempt["pod"], attempt.get("reason", ""), exit_code, took))
    return align_columns(rows)


def align_columns(rows: Sequence[Sequence[str]]) -> str:
    """Write rows under each other, their cells in columns; the first row has the headings."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def align_facts(facts: Iterable[tuple[str, str]]) -> str:
    """Write facts under each other, their values in one column."""
    pairs = list(facts)
    width = max(len(label) for label, _ in pairs) + 1
    return "\n".join(f"{label + ':':<{width}}  {value}" for label, value in pairs)


def write_block(title: str, text: str) -> str:
    """Write a text under its title."""
    return f"{title}:\n" + "\n".join(f"{_INDENT}{line}".rstrip() for line in text.splitlines())
