"""Numbers that the API server bends, found before it does.

In a custom resource it keeps integers of 64 bits; a larger one becomes a double without a word, and comes back as
18446744073709552000 or 1.8446744073709552e+29. A double comes back as the same double in its shortest form: 1.0 as 1.
That this is so is held by ``tests/cluster/test_api_rules.py``.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation

from scriptrun.policies.text import escape_json, shorten

__all__ = ["LARGEST", "SMALLEST", "find_inexact", "find_unkept", "is_rounded", "may_be_inexact"]

SMALLEST, LARGEST = -(2**63), 2**63 - 1
"""The integers that the API server keeps as they are."""

_PATH_CHARACTERS = 500
_KEY_CHARACTERS = 100
_LONGEST_KEY = 1024  # in quotes: a status is read as YAML, in which a key may not be longer


_SUSPECT = re.compile(r"[0-9]{19}|e\+")  # an integer from 10^18 on, or a double from 10^16 on


class _Bent:
    """Stands in a parsed document for a number that would come back as another one."""


def may_be_inexact(text: str) -> bool:
    """Whether ``find_inexact`` could find anything in a document: a quick look at its JSON, as Python wrote it."""
    return _SUSPECT.search(text) is not None


def find_inexact(document: object, root: str) -> str:
    """Find a number in a document that Kubernetes would round, or has rounded already.

    What the API server gives as a number of this size may have been any other one. So numbers from 2^63 on are refused
    however they are written, also those that would survive.

    Args:
        document: any JSON value, as Python parses it.
        root: what it is called, such as ``variables``; stands at the head of the path.

    Returns:
        Where it is, and what to do; "" when there is none.
    """
    path = _find(document, _is_inexact)
    if path is None:
        return ""
    return (
        f"{_describe(root, path)}: Kubernetes rounds numbers beyond 64-bit integers ({SMALLEST} to {LARGEST}): "
        "pass it as a string"
    )


def _is_inexact(value: object) -> bool:
    kind = type(value)
    return (kind is int or kind is float) and not SMALLEST <= value <= LARGEST  # type: ignore[operator]  # it is one


def _find(document: object, is_wrong: Callable[[object], bool]) -> list[str | int] | None:
    """Find the first value that is wrong, in the document's order; one may have half a million of them."""
    if is_wrong(document):
        return []
    path: list[str | int] = []
    levels = [_open(document)]
    while levels:
        for key, value in levels[-1]:
            if is_wrong(value):
                return [*path, key]
            if isinstance(value, dict | list):
                path.append(key)
                levels.append(_open(value))
                break
        else:
            levels.pop()
            del path[-1:]
    return None


def _open(value: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(value, dict):
        return iter(value.items())
    return enumerate(value) if isinstance(value, list) else iter(())


def _describe(root: str, path: Sequence[str | int]) -> str:
    """Write a place in a document: ``variables.rows[3].id``."""
    steps = [root]
    for step in path:
        if isinstance(step, int):
            steps.append(f"[{step}]")
        else:
            steps.append(f".{step}" if step.isidentifier() else f"[{json.dumps(shorten(step, _KEY_CHARACTERS))}]")
    return shorten("".join(steps), _PATH_CHARACTERS)


def is_rounded(text: str) -> bool:
    """Whether a number in a JSON text has digits that the nearest double has not."""
    return _find(json.loads(text, parse_int=len, parse_float=_parse_decimal), _is_bent) is not None


def find_unkept(text: str, root: str) -> str:
    """Find what of a document would not come back as it was written, if it stood in an applied status.

    Args:
        text: JSON that ``parse_document`` accepts.
        root: what it is called; stands at the head of the path.

    Returns:
        Where it is, and why; "" when all of it comes back.
    """
    document = json.loads(text, parse_int=_parse_int, parse_float=_parse_float)
    if (path := _find(document, _is_bent)) is not None:
        return f"{_describe(root, path)}: Kubernetes would round this number"
    if (path := _find(document, _has_long_key)) is not None:
        return f"{_describe(root, path)}: a key is longer than the {_LONGEST_KEY - 2} characters that Kubernetes reads"
    return ""


def _is_bent(value: object) -> bool:
    return isinstance(value, _Bent)


def _has_long_key(value: object) -> bool:
    return isinstance(value, dict) and any(
        len(escape_json(json.dumps(key, ensure_ascii=False))) > _LONGEST_KEY for key in value
    )


def _parse_int(text: str) -> int | _Bent:
    if len(text) > len(str(SMALLEST)) or not SMALLEST <= int(text) <= LARGEST:
        return _Bent()
    return int(text)


def _parse_float(text: str) -> float | _Bent:
    number = _parse_decimal(text)
    return _Bent() if _is_inexact(number) else number


def _parse_decimal(text: str) -> float | _Bent:
    number = float(text)
    try:
        # The digits as they are written, and the fewest that mean the same double: the same number?
        return number if Decimal(text) == Decimal(repr(number)) else _Bent()
    except InvalidOperation:  # an exponent of more than 18 digits
        return _Bent()
