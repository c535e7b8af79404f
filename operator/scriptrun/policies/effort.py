"""How much work is it? By these estimates work is done at once or given to a worker process; they cost little."""

import json
from typing import Any

__all__ = [
    "QUICK_BYTES",
    "is_at_most",
    "is_quick_check",
    "is_quick_hiding",
    "is_quick_schema",
    "is_quick_search",
]

QUICK_BYTES = 65_536
"""A document of so many bytes is parsed or written within a few milliseconds, whatever is in it."""

_QUICK_SCHEMA_BYTES = 4096
_QUICK_CHECK, _QUICK_MARKS = 1_000_000, 4_000_000
"""Bytes of a schema times bytes of a document: each part of the one may meet each part of the other.

The engine takes up to 35 ns for one of these, errors included (jsonschema-rs 0.60); finding marks takes a tenth.
"""

_QUICK_PLACES, _QUICK_SEARCH = 1000, 5_000_000
"""Texts that are looked for in a text, and their number times its bytes."""

_REFERENCES = ('"$ref"', '"$dynamicRef"', '"$recursiveRef"')
_SLOW_MARKS = (*_REFERENCES, '"patternProperties"')
_SLOW_CHECKS = (*_REFERENCES, '"pattern', '"regex"', '"unevaluated', '"multipleOf"')
"""Keywords that take longer than follows from both sizes: they multiply, or compute."""


def is_quick_schema(text: str) -> bool:
    """Whether it is quickly said whether a schema, given as JSON, is one."""
    return len(text) <= _QUICK_SCHEMA_BYTES


def is_quick_check(schema: dict[str, Any], text: str) -> bool:
    """Whether a document is quickly checked against a schema, or quickly parsed where there is none.

    Args:
        schema: empty for none.
        text: the document as JSON.
    """
    if len(text) > QUICK_BYTES:
        return False
    if not schema:
        return True
    written = _write(schema)
    return (
        written is not None
        and is_quick_schema(written)
        and len(written) * len(text) <= _QUICK_CHECK
        and not any(keyword in written for keyword in _SLOW_CHECKS)
    )


def is_quick_search(schema: dict[str, Any], text: str) -> bool:
    """Whether it is quickly found what of a document a schema marks as secret.

    Args:
        schema: empty for none.
        text: the document as JSON.
    """
    written = _write(schema)
    return (
        written is not None
        and len(text) <= QUICK_BYTES
        and len(written) * len(text) <= _QUICK_MARKS
        and not any(keyword in written for keyword in _SLOW_MARKS)
    )


def _write(schema: dict[str, Any]) -> str | None:
    try:
        return json.dumps(schema)
    except RecursionError:
        return None


def is_quick_hiding(text_bytes: int, places: int) -> bool:
    """Whether secrets are quickly hidden in a text or document.

    Args:
        text_bytes: its size.
        places: how many secret values or places are looked for.
    """
    return text_bytes <= QUICK_BYTES and places <= _QUICK_PLACES and text_bytes * (1 + places) <= _QUICK_SEARCH


def is_at_most(document: object, limit_bytes: int) -> bool:
    """Whether a document takes at most so many bytes as JSON, roughly. Stops counting at the limit."""
    left, rest = limit_bytes, [document]
    while rest and left >= 0:
        value = rest.pop()
        left -= 4
        if isinstance(value, str):
            left -= len(value)
        elif isinstance(value, dict):
            left -= 4 * len(value)
            if left >= 0:
                left -= sum(map(len, value))
                rest.extend(value.values())
        elif isinstance(value, list):
            left -= len(value)
            if left >= 0:
                rest.extend(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            left -= value.bit_length() // 3
    return left >= 0
