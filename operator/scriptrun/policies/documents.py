"""JSON from scripts and ConfigMaps. More passes for JSON in Python than Kubernetes can keep; here it does not."""

import json
import math
from typing import Any

__all__ = ["DEEPEST", "measure_depth", "parse_document"]

DEEPEST = 200
"""Levels. Far from where Python gives up (1000, its own frames included), so what was read can also be written."""


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _parse_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:20]} is larger than 64-bit floating point can hold")
    return number


def _parse_int(text: str) -> int:
    # The API server keeps an integer beyond 64 bits as a floating-point number.
    if len(text) > 300 and math.isinf(float(text)):
        raise ValueError(f"the number {text[:20]}… is larger than 64-bit floating point can hold")
    return int(text)


def measure_depth(document: object, at_most: int = DEEPEST) -> int:
    """Count the levels of a document: 1 for a text or number, 2 for a list of those; ``at_most + 1`` for any more."""
    level, depth = [document], 0
    while level and depth <= at_most:
        depth += 1
        children: list[object] = []
        for value in level:
            if isinstance(value, dict):
                children.extend(value.values())
            elif isinstance(value, list):
                children.extend(value)
        level = children
    return depth


def parse_document(raw: str | bytes) -> Any:
    """Parse a document that anybody may have written.

    Args:
        raw: text, or its bytes in UTF-8.

    Raises:
        ValueError: it is not JSON, or holds what Kubernetes can't keep: numbers beyond 64-bit floating point, half
            surrogate pairs, more than 200 levels. The message says what and, where that is known, at which position.
    """
    text = raw.decode() if isinstance(raw, bytes) else raw
    try:
        document = json.loads(text, parse_constant=_refuse_constant, parse_float=_parse_float, parse_int=_parse_int)
    except RecursionError:
        raise ValueError(f"it is nested more than {DEEPEST} levels deep") from None
    if text.count("[") + text.count("{") > DEEPEST and measure_depth(document) > DEEPEST:
        raise ValueError(f"it is nested more than {DEEPEST} levels deep")
    if "\\ud" in text.lower():
        try:
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a string in it holds half a surrogate pair, which is no character") from None
    return document
