"""JSON values into CEL and back, exactly or not at all: what CEL would bend is an error that names it."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from scriptrun.policies.documents import DEEPEST
from scriptrun.policies.expressions.faults import ExpressionError
from scriptrun.policies.expressions.paths import write_path

__all__ = ["check_for_cel", "from_cel", "prune"]

_LEAST, _MOST = -(2**63), 2**64 - 1


def prune(value: Any, paths: Sequence[Sequence[str | int]]) -> Any:
    """Take from a value what is on some paths, so that an expression is given no more than it reads.

    Args:
        value: any JSON value.
        paths: members from it on; an empty one is the value itself.
    """
    if not isinstance(value, Mapping) or any(not path or not isinstance(path[0], str) for path in paths):
        return value
    below: dict[str, list[Sequence[str | int]]] = {}
    for path in paths:
        below.setdefault(str(path[0]), []).append(path[1:])
    return {name: prune(value[name], rest) for name, rest in below.items() if name in value}


def check_for_cel(variables: Mapping[str, Any]) -> None:
    """Check that CEL can have some values as they are.

    Raises:
        ExpressionError: it can't; the message names the member.
    """
    level: list[tuple[tuple[str | int, ...], Any]] = [((name,), value) for name, value in variables.items()]
    for _ in range(DEEPEST + 1):
        if not level:
            return
        below: list[tuple[tuple[str | int, ...], Any]] = []
        for path, value in level:
            if isinstance(value, Mapping):
                for key, item in value.items():
                    _check_text(path, key)
                    below.append(((*path, key), item))
            elif isinstance(value, list):
                below.extend(((*path, number), item) for number, item in enumerate(value))
            else:
                _check_scalar(path, value)
        level = below
    raise ExpressionError(f"{write_path(level[0][0][:3])}…: nested more than {DEEPEST} levels deep")


def _check_scalar(path: tuple[str | int, ...], value: object) -> None:
    if isinstance(value, str):
        _check_text(path, value)
    elif isinstance(value, int) and not _LEAST <= value <= _MOST:
        raise ExpressionError(f"{write_path(path)}: no 64-bit integer; pass it as text, or by itself: {{{{ a.b }}}}")


def _check_text(path: tuple[str | int, ...], text: str) -> None:
    if "\0" in text:
        raise ExpressionError(f"{write_path(path)}: holds the character U+0000, which expressions can't read")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ExpressionError(f"{write_path(path)}: holds half a surrogate pair, which is no character") from None


def from_cel(value: object) -> Any:
    """Turn what CEL gave into JSON. Times become RFC 3339, durations seconds as ``1.5s``.

    Raises:
        ExpressionError: JSON has no such value.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ExpressionError(f"the result is {value}, which JSON does not have")
        return value
    if isinstance(value, Mapping):
        if wrong := next((key for key in value if not isinstance(key, str)), None):
            raise ExpressionError(f"the key {wrong!r} of an object is no text: write it as a text")
        return {key: from_cel(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_cel(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
    if isinstance(value, (bytes, bytearray)):
        raise ExpressionError("the result is bytes, which JSON does not have: use base64(x), or string(x) for text")
    raise ExpressionError(f"the result is of CEL's type {type(value).__name__}, which JSON does not have")
