"""Estimates what evaluating expressions takes. Without macros an expression looks at what it reads once per mention."""

from collections.abc import Mapping, Sequence
from typing import Any

from scriptrun.policies.effort import is_at_most
from scriptrun.policies.expressions.paths import MACROS
from scriptrun.policies.expressions.template import Expression

__all__ = ["is_quick"]

_QUICK_BYTES, _QUICK_WORK = 65_536, 4_000_000
"""Bytes that are read, and those times the mentions (a few milliseconds)."""
_QUICK_SOURCE, _QUICK_MACRO_BYTES = 400, 1024
"""With one macro: so few elements that it does not matter what is done with each."""
_MULTIPLIERS = frozenset({"replace", "join", "format", "split", "matches", "json"})
"""Functions whose result can be larger than their arguments, or that compile one of them."""


def is_quick(expressions: Sequence[Expression], variables: Mapping[str, Any]) -> bool:
    """Whether expressions are evaluated within a few milliseconds and megabytes, whatever is in them.

    Args:
        expressions: all that are to be evaluated.
        variables: what they read, and no more.
    """
    names = [token.text for one in expressions for token in one.tokens if token.kind == "name"]
    characters = sum(len(one.source) for one in expressions)
    macros = sum(name in MACROS for name in names)
    if macros or any(name in _MULTIPLIERS for name in names):
        many = len(expressions) * macros + sum(name in _MULTIPLIERS for name in names)
        small = characters <= _QUICK_SOURCE and is_at_most(dict(variables), _QUICK_MACRO_BYTES)
        return small and macros <= 1 and many <= 1 + len(expressions)
    if not is_at_most(dict(variables), _QUICK_BYTES):
        return False
    return is_at_most(dict(variables), _QUICK_WORK // (1 + len(names)))
