"""One Script in full, for people. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from scriptrun.cli.output.printing import dump_json
from scriptrun.cli.output.run_detail import align_facts, format_age, write_block
from scriptrun.cli.output.tables import Row, decide_layout, format_row
from scriptrun.policies.attempts import parse_instant
from scriptrun.policies.text import escape_controls

__all__ = ["describe_condition", "describe_script"]


def describe_script(script: dict[str, Any], columns: Sequence[str], runs: Sequence[Row], now: datetime) -> str:
    """Describe a Script.

    Args:
        script: the Script.
        columns: of the table of its runs.
        runs: its last runs.
        now: aware UTC.
    """
    spec, status = script["spec"], script.get("status", {})
    blocks = [align_facts(_list_facts(script))]
    conditions = status.get("conditions") or ()
    if conditions:
        blocks.append(write_block("Conditions", "\n".join(describe_condition(item, now) for item in conditions)))
    blocks.append(write_block("Limits", align_facts(_list_limits(spec))))
    for title, field in (("Variables schema", "variablesSchema"), ("Output schema", "outputSchema")):
        if spec.get(field):
            blocks.append(write_block(title, dump_json(spec[field])))
    if columns:
        shown = [column for column in columns if column != "Script"]
        layout = decide_layout(shown, runs, namespaces=False)
        table = "\n".join([layout.header, *(format_row(row, layout) for row in runs)]) if runs else "none"
        blocks.append(write_block("Last runs", table))
    return escape_controls("\n\n".join(blocks))


def _list_facts(script: dict[str, Any]) -> Iterable[tuple[str, str]]:
    metadata, spec, status = script["metadata"], script["spec"], script.get("status", {})
    yield "Name", metadata["name"]
    yield "Namespace", metadata["namespace"]
    if spec.get("description"):
        yield "Description", spec["description"]
    if spec.get("aliases"):
        yield "Aliases", ", ".join(spec["aliases"])
    yield "Handler", _describe_handler(spec, status)
    yield "Contract", spec.get("contract", "files")
    yield "Source", _describe_source(spec)
    if status.get("sha256"):
        yield "SHA-256", f"{status['sha256']} (as last read)"
    yield "Image", spec.get("image") or "the operator's runner image"


def _describe_handler(spec: dict[str, Any], status: dict[str, Any]) -> str:
    if spec.get("handler"):
        return str(spec["handler"])
    if status.get("handler"):
        return f"{status['handler']} ({'by its command' if spec.get('command') else 'by the ending of its name'})"
    if (spec.get("source") or {}).get("fromRun") is not None:
        return "by the ending of the source that a run brings"
    return "not known yet: no operator has looked at it"


def _describe_source(spec: dict[str, Any]) -> str:
    source = spec.get("source")
    if not source:
        return "a program in its image"
    if "inline" in source:
        return f"inline, {len(source['inline'].encode()):,} bytes"
    if config_map := source.get("configMap"):
        return f"ConfigMap {config_map['name']}, key {config_map['key']}, {_describe_pin(config_map)}"
    if folder := source.get("folder"):
        names = ", ".join(item["name"] for item in folder["configMaps"])
        return f"{folder['entryPoint']} in a folder from ConfigMaps {names}, {_describe_pin(folder)}"
    return "each run's own ConfigMap"


def _describe_pin(source: dict[str, Any]) -> str:
    return f"pinned to {source['sha256']}" if source.get("sha256") else "not pinned"


def describe_condition(condition: dict[str, Any], now: datetime) -> str:
    """Describe a condition in one line."""
    changed = parse_instant(condition.get("lastTransitionTime"))
    since = f" for {format_age((now - changed).total_seconds())}" if changed else ""
    text = f"{condition['type']}={condition['status']}{since}"
    if condition.get("reason") not in (None, condition["type"]):
        text += f": {condition['reason']}"
    return f"{text}: {condition['message']}" if condition.get("message") else text


def _list_limits(spec: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """List what runs are held to; the API server has filled in the defaults."""
    for label, field, unit in (
        ("Whole run", "activeDeadlineSeconds", " s"),
        ("One attempt", "attemptDeadlineSeconds", " s"),
        ("Until it starts", "startDeadlineSeconds", " s"),
        ("Retries", "backoffLimit", ""),
        ("Runs at the same time", "maxConcurrentRuns", ""),
        ("Kept after its end", "ttlSecondsAfterFinished", " s"),
    ):
        yield label, f"{spec[field]:,}{unit}" if spec.get(field) is not None else "no limit of its own"
    output = spec.get("output") or {}
    if "limitBytes" in output:
        yield "Output", f"{output['limitBytes']:,} bytes by {output.get('transport', 'ConfigMap')}"
    resources = spec.get("resources") or {}
    for part in ("requests", "limits"):
        if resources.get(part):
            named = ", ".join(f"{name} {value}" for name, value in sorted(resources[part].items()))
            yield f"Resource {part}", named
