"""What an expression reads, as it is written: ``steps.fetch.output.total`` without having it evaluated."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scriptrun.policies.expressions.faults import ExpressionError
from scriptrun.policies.expressions.tokens import Token, unquote

__all__ = ["MACROS", "Path", "find_paths", "list_steps_read", "parse_path", "write_path"]

MACROS = frozenset({"all", "exists", "exists_one", "existsOne", "filter", "map", "transformList", "transformMap"})
"""Methods that evaluate their last argument for each element; their first one or two are new variables."""

_MACRO_VARIABLES = 2
_POSITION_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Path:
    """A variable, and members of it.

    Attributes:
        members: the variable's name, then keys (text) and positions (numbers).
        required: how many of them have to be there: after a ``.?member`` none has to.
        end: where the expression goes on: number of a token.
    """

    members: tuple[str | int, ...]
    required: int
    end: int


def parse_path(tokens: Sequence[Token], start: int) -> Path:
    """Parse the longest path that begins with the name at a place. Method calls are no part of it."""
    members: list[str | int] = [tokens[start].text]
    at, required = start + 1, 0
    while found := _parse_member(tokens, at):
        member, after, optional = found
        if optional and not required:
            required = len(members)
        members.append(member)
        at = after
    return Path(tuple(members), required or len(members), at)


def _parse_member(tokens: Sequence[Token], at: int) -> tuple[str | int, int, bool] | None:
    """Parse ``.name``, ``["key"]`` or ``[1]``; returns it, where the path goes on, and whether it may be missing."""
    sign, *rest = [*tokens[at : at + 5], None]
    if sign is None:
        return None
    optional = rest[0] is not None and rest[0].text == "?"
    shift = at + 1 + optional
    key, closing, *_ = [*tokens[shift : shift + 2], None, None]
    if key is None:
        return None
    if sign.text == "." and key.kind == "name" and (closing is None or closing.text != "("):
        return key.text.strip("`"), shift + 1, optional
    if sign.text == "[" and closing is not None and closing.text == "]":
        if key.kind == "number" and key.text.isdecimal() and len(key.text) <= _POSITION_DIGITS:
            return int(key.text), shift + 2, optional
        if (text := unquote(key)) is not None:
            return text, shift + 2, optional
    return None


def find_paths(tokens: Sequence[Token], roots: frozenset[str]) -> Iterator[Path]:
    """Find every path that begins with one of the variables.

    Raises:
        ExpressionError: a macro has a variable of such a name, which would hide it.
    """
    for at, token in enumerate(tokens):
        if token.kind != "name" or token.text not in roots or _is_member(tokens, at):
            continue
        if tokens[at + 1 : at + 2] and tokens[at + 1].text == "(":
            continue
        if _is_macro_variable(tokens, at):
            raise ExpressionError(f"{token.text} can't be the variable of a macro: choose another name")
        yield parse_path(tokens, at)


def _is_member(tokens: Sequence[Token], at: int) -> bool:
    before = [token.text for token in tokens[max(at - 2, 0) : at]]
    return before[-1:] == ["."] or before == [".", "?"]


def _is_macro_variable(tokens: Sequence[Token], at: int) -> bool:
    for back in range(at - 1, max(at - 2 * _MACRO_VARIABLES, 1), -2):
        if tokens[back].text == "(":
            return tokens[back - 1].text in MACROS and _is_member(tokens, back - 1) and tokens[at + 1].text == ","
        if tokens[back].text != ",":
            return False
    return False


def list_steps_read(tokens: Sequence[Token]) -> list[str]:
    """List the names of the steps that an expression reads.

    Raises:
        ExpressionError: it reads steps by a name that has to be computed, or all of them.
    """
    names: list[str] = []
    for path in find_paths(tokens, frozenset({"steps"})):
        if path.required == 1 or not isinstance(path.members[1], str):
            raise ExpressionError('steps must be followed by the name of one: steps.NAME or steps["NAME"]')
        if path.members[1] not in names:
            names.append(path.members[1])
    return names


def write_path(members: Sequence[str | int]) -> str:
    """Write a path as CEL."""
    text = str(members[0])
    for member in members[1:]:
        plain = isinstance(member, str) and member.isidentifier() and member.isascii()
        quoted = json.dumps(member, ensure_ascii=False)
        text += f".{member}" if plain else f"[{quoted}]"
    return text
