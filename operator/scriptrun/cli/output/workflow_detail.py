"""One Workflow or WorkflowRun in full, for people. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from scriptrun.cli.output.printing import dump_json
from scriptrun.cli.output.run_detail import align_columns, align_facts, format_age, write_block
from scriptrun.cli.output.script_detail import describe_condition
from scriptrun.cli.output.steps import format_duration, list_steps
from scriptrun.cli.output.tables import Row, decide_layout, format_row
from scriptrun.policies.attempts import parse_instant
from scriptrun.policies.text import escape_controls

__all__ = ["describe_workflow", "describe_workflow_run"]


def describe_workflow_run(run: dict[str, Any], names: Sequence[str], output: str | None, now: datetime) -> str:
    """Describe a WorkflowRun.

    Args:
        run: the WorkflowRun.
        names: of all its steps, in order, as far as they are known.
        output: its output as JSON text; None: it has none.
        now: aware UTC.
    """
    spec, status = run["spec"], run.get("status") or {}
    blocks = [align_facts(_list_run_facts(run, now))]
    if status.get("message"):
        blocks.append(write_block("Message", str(status["message"])))
    if status.get("steps") or names:
        blocks.append(write_block("Steps", _describe_progress(status, names, now)))
    if spec.get("input"):
        blocks.append(write_block("Input", dump_json(spec["input"])))
    if output is not None:
        blocks.append(write_block("Output", output))
    return escape_controls("\n\n".join(blocks))


def _list_run_facts(run: dict[str, Any], now: datetime) -> Iterable[tuple[str, str]]:
    metadata, spec, status = run["metadata"], run["spec"], run.get("status") or {}
    yield "Name", metadata["name"]
    yield "Namespace", metadata["namespace"]
    yield "Workflow", spec["workflowRef"]["name"]
    yield "Phase", status.get("phase") or "Pending (`scriptrun workflows` has not looked at it yet)"
    if status.get("reason"):
        yield "Reason", status["reason"]
    if resume := spec.get("resume"):
        yield "Resumes", f"{resume['run']}, from step {resume['step']}"
    if saved := spec.get("saved"):
        yield "Saved as", saved["name"]
    for label, instant in (
        ("Created", metadata.get("creationTimestamp")),
        ("Started", status.get("startedAt")),
        ("Finished", status.get("finishedAt")),
    ):
        if parsed := parse_instant(instant):
            yield label, f"{instant} ({format_age((now - parsed).total_seconds())} ago)"
    if "durationSeconds" in status:
        yield "Duration", f"{status['durationSeconds']:g} s"
    if spec.get("cancel") and not status.get("finishedAt"):
        yield "Cancel", "requested"


def _describe_progress(status: dict[str, Any], names: Sequence[str], now: datetime) -> str:
    runs = {entry["name"]: str(entry.get("run") or "") for entry in status.get("steps") or ()}
    rows = [("STEP", "PHASE", "DURATION", "SCRIPTRUN", "DETAILS")]
    for step in list_steps(status, names):
        took = step.measure_seconds(now) if step.phase != "Skipped" else None
        duration = format_duration(took) if took is not None else ""
        rows.append((step.name, step.phase or "Pending", duration, runs.get(step.name, ""), step.details))
    return align_columns(rows)


def describe_workflow(workflow: dict[str, Any], columns: Sequence[str], runs: Sequence[Row], now: datetime) -> str:
    """Describe a Workflow.

    Args:
        workflow: the Workflow.
        columns: of the table of its runs.
        runs: its last runs.
        now: aware UTC.
    """
    spec, status = workflow["spec"], workflow.get("status") or {}
    blocks = [align_facts(_list_facts(workflow))]
    if conditions := status.get("conditions"):
        blocks.append(write_block("Conditions", "\n".join(describe_condition(item, now) for item in conditions)))
    blocks.append(write_block("Steps", _describe_steps(spec["steps"])))
    if spec.get("finally"):
        blocks.append(write_block("Finally", _describe_steps(spec["finally"])))
    blocks.append(write_block("Limits", align_facts(_list_limits(spec))))
    for title, field in (("Parameters schema", "parametersSchema"), ("Config", "config"), ("Output", "output")):
        if spec.get(field):
            blocks.append(write_block(title, dump_json(spec[field])))
    if columns:
        layout = decide_layout([column for column in columns if column != "Workflow"], runs, namespaces=False)
        table = "\n".join([layout.header, *(format_row(row, layout) for row in runs)]) if runs else "none"
        blocks.append(write_block("Last runs", table))
    return escape_controls("\n\n".join(blocks))


def _list_facts(workflow: dict[str, Any]) -> Iterable[tuple[str, str]]:
    metadata, spec = workflow["metadata"], workflow["spec"]
    yield "Name", metadata["name"]
    yield "Namespace", metadata["namespace"]
    for label, field in (("Description", "description"), ("Project", "project")):
        if spec.get(field):
            yield label, spec[field]
    if spec.get("tags"):
        yield "Tags", ", ".join(spec["tags"])
    yield "Active", "yes" if spec.get("active", True) else "no: every new run is refused"


def _describe_steps(steps: Sequence[dict[str, Any]]) -> str:
    rows = [("STEP", "SCRIPT", "RETRIES", "ON FAILURE", "WHEN")]
    for step in steps:
        retries = str((step.get("retry") or {}).get("limit", 0))
        when = " ".join(str(step.get("when") or "").split())
        rows.append((step["name"], step.get("script", ""), retries, step.get("onFailure", "Fail"), when))
    return align_columns(rows)


def _list_limits(spec: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """List what runs are held to; the API server has filled in the defaults."""
    for label, field, unit in (
        ("Whole run", "activeDeadlineSeconds", " s"),
        ("Runs at the same time", "maxConcurrentRuns", ""),
        ("Kept after its end", "ttlSecondsAfterFinished", " s"),
    ):
        yield label, f"{spec[field]:,}{unit}" if spec.get(field) is not None else "no limit of its own"
    yield "While another run is active", spec.get("concurrencyPolicy", "Allow")
