"""What the documentation shows is right: manifests, links, commands, paths."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from jsonschema_rs import Draft202012Validator

from docpages import PAGES, ROOT, read_anchors, read_blocks, read_links, read_prose, read_spans
from scriptrun.cli.main import app
from scriptrun.crdgen import build_crds
from scriptrun.models import Bridge, Script, ScriptRun, Workflow, WorkflowRun
from scriptrun.models.base import API_VERSION

MODELS = {
    "Bridge": Bridge,
    "Script": Script,
    "ScriptRun": ScriptRun,
    "Workflow": Workflow,
    "WorkflowRun": WorkflowRun,
}
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))
ROOMS = ("operator/", "runner-image/", "charts/", "tests/", "docs/", "examples/", "crds/", ".ci/")
# Folders that appear when something is built or measured.
MADE = ("build/",)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _refuse_unknown(schema: Any) -> Any:
    """A structural schema drops unknown fields in silence; here they are errors."""
    if isinstance(schema, list):
        return [_refuse_unknown(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _refuse_unknown(value) for key, value in schema.items()}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        strict.setdefault("additionalProperties", False)
    return strict


def _build_validators() -> dict[str, Draft202012Validator]:
    validators = {}
    for crd in build_crds().values():
        schema = _refuse_unknown(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object", "required": ["name"]}
        validators[crd["spec"]["names"]["kind"]] = Draft202012Validator(schema)
    return validators


VALIDATORS = _build_validators()


def _check(text: str, where: str) -> int:
    """Check the manifests in a text; returns how many were ours."""
    ours = 0
    for document in yaml.safe_load_all(text):
        if not isinstance(document, dict) or document.get("apiVersion") != API_VERSION:
            continue
        ours += 1
        wrong = [
            f"{error.instance_path}: {error.message}" for error in VALIDATORS[document["kind"]].iter_errors(document)
        ]
        assert not wrong, f"{where}: {wrong}"
        MODELS[document["kind"]].model_validate(document)
    return ours


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_manifests_on_a_page(page: Path) -> None:
    for block in read_blocks(page, "yaml"):
        _check(block.text, str(block))


@pytest.mark.parametrize("path", EXAMPLES, ids=_name)
def test_example_files(path: Path) -> None:
    ours = _check(path.read_text(), _name(path))
    assert ours or path.is_relative_to(ROOT / "examples" / "gitops"), "an example without a Script or a run"


def test_a_wrong_manifest_would_be_seen() -> None:
    spec = "{scriptRef: {name: b}, image: c}"
    text = f"{{apiVersion: {API_VERSION}, kind: ScriptRun, metadata: {{name: a}}, spec: {spec}}}"
    with pytest.raises(AssertionError, match="image"):
        _check(text, "here")


def test_the_gitops_guide_shows_the_files_of_its_example() -> None:
    folder = ROOT / "examples" / "gitops"
    shown = {block.file_name: block.text for block in read_blocks(ROOT / "docs" / "gitops.md", "yaml")}
    files = {str(path.relative_to(folder)) for path in folder.rglob("*.yaml")}
    assert shown.keys() == files - {"allow-list.yaml"}
    for name, text in shown.items():
        assert yaml.safe_load(text) == yaml.safe_load((folder / name).read_text()), name


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links(page: Path) -> None:
    for link in read_links(page):
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{_name(page)}: {link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{_name(page)}: {link} leads out of the repository"
        if anchor:
            assert anchor in read_anchors(target), f"{_name(page)}: {link}: no such heading"


def _read_code(page: Path) -> list[str]:
    """Everything on a page that is to be typed."""
    shell = [block.text for block in read_blocks(page, "sh", "console", "bash", "text", "")]
    return [*read_spans(page), *shell]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_make_targets(page: Path) -> None:
    for code in _read_code(page):
        for target in re.findall(r"(?:^|[\s(`&;])make ([a-z][a-z0-9-]*)", code):
            assert target in TARGETS, f"{_name(page)}: make {target}: the Makefile has no such target"


def _commands() -> dict[str, set[str]]:
    """The command line's commands, each with the names below it; "" among them: it is a command by itself, too."""
    known = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        known[name] = set(getattr(command, "commands", {}))
        if known[name] and command.invoke_without_command:
            known[name].add("")
    return known


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_cli_commands(page: Path) -> None:
    known = _commands()
    for code in _read_code(page):
        for command, below in re.findall(r"(?:^|[(|$] |bin/)scriptrun ([a-z]+)(?: ([a-z]+))?", code, re.MULTILINE):
            assert command in known, f"{_name(page)}: scriptrun {command}: no such command"
            assert not known[command] or below in known[command], f"{_name(page)}: scriptrun {command} {below}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_paths(page: Path) -> None:
    for span in read_spans(page):
        path = span.rstrip("/")
        if span.startswith(ROOMS) and re.fullmatch(r"[\w./-]+", span):
            assert (ROOT / path).exists(), f"{_name(page)}: `{span}` does not exist"


def _find_waits() -> set[str]:
    """Every reason to wait that the code gives a run."""
    found = set()
    for path in (ROOT / "operator" / "scriptrun").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Wait" and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and first.value:
                    found.add(str(first.value))
    return found


def test_what_a_run_waits_for_is_documented() -> None:
    waits = _find_waits()
    assert {"Retrying", "ConcurrencyLimit"} <= waits, "the search for them finds nothing any more"
    section = read_prose(ROOT / "docs" / "reasons.md").split("## What a run waits for")[1].split("\n## ")[0]
    missing = {wait for wait in waits if f"`{wait}`" not in section}
    assert not missing


def test_pages_of_kinds_have_one_outline() -> None:
    for kind in ("script", "scriptrun", "bridge"):
        headings = re.findall(r"^## (.+)$", read_prose(ROOT / "docs" / f"{kind}.md"), re.MULTILINE)
        assert headings[0] == "Example"
        assert headings[-3:] == ["Fields", "Status", "What can go wrong"]


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link.split("#")[0]).resolve() for link in read_links(index)}
    pages = {page for page in PAGES if page.parent == ROOT / "docs"} - {index}
    assert not {_name(page) for page in pages - linked}
