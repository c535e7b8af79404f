"""Nothing that a user can set or meet is undocumented, and no generated text is out of date.

That docs/operations.md explains every setting and metric is held by tests/unit/chart/test_operations_page.py.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from pydantic import BaseModel

from docpages import ROOT
from scriptrun.cli.main import app
from scriptrun.crdgen import render_crds
from scriptrun.docsgen import AS_IN_A_POD, REGIONS, fill, main
from scriptrun.models import (
    ScriptRunSpec,
    ScriptRunStatus,
    ScriptSpec,
    ScriptStatus,
    WorkflowRunSpec,
    WorkflowRunStatus,
    WorkflowSpec,
    WorkflowStatus,
)
from scriptrun.models.bridge import BridgeSpec, BridgeStatus
from scriptrun.models.reasons import Reason
from scriptrun.settings import Settings

DOCS = ROOT / "docs"
PAGES = {
    ScriptSpec: ("script.md", "script-spec"),
    ScriptStatus: ("script.md", "script-status"),
    ScriptRunSpec: ("scriptrun.md", "scriptrun-spec"),
    ScriptRunStatus: ("scriptrun.md", "scriptrun-status"),
    BridgeSpec: ("bridge.md", "bridge-spec"),
    BridgeStatus: ("bridge.md", "bridge-status"),
    WorkflowSpec: ("workflow.md", "workflow-spec"),
    WorkflowStatus: ("workflow.md", "workflow-status"),
    WorkflowRunSpec: ("workflowrun.md", "workflowrun-spec"),
    WorkflowRunStatus: ("workflowrun.md", "workflowrun-status"),
}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _fields(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str]]:
    """Every field's path and description; elements of lists stand under ``name[]``."""
    for field in model.model_fields.values():
        here = f"{path}{field.alias}"
        yield here, field.description or ""
        if field.alias in AS_IN_A_POD:
            continue
        suffix = "[]." if "list[" in str(field.annotation) else "."
        for inner in _models_in(field.annotation):
            yield from _fields(inner, here + suffix)


def _region(page: str, name: str) -> str:
    text = (DOCS / page).read_text()
    match = re.search(rf"<!-- generated: {name} -->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert match, f"docs/{page} has no marks for {name}"
    return match[1]


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, f"{path} {name}")
    if not hasattr(command, "commands"):
        yield path, command


COMMANDS = dict(_commands(typer.main.get_command(app), "scriptrun"))


@pytest.mark.parametrize("model", PAGES)
def test_every_field_has_its_row(model: type[BaseModel]) -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` \| [^\n]*? \| ([^\n]*) \|$", _region(*PAGES[model]), re.MULTILINE))
    fields = dict(_fields(model))
    assert set(rows) == set(fields)
    for path, description in fields.items():
        assert rows[path] == " ".join(description.split()), path
        assert description, path


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_listed_and_says_what_to_do(reason: Reason) -> None:
    assert f"| `{reason}` |" in _region("reasons.md", "reasons")
    advice = (DOCS / "reasons.md").read_text().partition("## What to do")[2]
    assert reason is Reason.COMPLETED or f"`{reason}`" in advice


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_is_listed(path: str) -> None:
    section = _region("cli.md", "commands").partition(f"### {path}\n")[2].partition("\n### ")[0]
    assert section, f"docs/cli.md does not speak of {path}"
    names = [re.split(r"[ ,]+", row) for row in re.findall(r"^\| `([^`]+)` \| \S", section, re.MULTILINE)]
    assert len(names) == len(COMMANDS[path].params)
    for parameter in COMMANDS[path].params:
        spelled = parameter.opts if parameter.param_type_name == "option" else [parameter.metavar]
        assert any(set(spelled) <= set(words) for words in names), f"{path}: {spelled} is not in docs/cli.md"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_describes_itself(name: str) -> None:
    assert Settings.model_fields[name].description


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_generated_tables_are_fresh(page: Path) -> None:
    text = page.read_text()
    assert fill(text, page.name) == text, "run `make generate`"


def test_every_generated_table_is_on_a_page() -> None:
    marks = [name for page in DOCS.glob("*.md") for name in re.findall(r"<!-- generated: (\S+) -->", page.read_text())]
    assert sorted(marks) == sorted(REGIONS)


@pytest.mark.parametrize("folder", ["crds", "charts/scriptrun/files/crds"])
def test_generated_crds_are_fresh(folder: str) -> None:
    found = {path.name: path.read_text() for path in (ROOT / folder).glob("*.yaml")}
    assert found == render_crds(), "run `make generate`"


def test_what_stands_between_the_marks_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- generated: reasons -->\nold\n<!-- end -->\nafter\n")
    main(tmp_path)
    text = page.read_text()
    assert text.startswith("before\n<!-- generated: reasons -->\n\n| Reason |")
    assert text.endswith("|\n\n<!-- end -->\nafter\n")
    assert "old" not in text
    assert fill(text, "page.md") == text


def test_a_mark_for_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"page\.md: nothing is generated as 'reason'"):
        fill("<!-- generated: reason -->\n<!-- end -->\n", "page.md")
