"""How much work is it? By these estimates work is done at once or given to a worker process; they cost little."""

import json
from typing import Any

__all__ = ["QUICK_BYTES", "is_at_most", "is_quick_check", "is_quick_hiding", "is_quick_schema"]

QUICK_BYTES = 65_536
"""A document of so many bytes is parsed or written within a few milliseconds, whatever is in it."""

_QUICK_SCHEMA_BYTES = 4096
_QUICK_PRODUCT = 4_000_000
"""Bytes of a schema times bytes of a document: what both come to where each part of the one meets each of the other."""

_QUICK_PLACES, _QUICK_SEARCH = 1000, 5_000_000
"""Texts that are looked for in a text, and their number times its bytes."""

_UNBOUNDED = ('"$ref"', '"$dynamicRef"', '"pattern"', '"patternProperties"', '"uniqueItems"')
"""Keywords whose cost does not follow from both sizes."""


def is_quick_schema(text: str) -> bool:
    """Whether it is quickly said whether a schema, given as JSON, is one."""
    return len(text) <= _QUICK_SCHEMA_BYTES


def is_quick_check(schema: dict[str, Any], document_bytes: int) -> bool:
    """Whether a document is quickly checked against a schema, or quickly parsed where there is none.

    Args:
        schema: empty for none.
        document_bytes: size of the document as JSON.
    """
    if document_bytes > QUICK_BYTES:
        return False
    if not schema:
        return True
    try:
        text = json.dumps(schema)
    except RecursionError:
        return False
    return len(text) * document_bytes <= _QUICK_PRODUCT and not any(keyword in text for keyword in _UNBOUNDED)


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
