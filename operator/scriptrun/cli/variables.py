"""From the command line to variables, durations and references. Pure."""

import re
from collections.abc import Iterable
from typing import Any

from scriptrun.errors import UsageError
from scriptrun.policies.documents import parse_document

__all__ = ["parse_assignments", "parse_duration", "parse_key", "parse_object", "parse_variables_from"]

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", re.ASCII)
_SECONDS = (86_400, 3600, 60, 1)


def parse_assignments(words: Iterable[str]) -> dict[str, Any]:
    """Parse ``name=text`` and ``name:=json``; a later one wins.

    Raises:
        UsageError: one is neither.
    """
    variables: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.removesuffix(":"):
            raise UsageError(f'--var {word}: write NAME=TEXT, or NAME:=JSON for numbers, lists and so on ("count:=3")')
        if name.endswith(":"):
            variables[name.removesuffix(":")] = _parse_json(value, f"--var {name.removesuffix(':')}")
        else:
            variables[name] = value
    return variables


def parse_object(text: str, what: str) -> dict[str, Any]:
    """Parse a JSON object.

    Args:
        text: the JSON.
        what: where it is from; stands at the head of the message.

    Raises:
        UsageError: it is no JSON, with line and column, or no object.
    """
    value = _parse_json(text, what)
    if not isinstance(value, dict):
        raise UsageError(f'{what}: a JSON object is wanted, such as {{"name": "Ada"}}, not {_TYPES[type(value)]}')
    return value


_TYPES = {
    list: "a list",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _parse_json(text: str, what: str) -> Any:
    try:
        return parse_document(text)
    except ValueError as error:
        raise UsageError(f"{what}: no JSON: {error}") from error


def parse_duration(text: str, option: str) -> int:
    """Parse seconds, or a duration such as ``90s``, ``5m``, ``1h30m`` or ``2d``.

    Raises:
        UsageError: it is neither.
    """
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise UsageError(f"{option} {text}: write seconds, or a duration such as 90s, 5m, 1h30m or 2d")
    return sum(int(count) * seconds for count, seconds in zip(match.groups(default="0"), _SECONDS, strict=True))


def parse_variables_from(words: Iterable[str]) -> list[dict[str, Any]]:
    """Parse ``CONFIGMAP`` or ``CONFIGMAP/KEY`` into entries of ``spec.variablesFrom``."""
    entries = []
    for word in words:
        name, slash, key = word.partition("/")
        if not name or (slash and not key):
            raise UsageError(f"--from {word}: write CONFIGMAP, or CONFIGMAP/KEY for a key that holds a JSON object")
        entries.append({"configMap": {"name": name, **({"key": key} if key else {})}})
    return entries


def parse_key(word: str) -> dict[str, Any]:
    """Parse ``CONFIGMAP/KEY`` into ``spec.source``."""
    name, _, key = word.partition("/")
    if not name or not key:
        raise UsageError(f"--source {word}: write CONFIGMAP/KEY")
    return {"configMap": {"name": name, "key": key}}
