"""What a document's error against a JSON Schema is, in words: one error, the most helpful, always the same."""

from collections.abc import Callable, Iterable
from typing import Any

from jsonschema_rs import ValidationError, ValidationErrorKind

from scriptrun.policies.subschemas import json_path

__all__ = ["choose_error", "describe_error", "shorten"]

_QUOTED_LIMIT = 200
_NAMES_ONLY = ("required", "dependentRequired", "additionalProperties", "unevaluatedProperties")
"""Keywords whose messages name keys and quote no values."""


def shorten(text: str) -> str:
    """Shorten what is quoted of a schema or document."""
    return text if len(text) <= _QUOTED_LIMIT else f"{text[:_QUOTED_LIMIT]}…"


def _quote(value: object) -> str:
    return shorten(repr(value))


def choose_error(error: ValidationError) -> ValidationError:
    """Go down from an ``anyOf`` or ``oneOf`` that nothing matched to the error in the branch that was meant.

    That is a branch whose types and constants fit and whose error is deepest. If several are as likely, the error stays
    the one above them.
    """
    while isinstance(error.kind, ValidationErrorKind.AnyOf | ValidationErrorKind.OneOfNotValid):
        depth = len(error.instance_path)
        ranked = sorted(
            (
                (_misfit(branch, depth), -_deepest(branch), number)
                for number, branch in enumerate(error.kind.context)
                if branch
            )
        )
        if not ranked or (len(ranked) > 1 and ranked[0][:2] == ranked[1][:2]):
            return error
        branch = error.kind.context[ranked[0][2]]
        error = max(branch, key=lambda found: len(found.instance_path))
    return error


def _deepest(branch: Iterable[ValidationError]) -> int:
    return max(len(error.instance_path) for error in branch)


def _misfit(branch: Iterable[ValidationError], depth: int) -> bool:
    """Whether a branch is for values of another type, or for objects with another constant in one of their members."""
    kinds = ValidationErrorKind
    return any(
        (isinstance(error.kind, kinds.Type | kinds.FalseSchema) and len(error.instance_path) == depth)
        or (isinstance(error.kind, kinds.Constant | kinds.Enum) and len(error.instance_path) <= depth + 1)
        for error in branch
    )


_WORDS: dict[str, Callable[[str, Any], str]] = {
    "required": lambda _, name: f"{name!r} is a required property",
    "type": lambda value, types: f"{value} is not of type {', '.join(repr(kind) for kind in types)}",
    "enum": lambda value, options: f"{value} is not one of {_quote(options)}",
    "const": lambda value, expected: f"{value} is not {_quote(expected)}",
    "minimum": lambda value, limit: f"{value} is less than the minimum of {limit}",
    "maximum": lambda value, limit: f"{value} is greater than the maximum of {limit}",
    "exclusiveMinimum": lambda value, limit: f"{value} is less than or equal to the minimum of {limit}",
    "exclusiveMaximum": lambda value, limit: f"{value} is greater than or equal to the maximum of {limit}",
    "multipleOf": lambda value, factor: f"{value} is not a multiple of {factor}",
    "minLength": lambda value, limit: f"{value} is too short (minLength {limit})",
    "maxLength": lambda value, limit: f"{value} is too long (maxLength {limit})",
    "pattern": lambda value, pattern: f"{value} does not match {_quote(pattern)}",
    "format": lambda value, name: f"{value} is not a {name!r}",
    "minItems": lambda value, limit: f"{value} has too few items (minItems {limit})",
    "maxItems": lambda value, limit: f"{value} has too many items (maxItems {limit})",
    "minProperties": lambda value, limit: f"{value} has too few properties (minProperties {limit})",
    "maxProperties": lambda value, limit: f"{value} has too many properties (maxProperties {limit})",
    "additionalProperties": lambda _, names: f"Additional properties are not allowed ({_unexpected(names)})",
    "unevaluatedProperties": lambda _, names: f"Unevaluated properties are not allowed ({_unexpected(names)})",
    "additionalItems": lambda value, limit: f"{value} has items beyond the first {limit}, which are not allowed",
    "unevaluatedItems": lambda value, _: f"{value} has items that are not allowed",
    "uniqueItems": lambda value, _: f"{value} has non-unique elements",
    "contains": lambda value, _: f"{value} has too few or too many items that match contains",
    "not": lambda value, schema: f"{value} must not match {_quote(schema)}",
    "anyOf": lambda value, _: f"{value} is not valid under any of the given schemas",
    "oneOf": lambda value, _: f"{value} is not valid under exactly one of the given schemas",
    "falseSchema": lambda value, _: f"{value} is not allowed here",
}


def _unexpected(names: list[str]) -> str:
    return f"{shorten(', '.join(repr(name) for name in names))} {'was' if len(names) == 1 else 'were'} unexpected"


def describe_error(error: ValidationError, document: object, root: str, *, has_secrets: bool) -> str:
    """Say where a document does not match and why.

    Args:
        error: the error.
        document: the document.
        root: what the document is called, such as ``variables``; stands at the head of the path.
        has_secrets: whether no values may be quoted. The secret in a value need not be marked where the error is, so
            this is a matter of the whole schema.
    """
    place, keyword, detail = json_path(error.instance_path, root), error.kind.name, error.kind.value
    if keyword == "falseSchema" and error.schema_path[-1:] == ["additionalProperties"]:
        keyword, detail = "additionalProperties", _names_at(document, error.instance_path)
    if has_secrets and keyword not in _NAMES_ONLY:
        return f"{place}: does not match {keyword}"
    if isinstance(error.kind, ValidationErrorKind.PropertyNames):
        return f"{place}: the name {_say(detail.kind.name, detail.instance, detail.kind.value)}"
    return f"{place}: {_say(keyword, error.instance, detail)}"


def _names_at(document: Any, keys: Iterable[str | int]) -> list[str]:
    for key in keys:
        document = document[key]
    return list(document)


def _say(keyword: str, value: object, detail: Any) -> str:
    words = _WORDS.get(keyword)
    return words(_quote(value), detail) if words else f"{_quote(value)} does not match {keyword}"
