"""The API in words, read from its OpenAPI document: for the page that the server shows and for the docs. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Field", "Operation", "Schema", "list_operations", "list_schemas"]

_METHODS = ("get", "post", "put", "patch", "delete")
_HIDDEN = ("HTTPValidationError", "ValidationError")


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a schema."""

    name: str
    type: str
    description: str
    where: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One call."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Field] = field(default_factory=list)
    body: str = ""
    answers: list[tuple[str, str, str]] = field(default_factory=list)
    """Status, what it means, and the schema of what comes back."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a body holds."""

    name: str
    description: str
    fields: list[Field]
    example: str = ""


def list_operations(document: Mapping[str, Any]) -> list[Operation]:
    """List every call of an OpenAPI document, in its order."""
    return [
        _read_operation(path, method, item[method])
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]


def _read_operation(path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    summary, _, rest = str(operation.get("description", "")).partition("\n\n")
    parameters = [
        Field(
            item["name"],
            _describe_type(item["schema"]),
            item.get("description", ""),
            item["in"],
            bool(item.get("required")),
        )
        for item in operation.get("parameters", ())
    ]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    answers = [
        (status, answer["description"], " or ".join(_read_contents(answer.get("content", {}))))
        for status, answer in sorted(operation["responses"].items())
    ]
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=" ".join(summary.split()),
        description=" ".join(rest.split()),
        parameters=parameters,
        body=_describe_type(content["schema"]) if content else "",
        answers=answers,
    )


def _read_contents(content: Mapping[str, Any]) -> Iterator[str]:
    for media, part in content.items():
        if "$ref" in part.get("schema", {}):
            yield _describe_type(part["schema"])
        else:
            yield f"`{media}`"


def list_schemas(document: Mapping[str, Any]) -> list[Schema]:
    """List what bodies hold, by name."""
    schemas = document["components"]["schemas"]
    return [_read_schema(name, schema) for name, schema in sorted(schemas.items()) if name not in _HIDDEN]


def _read_schema(name: str, schema: Mapping[str, Any]) -> Schema:
    required = set(schema.get("required", ()))
    fields = [
        Field(key, _describe_type(part), part.get("description", ""), required=key in required)
        for key, part in schema.get("properties", {}).items()
    ]
    examples = schema.get("examples") or [None]
    example = json.dumps(examples[0], indent=2, ensure_ascii=False) if examples[0] is not None else ""
    return Schema(name, " ".join(str(schema.get("description", "")).split()), fields, example)


def _describe_type(schema: Mapping[str, Any]) -> str:
    """Say what a value is and within which bounds."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if parts := schema.get("anyOf"):
        return " or ".join(_describe_type(part) for part in parts)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    name = str(schema.get("type", "any"))
    if name == "array":
        name = f"list of {_describe_type(schema.get('items', {}))}"
    if schema.get("format") == "date-time":
        name = "time"
    bounds = [
        f"{word} {schema[key]:,}"
        for key, word in (("minimum", "≥"), ("maximum", "≤"), ("maxLength", "length ≤"), ("maxItems", "entries ≤"))
        if key in schema
    ]
    return ", ".join([name, *bounds])
