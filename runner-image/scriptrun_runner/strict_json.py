"""JSON as RFC 8259 has it: no NaN, no Infinity, and nothing lost on the way.

The values of numbers are not read, so numbers of any length pass.
"""

from __future__ import annotations

import re
from json import JSONDecoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["cut_member", "parse_strictly"]

_SPACE = re.compile(r"[ \t\n\r]*")
_CONSTANT_OR_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|NaN|-?Infinity')


class _ConstantError(ValueError):
    """Python reads and writes these three; JSON has none of them."""


def _refuse_constant(name: str) -> None:
    raise _ConstantError(name)


# `len` stands for "any number will do": it is quick and never meets Python's limit of 4300 digits.
_DECODER = JSONDecoder(parse_int=len, parse_float=len, parse_constant=_refuse_constant)


def parse_strictly(text: str) -> Any:
    """Parse a document; each number comes out as some number.

    Raises:
        ValueError: it is no JSON; the message ends with line, column and offset in characters.
    """
    if text.startswith("\ufeff"):
        raise ValueError("it starts with a byte order mark: line 1 column 1 (char 0)")
    try:
        return _DECODER.decode(text)
    except _ConstantError as error:
        matches = _CONSTANT_OR_STRING.finditer(text)
        position = next(match.start() for match in matches if not match.group().startswith('"'))
        line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
        message = f"{error} is no JSON number: line {line} column {column} (char {position})"
        raise ValueError(message) from None
    except RecursionError:
        raise ValueError("it is nested too deeply to be read") from None


def cut_member(text: str, name: str) -> str | None:
    """Cut a member's value out of a JSON object, character for character.

    Args:
        text: a document that `parse_strictly` found to be an object.
        name: of the member; of several the last counts, as in parsers.

    Returns:
        The value's text; None when there is no such member.
    """
    found = None
    position = _skip_space(text, 0) + 1
    while True:
        position = _skip_space(text, position)
        if text[position] == "}":
            return found
        key, position = _DECODER.raw_decode(text, position)
        start = _skip_space(text, _skip_space(text, position) + 1)
        _, end = _DECODER.raw_decode(text, start)
        if key == name:
            found = text[start:end]
        position = _skip_space(text, end)
        if text[position] == ",":
            position += 1


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
