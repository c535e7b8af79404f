"""JSON Schema 2020-12 checks of variables and outputs. Never fetches a remote ``$ref``."""

from typing import Any

from jsonschema import Draft202012Validator, SchemaError
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

__all__ = ["check_against_schema", "check_schema"]

_REGISTRY: Registry[Any] = Registry()
_QUOTED_LIMIT = 200


def _shorten(text: str) -> str:
    return text if len(text) <= _QUOTED_LIMIT else f"{text[:_QUOTED_LIMIT]}…"


def check_schema(schema: dict[str, Any]) -> str:
    """Check that a schema is one; return what is wrong, or ""."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"at {error.json_path}: {_shorten(error.message)}"
    return ""


def _describe(error: ValidationError, root: str) -> str:
    # A schema's author may mark what must not be shown; the value then stays out of the message.
    secret = isinstance(error.schema, dict) and error.schema.get("writeOnly")
    text = f"does not match {error.validator}" if secret else _shorten(error.message)
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
    return _describe(error, root) if error else ""
