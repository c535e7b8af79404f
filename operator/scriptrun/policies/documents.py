"""JSON from scripts and ConfigMaps. More passes for JSON in Python than Kubernetes can keep; here it does not."""

import json
import math
from typing import Any

__all__ = ["DEEPEST", "dump_document", "find_too_deep", "measure_depth", "parse_document"]

DEEPEST = 200
"""Levels. Far from where Python gives up (1000, its own frames included), so what was read can also be written."""
_MOST_DIGITS = 4300
"""Of an integer, which is exact up to there; with more, Python takes too long (``sys.int_info``, CVE-2020-10735)."""


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _parse_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:20]} is larger than 64-bit floating point can hold")
    return number


class _Written(float):
    """A number that knows how it was written."""

    __slots__ = ("text",)
    text: str

    @classmethod
    def parse(cls, text: str) -> "_Written":
        number = cls(_parse_float(text))
        number.text = text
        return number


def _parse_int(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"the number {text[:20]}… has more than {_MOST_DIGITS} digits: pass it as a string")
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


def find_too_deep(document: object, root: str) -> str:
    """Say that a document has too many levels; "" if it has not.

    Args:
        document: any JSON value.
        root: what it is called.
    """
    return f"{root}: nested more than {DEEPEST} levels deep" if measure_depth(document) > DEEPEST else ""


def parse_document(raw: str | bytes, *, keep_digits: bool = False) -> Any:
    """Parse a document that anybody may have written.

    Args:
        raw: text, or its bytes in UTF-8.
        keep_digits: let numbers with a fraction or exponent keep their digits for ``dump_document``. Without it they
            are no more than the nearest double.

    Raises:
        ValueError: it is not JSON, or holds what can't be kept: numbers beyond 64-bit floating point, integers of more
            than 4300 digits, half surrogate pairs, more than 200 levels. The message says what and, where that is
            known, at which position.
    """
    text = raw.decode() if isinstance(raw, bytes) else raw
    try:
        parse_float = _Written.parse if keep_digits else _parse_float
        document = json.loads(text, parse_constant=_refuse_constant, parse_float=parse_float, parse_int=_parse_int)
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


def dump_document(document: Any) -> str:
    """Write a document that was parsed, and perhaps changed since; numbers whose digits were kept have them still."""
    if isinstance(document, dict):
        members = (f"{json.dumps(key, ensure_ascii=False)}: {dump_document(value)}" for key, value in document.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(document, list):
        return f"[{', '.join(map(dump_document, document))}]"
    return document.text if isinstance(document, _Written) else json.dumps(document, ensure_ascii=False)
