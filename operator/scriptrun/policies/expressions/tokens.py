"""The tokens of CEL, as far as is needed to see where an expression ends and what it refers to. Linear in the text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from scriptrun.policies.expressions.faults import ExpressionError

__all__ = ["Token", "read_tokens", "unquote"]

Kind = Literal["name", "text", "number", "sign"]

_SPACE = re.compile(r"(?:[ \t\r\n\f]+|//[^\n]*)+")
_TOKEN = re.compile(
    r"(?P<prefix>[rRbB]{0,2}(?=[\"']))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*|`[^`\n]*`)"
    r"|(?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?[uU]?)"
    r"|(?P<sign>&&|\|\||[=!<>]=|.)",
    re.DOTALL,
)
_BODIES = {
    ('"', False): re.compile(r'(?:[^"\\\n]|\\.)*+"'),
    ("'", False): re.compile(r"(?:[^'\\\n]|\\.)*+'"),
    ('"""', False): re.compile(r'(?:[^"\\]|\\.|"(?!""))*+"""', re.DOTALL),
    ("'''", False): re.compile(r"(?:[^'\\]|\\.|'(?!''))*+'''", re.DOTALL),
    ('"', True): re.compile(r'[^"\n]*+"'),
    ("'", True): re.compile(r"[^'\n]*+'"),
    ('"""', True): re.compile(r'(?:[^"]|"(?!""))*+"""'),
    ("'''", True): re.compile(r"(?:[^']|'(?!''))*+'''"),
}


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        kind: name, text (a string or bytes literal), number or sign.
        text: as it is written.
        start: its place in the text.
        end: where it ends there.
    """

    kind: Kind
    text: str
    start: int
    end: int


def read_tokens(text: str, start: int = 0) -> Iterator[Token]:
    """Read the tokens of an expression one by one; it may be followed by anything.

    Args:
        text: holds the expression.
        start: where that begins.

    Raises:
        ExpressionError: a string literal has no end.
    """
    place = start
    while True:
        if space := _SPACE.match(text, place):
            place = space.end()
        found = _TOKEN.match(text, place)
        if not found:
            return
        if found.lastgroup == "prefix":
            token = _read_text(text, place, found["prefix"])
        else:
            kind: Kind = found.lastgroup  # type: ignore[assignment] # the groups are named after the kinds
            token = Token(kind, found[0], place, found.end())
        yield token
        place = token.end


def _read_text(text: str, start: int, prefix: str) -> Token:
    first = start + len(prefix)
    quote = text[first]
    if text.startswith(quote * 3, first):
        quote *= 3
    body = _BODIES[quote, "r" in prefix.lower()].match(text, first + len(quote))
    if not body:
        raise ExpressionError(f"the text that begins with {text[start : start + 20]!r} has no closing {quote}")
    return Token("text", text[start : body.end()], start, body.end())


def unquote(token: Token) -> str | None:
    """Get what a plain string literal says; None for bytes, raw texts and those with escapes."""
    quoted = token.text
    if token.kind != "text" or quoted[0] not in "\"'" or quoted.startswith(('"""', "'''")) or "\\" in quoted:
        return None
    return quoted[1:-1]
