"""JSON Schema 2020-12 checks of variables and outputs. Never fetches a remote ``$ref``."""

import json
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, SchemaError
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

__all__ = ["check_against_schema", "check_schema", "has_secrets"]

_REGISTRY: Registry[Any] = Registry()
_QUOTED_LIMIT = 200
_WITHOUT_VALUES = ("required", "dependentRequired", "additionalProperties")


def _shorten(text: str) -> str:
    return text if len(text) <= _QUOTED_LIMIT else f"{text[:_QUOTED_LIMIT]}…"


def check_schema(schema: dict[str, Any]) -> str:
    """Check that a schema is one; return what is wrong, or ""."""
    if not schema:
        return ""
    try:
        return _check_schema_text(json.dumps(schema))
    except RecursionError:
        return "it is nested too deeply"


@lru_cache(maxsize=256)
def _check_schema_text(text: str) -> str:
    """Check a schema once: it takes milliseconds, and each run of a Script asks again."""
    try:
        Draft202012Validator.check_schema(json.loads(text))
    except SchemaError as error:
        return f"at {error.json_path}: {_shorten(error.message)}"
    return ""


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


def _describe(error: ValidationError, schema: dict[str, Any], root: str) -> str:
    # Messages quote what does not match, up to the whole document. The secret in it need not be marked where the
    # error is, so with any secret only those messages are passed on that name keys and no values.
    shown = error.validator in _WITHOUT_VALUES or not has_secrets(schema)
    text = _shorten(error.message) if shown else f"does not match {error.validator}"
    return f"{root}{error.json_path.removeprefix('$')}: {text}"


def check_against_schema(document: object, schema: dict[str, Any], root: str) -> str:
    """Check a document; return where it does not match and why, or "".

    Args:
        document: any JSON value.
        schema: a JSON Schema; empty means anything goes.
        root: what the document is called, such as ``variables``; stands at the head of the path.
    """
    if not schema:
        return ""
    validator = Draft202012Validator(schema, registry=_REGISTRY)
    try:
        error = best_match(validator.iter_errors(document))
    except Unresolvable as unresolvable:
        return f"{root}: the schema has a $ref that can't be resolved within it: {_shorten(str(unresolvable))}"
    except RecursionError:
        return f"{root}: nested too deeply"
    except ArithmeticError:
        return f"{root}: a number is too large to be checked against the schema"
    return _describe(error, schema, root) if error else ""
