"""Parses JSON piece by piece, so that other work of the event loop comes in between: the same result, no long step.

A worker process would not help: what it parsed comes back as JSON, and to parse that takes as long. Whatever fits into
a chunk is parsed by the library's own scanner; only arrays and objects that are longer are walked here.
"""

import json
import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

__all__ = ["CHUNK", "DEEPEST", "parse_in_steps"]

CHUNK = 16_384
"""Characters that are parsed in one step. A string or number that is longer takes one step, whatever its length."""

DEEPEST = 900
"""Levels of arrays and objects that are longer than a chunk: about as many as the library takes."""

_BLANK = re.compile(r"[ \t\n\r]*").match
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?").match
_decode = json.JSONDecoder().raw_decode

_Steps = Generator[None, None, Any]


def parse_in_steps(text: str, chunk: int = CHUNK) -> _Steps:
    """Parse a text; yields after each step, and returns the document.

    Args:
        text: as for ``json.loads``.
        chunk: characters that are parsed in one step.

    Raises:
        ValueError: it is no JSON, or nested too deep.
    """
    return _Parser(text, chunk).parse()


@dataclass(slots=True)
class _Open:
    """An array or object that has begun.

    Attributes:
        filled: what it has so far.
        ends: the two characters around it.
        key: of the member that is parsed, in an object.
        tried_until: up to this place, members are parsed one by one.
    """

    filled: list[Any] | dict[str, Any]
    ends: str
    key: str = ""
    tried_until: int = 0

    def put(self, value: Any) -> None:
        if isinstance(self.filled, list):
            self.filled.append(value)
        else:
            self.filled[self.key] = value


class _Parser:
    """Goes through the text once, with the arrays and objects on a stack: their depth costs no calls."""

    def __init__(self, text: str, chunk: int) -> None:
        self._text = text
        self._chunk = chunk
        self._begin, self._piece = 0, text[:chunk]
        self._stack: list[_Open] = []
        self._at = self._skip(0)

    def parse(self) -> _Steps:
        """Parse the whole."""
        while True:
            while not (found := self._parse_small()):
                yield
                self._begin, self._piece = self._at, self._text[self._at : self._at + self._chunk]
                if found := self._parse_small() or self._parse_large():
                    break
                yield from self._parse_many()
            value, self._at = found
            while self._stack and self._ends_with(value):
                value = self._stack.pop().filled
            if not self._stack:
                break
            yield from self._parse_many()
        if self._skip(self._at) != len(self._text):
            raise ValueError(f"more follows the document at character {self._at}")
        return value

    def _skip(self, at: int) -> int:
        found = _BLANK(self._text, at)
        return found.end() if found else at

    def _parse_small(self) -> tuple[Any, int] | None:
        """Parse a value that ends within the piece at hand; None: it may not."""
        start = self._at - self._begin
        if not 0 <= start < len(self._piece):
            return None
        try:
            value, end = _decode(self._piece, start)
        except (ValueError, RecursionError):
            return None
        if self._begin + len(self._piece) < len(self._text) and self._piece[end : end + 1] in ("", ".", "e", "E"):
            return None  # a number that goes on behind the piece
        return value, self._begin + end

    def _parse_large(self) -> tuple[Any, int] | None:
        """Parse a long string or number; None: an array or object has begun, and its first member is next."""
        at, ends = self._at, {"[": "[]", "{": "{}"}.get(self._text[self._at : self._at + 1])
        if ends is not None:
            if len(self._stack) >= DEEPEST:
                raise ValueError("it is nested too deep")
            filled: list[Any] | dict[str, Any] = [] if ends == "[]" else {}
            self._at = self._skip(at + 1)
            if self._text[self._at : self._at + 1] == ends[1]:
                return filled, self._at + 1
            self._stack.append(_Open(filled, ends))
            return None
        if self._text[at : at + 1] == '"':
            return _decode(self._text, at)
        if not (number := _NUMBER(self._text, at)):
            raise ValueError(f"no JSON value at character {at}")
        return json.loads(number[0]), number.end()

    def _ends_with(self, value: Any) -> bool:
        """Put a value where it belongs; says whether that was the last one there."""
        self._stack[-1].put(value)
        self._at = self._skip(self._at)
        mark = self._text[self._at : self._at + 1]
        if mark == self._stack[-1].ends[1]:
            self._at += 1
            return True
        if mark != ",":
            raise ValueError(f"neither a comma nor an end at character {self._at}")
        self._at = self._skip(self._at + 1)
        return False

    def _parse_many(self) -> _Steps:
        """Parse as many members at a time as a piece has, and the name of the next one."""
        inner = self._stack[-1]
        while self._at >= inner.tried_until:
            inner.tried_until = self._at + self._chunk
            if self._parse_piece(inner):
                inner.tried_until = self._at
                yield
        if isinstance(inner.filled, dict):
            self._parse_name(inner)

    def _parse_piece(self, inner: _Open) -> bool:
        """Parse members up to a comma that stands between two of them; says whether there is one.

        Behind any other comma a string, or something nested, would be left open.
        """
        piece = self._text[self._at : self._at + self._chunk]
        for mark in (",", "},", "],"):
            cut = piece.rfind(mark) + len(mark) - 1
            if cut < len(mark):
                continue
            try:
                members = json.loads(f"{inner.ends[0]}{piece[:cut]}{inner.ends[1]}")
            except (ValueError, RecursionError):
                continue
            if isinstance(inner.filled, list):
                inner.filled.extend(members)
            else:
                inner.filled.update(members)
            self._at = self._skip(self._at + cut + 1)
            return True
        return False

    def _parse_name(self, inner: _Open) -> None:
        if self._text[self._at : self._at + 1] != '"':
            raise ValueError(f"no name of a member at character {self._at}")
        inner.key, self._at = _decode(self._text, self._at)
        self._at = self._skip(self._at)
        if self._text[self._at : self._at + 1] != ":":
            raise ValueError(f"no colon at character {self._at}")
        self._at = self._skip(self._at + 1)
