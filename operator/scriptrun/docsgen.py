"""Writes the generated tables of the documentation: ``python -m scriptrun.docsgen docs``.

A page says where a table goes with ``<!-- generated: NAME -->`` and ``<!-- end -->``; what stands between is replaced.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr
from pydantic.alias_generators import to_camel
from pydantic_settings import BaseSettings

from scriptrun.api.app import build_document
from scriptrun.api.docs.reference import Field, Operation, list_operations, list_schemas
from scriptrun.api.problems import KINDS
from scriptrun.api.settings import ApiSettings
from scriptrun.cli.main import app
from scriptrun.cli.output.exit_codes import describe_exit_code
from scriptrun.crdgen import build_crds
from scriptrun.history.settings import HistorySettings
from scriptrun.models.reasons import REASONS
from scriptrun.settings import WorkflowSettings

__all__ = ["AS_IN_A_POD", "REGIONS", "fill", "main"]

_REGION = re.compile(r"(?P<begin><!-- generated: (?P<name>[a-z-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)
_BOUNDS = (
    ("minimum", "≥"),
    ("maximum", "≤"),
    ("maxLength", "length ≤"),
    ("maxItems", "entries ≤"),
    ("maxProperties", "entries ≤"),
)
AS_IN_A_POD = ("affinity", "topologySpreadConstraints")  # long, and Kubernetes' own: `kubectl explain` has their parts
_TEXT_TYPE = re.compile(r" <(list\[)?str\]?>")  # typer's note on arguments that are texts: goes without saying


def build_fields(plural: str, part: str) -> str:
    """Build the table of a kind's fields, and the rules the API server holds them to.

    Args:
        plural: the kind.
        part: spec or status.
    """
    version = build_crds()[f"{plural}.yaml"]["spec"]["versions"][0]
    whole = version["schema"]["openAPIV3Schema"]
    schema = whole["properties"][part]
    rows = [
        (f"`{path}`", _describe_type(field), _escape(field.get("description", "")))
        for path, field in _walk(schema, "", required=frozenset(schema.get("required", ())))
    ]
    text = _build_table(("Field", "Type", "Description"), rows)
    rules = [rule["message"] for node in _nodes(schema) for rule in node.get("x-kubernetes-validations", ())]
    if part == "spec":
        rules += [rule["message"] for rule in whole.get("x-kubernetes-validations", ())]
    if not rules:
        return text
    listed = "\n".join(f"- {rule}" for rule in dict.fromkeys(rules))
    return f"{text}\n\nThe API server rejects objects that break one of these rules, with these messages:\n\n{listed}"


def _walk(schema: Mapping[str, Any], path: str, *, required: frozenset[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every field below a schema with its path; elements of lists stand under ``name[]``."""
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        yield here, {**field, "x-required": name in required}
        if name in AS_IN_A_POD:
            continue
        inner = field.get("items", field)
        suffix = "[]" if "items" in field else ""
        yield from _walk(inner, f"{here}{suffix}", required=frozenset(inner.get("required", ())))


