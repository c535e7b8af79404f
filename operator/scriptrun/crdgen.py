"""Builds the CustomResourceDefinitions from the models: structural schemas with CEL rules and printer columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from scriptrun.models import Bridge, Script, ScriptRun, Workflow, WorkflowRun
from scriptrun.models.base import GROUP, VERSION, Model

__all__ = ["build_crd", "build_crds", "render_crds"]

_KEPT = {
    "type",
    "description",
    "format",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "not",
    "default",
    "required",
    "x-kubernetes-validations",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one model is published."""

    model: type[Model]
    plural: str
    short_names: tuple[str, ...]
    columns: tuple[tuple[str, str, str, int], ...]  # name, type, JSON path, priority (0 always, 1 with -o wide)


_KINDS = (
    _Kind(
        Script,
        "scripts",
        (),
        (
            ("Handler", "string", ".status.handler", 0),
            ("Contract", "string", ".spec.contract", 0),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status", 0),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason", 0),
            ("Last-Run", "date", ".status.lastRun.finishedAt", 0),
            ("Age", "date", ".metadata.creationTimestamp", 0),
            ("Description", "string", ".spec.description", 1),
            ("Timeout", "integer", ".spec.activeDeadlineSeconds", 1),
            ("Retries", "integer", ".spec.backoffLimit", 1),
        ),
    ),
    _Kind(
        ScriptRun,
        "scriptruns",
        ("sr",),
        (
            ("Script", "string", ".spec.scriptRef.name", 0),
            ("Phase", "string", ".status.phase", 0),
            ("Reason", "string", ".status.reason", 0),
            ("Attempts", "integer", ".status.attemptCount", 0),
            ("Duration", "number", ".status.durationSeconds", 0),
            ("Age", "date", ".metadata.creationTimestamp", 0),
            ("Task-Source", "string", ".spec.task.source", 1),
            ("Task-Id", "string", ".spec.task.id", 1),
            ("Job", "string", ".status.jobName", 1),
            ("Exit", "integer", ".status.exitCode", 1),
        ),
    ),
    _Kind(
        Bridge,
        "bridges",
        (),
        (
            ("Connected", "string", ".status.conditions[?(@.type=='Connected')].status", 0),
            ("Reason", "string", ".status.conditions[?(@.type=='Connected')].reason", 0),
            ("Active", "integer", ".status.activeRuns", 0),
            ("Completed", "integer", ".status.completed", 0),
            ("Failed", "integer", ".status.failed", 0),
            ("Age", "date", ".metadata.creationTimestamp", 0),
            ("Claimed", "integer", ".status.claimed", 1),
            ("Last-Poll", "date", ".status.lastPollAt", 1),
            ("Message", "string", ".status.conditions[?(@.type=='Connected')].message", 1),
        ),
    ),
    # Clusters have other kinds of these names (Argo): hence short names of our own.
    _Kind(
        Workflow,
        "workflows",
        ("swf",),
        (
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status", 0),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason", 0),
            ("Active", "boolean", ".spec.active", 0),
            ("Project", "string", ".spec.project", 0),
            ("Age", "date", ".metadata.creationTimestamp", 0),
            ("Message", "string", ".status.conditions[?(@.type=='Ready')].message", 1),
            ("Description", "string", ".spec.description", 1),
        ),
    ),
    _Kind(
        WorkflowRun,
        "workflowruns",
        ("swfr",),
        (
            ("Workflow", "string", ".spec.workflowRef.name", 0),
            ("Phase", "string", ".status.phase", 0),
            ("Reason", "string", ".status.reason", 0),
            ("Steps", "string", ".status.progress", 0),
            ("Step", "string", ".status.currentStep", 0),
            ("Duration", "number", ".status.durationSeconds", 0),
            ("Age", "date", ".metadata.creationTimestamp", 0),
            ("Trigger", "string", ".spec.trigger.kind", 1),
            ("Message", "string", ".status.message", 1),
        ),
    ),
)


def _resolve(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Inline ``$ref`` and unwrap ``anyOf [X, null]``: structural schemas know neither."""
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[-1]]
        return {
            **_resolve(target, definitions),
            **{key: node[key] for key in ("description", "default") if key in node},
        }
    if "anyOf" in node:
        variants = [variant for variant in node["anyOf"] if variant.get("type") != "null"]
        if len(variants) != 1:
            raise ValueError(f"not a structural schema: {node}")
        merged = {**_resolve(variants[0], definitions), **{key: value for key, value in node.items() if key != "anyOf"}}
        if merged.get("default", ...) is None:
            del merged["default"]
        return merged
    return dict(node)


def _structural(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a pydantic JSON schema into a Kubernetes structural schema."""
    resolved = _resolve(node, definitions)
    schema = {key: value for key, value in resolved.items() if key in _KEPT}
    if "const" in resolved:
        schema["enum"] = [resolved["const"]]
    if "properties" in resolved:
        schema["properties"] = {name: _structural(child, definitions) for name, child in resolved["properties"].items()}
    if isinstance(resolved.get("additionalProperties"), dict):
        schema["additionalProperties"] = _structural(resolved["additionalProperties"], definitions)
    if "items" in resolved:
        schema["items"] = _structural(resolved["items"], definitions)
    if schema.get("type") == "integer":
        schema.setdefault("format", "int32")
    if schema.get("default", ...) is None:
        del schema["default"]
    if isinstance(schema.get("default"), dict):  # the API server refuses null within a default
        schema["default"] = {name: value for name, value in schema["default"].items() if value is not None}
    return schema


def build_crd(kind: _Kind) -> dict[str, Any]:
    """Build the CustomResourceDefinition of one kind."""
    name = kind.model.__name__
    source = kind.model.model_json_schema(by_alias=True)
    schema = _structural(source, source.get("$defs", {}))
    schema["properties"] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        **schema["properties"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}", "labels": {"app.kubernetes.io/part-of": "scriptrun"}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": name,
                "listKind": f"{name}List",
                "plural": kind.plural,
                "singular": name.lower(),
                "shortNames": list(kind.short_names),
                # Not "scriptrun": a category of a kind's own name makes `kubectl get scriptrun NAME` ambiguous.
                "categories": ["scriptrun-all"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": column, "type": type_, "jsonPath": path, "priority": priority}
                        for column, type_, path, priority in kind.columns
                    ],
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def build_crds() -> dict[str, dict[str, Any]]:
    """Build every CRD, keyed by its file name."""
    return {f"{kind.plural}.yaml": build_crd(kind) for kind in _KINDS}


def render_crds() -> dict[str, str]:
    """Render every CRD as YAML, keyed by its file name."""
    header = "# Generated from operator/scriptrun/models by `make generate`; edit the models.\n"
    return {
        name: header + yaml.safe_dump(crd, sort_keys=False, width=120, allow_unicode=True)
        for name, crd in build_crds().items()
    }
