"""JSON Schema checks of variables and outputs, draft 4 to 2020-12. Never fetches a remote ``$ref``.

Schemas and documents both come from tenants and scripts. `scriptrun.policies.structure` refuses schemas whose checks
have no useful bound; `scriptrun.policies.effort` says which of all others are for a worker process.
"""

import json
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from scriptrun.policies.bounded import BoundedCache
from scriptrun.policies.documents import DEEPEST, measure_depth
from scriptrun.policies.patterns import is_regular_expression, pattern_options
from scriptrun.policies.schema_errors import choose_error, describe_error, shorten
from scriptrun.policies.structure import (
    SCHEMA_LIMIT_BYTES,
    SCHEMA_LIMIT_LEVELS,
    check_structure,
    count_branches,
    estimate_memory,
    list_patterns,
)
from scriptrun.policies.subschemas import read_graph
from scriptrun.policies.unique import UniqueItems

__all__ = ["check_against_schema", "check_schema", "has_secrets"]

_CACHE_BYTES = 64 * 2**20
_EXPLAIN_LIMIT_NESTING = 50
"""The engine makes an error of ``anyOf`` or ``oneOf`` of those within it, and has a limited stack."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A schema, compiled or refused.

    Attributes:
        validator: None for a schema that is refused.
        wrong: why it is.
        has_secrets: whether anything in it is marked ``writeOnly``.
        branches: how many ``anyOf`` and ``oneOf`` may be one within the other for the same value.
    """

    validator: jsonschema_rs.Validator | None
    wrong: str = ""
    has_secrets: bool = False
    branches: int = 0


_compiled: BoundedCache[str, _Compiled] = BoundedCache(_CACHE_BYTES)


def has_secrets(schema: dict[str, Any]) -> bool:
    """Whether a schema's author marked anything that must not be shown."""
    rest: list[object] = [schema]
    while rest:
        part = rest.pop()
        if isinstance(part, dict):
            if part.get("writeOnly") is True:
                return True
            rest.extend(part.values())
        elif isinstance(part, list):
            rest.extend(part)
    return False


def check_schema(schema: dict[str, Any]) -> str:
    """Check that a schema is one, and one that can be checked in bounded time; return what is wrong, or ""."""
    return _compile(schema).wrong if schema else ""


def _compile(schema: dict[str, Any]) -> _Compiled:
    """Compile a schema once: it takes milliseconds, and each run of a Script asks again."""
    try:
        text = json.dumps(schema)
    except RecursionError:
        return _Compiled(None, "it is nested too deeply")
    if len(text) > SCHEMA_LIMIT_BYTES:
        return _Compiled(None, f"it is {len(text)} bytes, at most {SCHEMA_LIMIT_BYTES}")
    return _compiled.get(text, lambda: _compile_text(text))


def _compile_text(text: str) -> tuple[_Compiled, int]:
    """Compile a schema and estimate what it takes of memory, in bytes."""
    schema = json.loads(text)
    if measure_depth(schema, SCHEMA_LIMIT_LEVELS) > SCHEMA_LIMIT_LEVELS:
        return _Compiled(None, f"it is nested too deeply: at most {SCHEMA_LIMIT_LEVELS} levels are allowed"), len(text)
    graph = read_graph(schema)
    if wrong := check_structure(graph):
        return _Compiled(None, wrong), len(text)
    patterns = sum(len(list_patterns(subschema)) for subschema in graph.subschemas)
    try:
        validator = jsonschema_rs.validator_for(
            text,
            offline=True,
            validate_formats=True,
            formats={"regex": is_regular_expression},
            keywords={"uniqueItems": UniqueItems},
            pattern_options=pattern_options(patterns),
        )
    except jsonschema_rs.ValidationError as error:
        return _Compiled(None, _describe_schema_error(error, schema)), len(text)
    except ValueError as error:
        return _Compiled(None, shorten(str(error))), len(text)
    compiled = _Compiled(validator, has_secrets=has_secrets(schema), branches=count_branches(graph.subschemas))
    return compiled, estimate_memory(graph, len(text))


def _describe_schema_error(error: jsonschema_rs.ValidationError, schema: dict[str, Any]) -> str:
    if not isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Referencing):
        return f"at {describe_error(choose_error(error), schema, '$', has_secrets=False)}"
    if "meta-schema" in error.message:
        return f"at $.$schema: {shorten(repr(schema.get('$schema')))} is no draft from 4 to 2020-12"
    return f"it has a $ref that can't be resolved within it: {shorten(error.message)}"


def check_against_schema(document: object, schema: dict[str, Any], root: str) -> str:
    """Check a document; return where it does not match and why, or "".

    Args:
        document: any JSON value.
        schema: a JSON Schema; empty means anything goes.
        root: what the document is called, such as ``variables``; stands at the head of the path.
    """
    if not schema:
        return ""
    compiled = _compile(schema)
    if compiled.validator is None:
        return f"{root}: the schema can't be used: {compiled.wrong}"
    levels = measure_depth(document)
    if levels > DEEPEST:
        return f"{root}: nested too deeply: at most {DEEPEST} levels are allowed"
    try:
        if compiled.validator.is_valid(document):
            return ""
        if (levels + 1) * compiled.branches <= _EXPLAIN_LIMIT_NESTING:
            compiled.validator.validate(document)
    except jsonschema_rs.ValidationError as error:
        return describe_error(choose_error(error), document, root, has_secrets=compiled.has_secrets)
    except ValueError as error:  # what is no JSON value, such as a date
        return f"{root}: it can't be checked: {shorten(str(error))}"
    return f"{root}: does not match the schema, which has too many anyOf and oneOf within each other to say where"
