"""The CRDs that are made of the models: structural, described, with the rules and columns that api.md promises."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scriptrun.crdgen import build_crds, render_crds

ROOT = Path(__file__).parents[3]
CRDS = {crd["spec"]["names"]["kind"]: crd for crd in build_crds().values()}
ALLOWED = {
    *("type", "description", "format", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems"),
    *("maxItems", "default", "required", "properties", "additionalProperties", "items", "x-kubernetes-validations"),
    *("x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type", "not"),
    *("x-kubernetes-list-map-keys", "x-kubernetes-map-type", "maxProperties"),
}


def schema_of(kind: str) -> dict[str, Any]:
    (version,) = CRDS[kind]["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def walk(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within a schema, with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from walk(schema[name], f"{path}[]")


NODES = [(f"{kind}{path}", node) for kind in CRDS for path, node in walk(schema_of(kind), "")]


QUANTITIES = {path for path, node in NODES if "pattern" in node and "type" not in node}


def at(path: str) -> dict[str, Any]:
    return dict(NODES)[path]


@pytest.mark.parametrize(("path", "node"), NODES, ids=[path for path, _ in NODES])
def test_each_part_is_structural(path: str, node: dict[str, Any]) -> None:
    """KEP-1111: what the API server takes as `openAPIV3Schema`, and nothing that it would drop silently."""
    assert node.keys() <= ALLOWED
    assert "type" in node or node.get("x-kubernetes-preserve-unknown-fields")
    assert not ("properties" in node and "additionalProperties" in node)
    assert set(node.get("required", ())) <= node.get("properties", {}).keys()
    if node.get("x-kubernetes-list-type") == "map":
        assert set(node["x-kubernetes-list-map-keys"]) <= set(node["items"]["required"])
    for rule in node.get("x-kubernetes-validations", ()):
        assert rule.keys() <= {"rule", "message", "messageExpression"}
        assert rule["message"]


@pytest.mark.parametrize(("path", "node"), NODES, ids=[path for path, _ in NODES])
def test_each_field_is_described(path: str, node: dict[str, Any]) -> None:
    # What `kubectl explain` shows. Types and metadata are Kubernetes' own, elements are described by their list.
    if path.endswith("[]") or path.split(".")[-1] in ("apiVersion", "kind", "metadata"):
        return
    assert node["description"].strip()
    assert node["description"].rstrip().endswith((".", "…", ")"))


@pytest.mark.parametrize(("path", "node"), NODES, ids=[path for path, _ in NODES])
def test_no_default_holds_null(path: str, node: dict[str, Any]) -> None:
    # The API server refuses a CRD with one.
    default = node.get("default", {})
    assert default is not None
    assert None not in (default.values() if isinstance(default, dict) else [default])


OUTPUTS = {"ScriptRun.status.output", "WorkflowRun.status.output", "WorkflowRun.status.steps[].output"}


def test_what_is_in_a_free_object_is_not_listed_in_managed_fields() -> None:
    """The 60,000 variables of a run would be stored twice, and its status would find no room."""
    objects = {path: node for path, node in NODES if node.get("x-kubernetes-preserve-unknown-fields")}
    atomic = {path for path, node in objects.items() if node.get("x-kubernetes-map-type") == "atomic"}
    small = {*OUTPUTS, *QUANTITIES}  # any JSON, and a number or text
    assert objects.keys() - atomic == small


def test_objects_that_are_free_are_those_that_people_fill() -> None:
    free = {path for path, node in NODES if node.get("x-kubernetes-preserve-unknown-fields")}
    assert free == {
        "Script.spec.variablesSchema",
        "Script.spec.outputSchema",
        "Script.spec.config",
        "Script.spec.volumes[].ephemeral.volumeClaimTemplate",
        "ScriptRun.spec.variables",
        "ScriptRun.spec.task.headers",
        "ScriptRun.spec.task.payload",
        "Workflow.spec.parametersSchema",
        "Workflow.spec.config",
        "Workflow.spec.steps[].variables",
        "Workflow.spec.finally[].variables",
        "Workflow.spec.output",
        "WorkflowRun.spec.input",
        *OUTPUTS,
        *QUANTITIES,
    }


DEFAULTS = {
    "Script.spec.contract": "files",
    "Script.spec.activeDeadlineSeconds": 900,
    "Script.spec.backoffLimit": 0,
    "Script.spec.onDisruption": "Retry",
    "Script.spec.startDeadlineSeconds": 300,
    "Script.spec.ttlSecondsAfterFinished": 86_400,
    "Script.spec.output.transport": "ConfigMap",
    "Script.spec.output.limitBytes": 900_000,
    "Script.spec.command": [],
    "Script.spec.image": "",
    "Script.spec.serviceAccountName": "",
    "Script.spec.description": "",
    "ScriptRun.spec.cancel": False,
    "Workflow.spec.active": True,
    "Workflow.spec.activeDeadlineSeconds": 3600,
    "Workflow.spec.concurrencyPolicy": "Allow",
    "Workflow.spec.steps[].onFailure": "Fail",
    "Workflow.spec.steps[].retry.limit": 0,
    "WorkflowRun.spec.cancel": False,
    "WorkflowRun.spec.trigger.kind": "Manual",
}


@pytest.mark.parametrize(("path", "value"), DEFAULTS.items(), ids=DEFAULTS)
def test_the_defaults_are_those_of_the_api(path: str, value: object) -> None:
    assert at(path)["default"] == value


@pytest.mark.parametrize(
    "path",
    [
        "Script.spec.attemptDeadlineSeconds",
        "Script.spec.maxConcurrentRuns",
        "Script.spec.handler",
        "Script.spec.source",
        "ScriptRun.spec.activeDeadlineSeconds",
        "ScriptRun.spec.backoffLimit",
        "ScriptRun.spec.ttlSecondsAfterFinished",
        "ScriptRun.spec.task",
    ],
)
def test_what_has_no_default_has_none(path: str) -> None:
    # `default: null` would be refused, and a default here would take away the Script's own.
    assert "default" not in at(path)


@pytest.mark.parametrize(
    ("path", "least", "most"),
    [
        ("Script.spec.activeDeadlineSeconds", 1, 604_800),
        ("Script.spec.backoffLimit", 0, 100),
        ("Script.spec.maxConcurrentRuns", 1, None),
        ("Script.spec.output.limitBytes", 1, 900_000),
        ("Script.spec.ttlSecondsAfterFinished", 0, 31_536_000),
        ("ScriptRun.spec.activeDeadlineSeconds", 1, 604_800),
        ("ScriptRun.spec.backoffLimit", 0, 100),
    ],
)
def test_numbers_have_bounds(path: str, least: int, most: int | None) -> None:
    assert (at(path)["minimum"], at(path).get("maximum")) == (least, most)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("Script.spec.handler", ["python", "shell", "node", "exec"]),
        ("Script.spec.contract", ["files", "stdio", "stream", "package"]),
        ("Script.spec.onDisruption", ["Retry", "Fail"]),
        ("Script.spec.output.transport", ["ConfigMap", "TerminationMessage"]),
    ],
)
def test_choices(path: str, values: list[str]) -> None:
    assert at(path)["enum"] == values


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("Script", "at most 63 characters"),
        ("Script.spec", "source is missing"),
        ("Script.spec", "command belongs to handler exec"),
        ("Script.spec", "serviceAccountName needs output.transport TerminationMessage"),
        ("Script.spec.source", "set exactly one of configMap, folder, inline or fromRun"),
        ("Script.spec.output", "at most 4096 with transport TerminationMessage"),
        ("Script.spec.env[]", "set value or valueFrom, not both"),
        ("Script.spec.env[]", "choose another"),
        ("ScriptRun", "DNS label of at most 55 characters"),
        ("ScriptRun", ".run-env"),
        ("ScriptRun.spec", "immutable but for cancel and ttlSecondsAfterFinished"),
        ("ScriptRun.spec", "cancel can't be taken back"),
    ],
)
def test_the_rules_across_fields_are_there(path: str, said: str) -> None:
    assert any(said in rule["message"] for rule in at(path)["x-kubernetes-validations"])


def test_every_field_of_a_run_but_two_is_immutable() -> None:
    rule = next(r["rule"] for r in at("ScriptRun.spec")["x-kubernetes-validations"] if "immutable" in r["message"])
    fields = at("ScriptRun.spec")["properties"].keys() - {"cancel", "ttlSecondsAfterFinished"}
    assert all(f"has(self.{field}) == has(oldSelf.{field})" in rule for field in fields)
    assert all(f"self.{field} == oldSelf.{field}" in rule for field in fields)


def test_a_run_can_not_choose_what_is_the_scripts() -> None:
    assert at("ScriptRun.spec")["properties"].keys() == {
        *("scriptRef", "variables", "variablesFrom", "source", "secretEnv", "task"),
        *("activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished", "cancel"),
    }


@pytest.mark.parametrize(
    ("kind", "columns", "wide"),
    [
        (
            "Script",
            ["Handler", "Contract", "Ready", "Reason", "Last-Run", "Age"],
            ["Description", "Timeout", "Retries"],
        ),
        (
            "ScriptRun",
            ["Script", "Phase", "Reason", "Attempts", "Duration", "Age"],
            ["Task-Source", "Task-Id", "Job", "Exit"],
        ),
    ],
)
def test_columns(kind: str, columns: list[str], wide: list[str]) -> None:
    (version,) = CRDS[kind]["spec"]["versions"]
    found = version["additionalPrinterColumns"]
    assert [column["name"] for column in found if not column["priority"]] == columns
    assert [column["name"] for column in found if column["priority"]] == wide
    for column in found:
        path = f"{kind}{column['jsonPath'].split('[')[0]}"
        assert path.startswith(f"{kind}.metadata.") or path in dict(NODES)


def test_names() -> None:
    assert CRDS["ScriptRun"]["spec"]["names"]["shortNames"] == ["sr"]
    for kind, plural in (("Script", "scripts"), ("ScriptRun", "scriptruns")):
        assert CRDS[kind]["metadata"]["name"] == f"{plural}.scriptrun.dev"
        assert CRDS[kind]["spec"]["names"]["categories"] == ["scriptrun-all"]
        assert CRDS[kind]["spec"]["scope"] == "Namespaced"
        (version,) = CRDS[kind]["spec"]["versions"]
        assert version["subresources"] == {"status": {}}


@pytest.mark.parametrize("folder", ["crds", "charts/scriptrun/files/crds"])
def test_the_generated_files_are_what_the_models_say(folder: str) -> None:
    rendered = render_crds()
    assert {path.name: path.read_text() for path in (ROOT / folder).glob("*.yaml")} == rendered
    assert {name: yaml.safe_load(text) for name, text in rendered.items()} == build_crds()