def _nodes(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    for field in schema.get("properties", {}).values():
        yield from _nodes(field.get("items", field))


def _describe_type(field: Mapping[str, Any]) -> str:
    """Say what a field holds and within which bounds."""
    name = str(field.get("type", "any"))
    if "pattern" in field and "type" not in field:
        return "number or string"
    if isinstance(field.get("additionalProperties"), Mapping):
        name = f"map of {_describe_type(field['additionalProperties'])}"
    if isinstance(field.get("items"), Mapping):
        name = f"list of {_describe_type(field['items'])}"
    if field.get("format") == "date-time":
        name = "time"
    if "enum" in field:
        name = " \\| ".join(f"`{value}`" for value in field["enum"])
    bounds = [f"{word} {field[key]:,}" for key, word in _BOUNDS if key in field]
    return ", ".join([name, *bounds, *(["required"] if field.get("x-required") else [])])


def build_reasons() -> str:
    """Build the table of reasons."""
    rows = [
        (
            f"`{reason}`",
            facts.blame,
            "yes" if facts.retryable else "no",
            describe_exit_code(reason),
            _escape(facts.summary),
        )
        for reason, facts in REASONS.items()
    ]
    return _build_table(("Reason", "Blame", "Retryable", "Exit code of `scriptrun run`", "Meaning"), rows)


def build_commands() -> str:
    """Build the reference of every command: what it does, its arguments and options."""
    return "\n\n".join(_describe_commands(typer.main.get_command(app), None))


def _describe_commands(command: Any, parent: Any) -> Iterator[str]:
    # Typed loosely: typer carries its own copy of click, which it does not export.
    context = command.context_class(command, info_name=command.name or "scriptrun", parent=parent)
    if hasattr(command, "commands"):
        if command.invoke_without_command:  # a command by itself, too
            yield from _describe_command(command, context)
        for inner in command.commands.values():
            if not inner.hidden:
                yield from _describe_commands(inner, context)
        return
    yield from _describe_command(command, context)


def _describe_command(command: Any, context: Any) -> Iterator[str]:
    yield f"### {context.command_path}"
    yield command.help
    records = [parameter.get_help_record(context) for parameter in command.params]
    rows = [(f"`{_escape(_TEXT_TYPE.sub('', names))}`", _escape(text)) for names, text in filter(None, records)]
    yield _build_table(("Argument or option", "Meaning"), rows)
    if command.epilog:
        yield " ".join(command.epilog.split())


def build_operations() -> str:
    """Build the reference of the REST API: every call, its parameters and its answers."""
    return "\n\n".join(_describe_operation(item) for item in list_operations(build_document()))


def _describe_operation(item: Operation) -> str:
    blocks = [f"### {item.method} {item.path}", " ".join(filter(None, (item.summary, item.description)))]
    if item.parameters:
        blocks.append(
            _build_table(("Parameter", "In", "Type", "Meaning"), [_build_row(one) for one in item.parameters])
        )
    if item.body:
        blocks.append(f"Body: {_link(item.body)}")
    answers = [(status, _link(content), _escape(text)) for status, text, content in item.answers]
    blocks.append(_build_table(("Status", "Body", "Meaning"), answers))
    return "\n\n".join(blocks)


def _build_row(item: Field) -> tuple[str, ...]:
    required = "**required** " if item.required else ""
    return f"`{item.name}`", item.where, _escape(item.type), required + _escape(item.description)


def _link(names: str) -> str:
    parts = [part for part in names.split(" or ") if part not in ("", "null")]
    return " or ".join(part if part.startswith("`") else f"[{part}](#{part.lower()})" for part in parts)


def build_bodies() -> str:
    """Build the reference of what requests and answers of the REST API hold."""
    blocks = []
    for schema in list_schemas(build_document()):
        rows = [
            (
                f"`{item.name}`",
                _escape(item.type),
                ("**required** " if item.required else "") + _escape(item.description),
            )
            for item in schema.fields
        ]
        blocks += [f"### {schema.name}", schema.description, _build_table(("Field", "Type", "Meaning"), rows)]
        if schema.example:
            blocks.append(f"```json\n{schema.example}\n```")
    return "\n\n".join(blocks)


def build_problems() -> str:
    """Build the table of the REST API's problems."""
    rows = [(f"`{name}`", str(kind.status), kind.title) for name, kind in KINDS.items()]
    return _build_table(("Last part of `type`", "Status", "Meaning"), rows)


def build_settings(kind: type[BaseSettings], values: str, *others: str) -> str:
    """Build the table of a process's settings.

    Args:
        kind: the settings.
        values: where the chart's values for them are.
        others: those that other values decide.
    """
    rows = []
    for name, field in kind.model_fields.items():
        variable = f"{kind.model_config.get('env_prefix', '')}{name}".upper()
        shown = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        default = str(shown).lower() if isinstance(shown, bool) else str(shown)
        value = "" if name in others else f"`{values}.{to_camel(name)}`"
        rows.append((f"`{variable}`", value, default, _escape(field.description or "")))
    return _build_table(("Variable", "Chart value", "Default", "Meaning"), rows)


def _build_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _escape(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


REGIONS: dict[str, Callable[[], str]] = {
    "script-spec": lambda: build_fields("scripts", "spec"),
    "script-status": lambda: build_fields("scripts", "status"),
    "scriptrun-spec": lambda: build_fields("scriptruns", "spec"),
    "scriptrun-status": lambda: build_fields("scriptruns", "status"),
    "bridge-spec": lambda: build_fields("bridges", "spec"),
    "bridge-status": lambda: build_fields("bridges", "status"),
    "workflow-spec": lambda: build_fields("workflows", "spec"),
    "workflow-status": lambda: build_fields("workflows", "status"),
    "workflowrun-spec": lambda: build_fields("workflowruns", "spec"),
    "workflowrun-status": lambda: build_fields("workflowruns", "status"),
    "reasons": build_reasons,
    "commands": build_commands,
    "api-operations": build_operations,
    "api-bodies": build_bodies,
    "api-problems": build_problems,
    "api-settings": lambda: build_settings(
        ApiSettings,
        "api.settings",
        *("watch_namespaces", "resync_seconds", "tokens_dir", "tls_cert_file", "tls_key_file"),
    ),
    "workflow-settings": lambda: build_settings(WorkflowSettings, "workflows.settings", "watch_namespaces"),
    "history-settings": lambda: build_settings(HistorySettings, "history.settings", "url", "tls_ca_file"),
}
"""What can stand between the marks, by name."""


def fill(text: str, page: str) -> str:
    """Replace what stands between the marks of a page.

    Args:
        text: the page.
        page: its name, for the error.

    Raises:
        ValueError: a mark names nothing that is generated.
    """

    def replace(match: re.Match[str]) -> str:
        if match["name"] not in REGIONS:
            raise ValueError(f"{page}: nothing is generated as {match['name']!r}; there are {', '.join(REGIONS)}")
        return f"{match['begin']}\n{REGIONS[match['name']]()}\n\n{match['end']}"

    return _REGION.sub(replace, text)


def main(folder: Path) -> None:
    """Write the tables into every page of a folder that has marks."""
    for page in sorted(folder.glob("*.md")):
        before = page.read_text(encoding="utf-8")
        after = fill(before, page.name)
        if after != before:
            page.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m scriptrun.docsgen DIR")
    main(Path(sys.argv[1]))
