"""``default(x, fallback)``: CEL can't have it as a function, which would evaluate ``x`` and fail where that is missing.

It is written anew with CEL's own means: ``default(input.a.b, 1)`` becomes
``(has(input.a) && type(input.a) == map && has(input.a.b) ? input.a.b : (1))``.
"""

import json
from collections.abc import Iterator, Sequence

from scriptrun.policies.expressions.faults import ExpressionError
from scriptrun.policies.expressions.paths import parse_path, write_path
from scriptrun.policies.expressions.tokens import Token

__all__ = ["expand_defaults"]

_MOST_MEMBERS = 12
_MOST_NESTED = 8
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


def expand_defaults(tokens: Sequence[Token], nested: int = 0) -> str:
    """Write an expression without ``default``.

    Args:
        tokens: of the expression.
        nested: how many defaults it stands in.

    Raises:
        ExpressionError: a default has not two arguments, or its first one is no member of anything.
    """
    if nested > _MOST_NESTED:
        raise ExpressionError(f"default() stands in more than {_MOST_NESTED} others")
    written: list[str] = []
    at = 0
    while at < len(tokens):
        if _is_default(tokens, at):
            first, second, at = _split(tokens, at + 2)
            written.append(_expand(first, expand_defaults(second, nested + 1)))
        else:
            written.append(tokens[at].text)
            at += 1
    return " ".join(written)


def _is_default(tokens: Sequence[Token], at: int) -> bool:
    is_member = at > 0 and tokens[at - 1].text == "."
    return tokens[at].text == "default" and not is_member and [t.text for t in tokens[at + 1 : at + 2]] == ["("]


def _split(tokens: Sequence[Token], start: int) -> tuple[Sequence[Token], Sequence[Token], int]:
    """Split the arguments of a call at the comma; returns both, and where the expression goes on."""
    depth = 0
    commas: list[int] = []
    for at in range(start, len(tokens)):
        text = tokens[at].text if tokens[at].kind == "sign" else ""
        if text == ")" and depth == 0:
            if len(commas) != 1 or commas[0] == start or commas[0] + 1 == at:
                raise ExpressionError("default takes two arguments: default(input.a, what to use where it is missing)")
            return tokens[start : commas[0]], tokens[commas[0] + 1 : at], at + 1
        if text == "," and depth == 0:
            commas.append(at)
        depth += (text in _OPENING) - (text in _CLOSING) if text else 0
    raise ExpressionError("default( has no closing parenthesis")


def _expand(first: Sequence[Token], fallback: str) -> str:
    path = parse_path(first, 0)
    if first[0].kind != "name" or path.end != len(first) or path.required != len(path.members):
        raise ExpressionError(
            "the first argument of default must be a member, such as input.a.b or steps.s.output.c"
            f", and is {' '.join(token.text for token in first)!r}"
        )
    if len(path.members) > _MOST_MEMBERS:
        raise ExpressionError(f"the first argument of default goes down more than {_MOST_MEMBERS - 1} members")
    conditions = [*_conditions(path.members)] or ["true"]
    return f"({' && '.join(conditions)} ? {write_path(path.members)} : ({fallback}))"


def _conditions(members: Sequence[str | int]) -> Iterator[str]:
    """Say when there is such a member, from the outside in: each is only asked of what is there."""
    for number, member in enumerate(members[1:], start=1):
        holder = write_path(members[:number])
        if isinstance(member, int):
            yield f"type({holder}) == list && size({holder}) > {member}"
        else:
            yield f"type({holder}) == map && {json.dumps(member, ensure_ascii=False)} in {holder}"
