"""Regular expressions that tenants write: ECMA-262 patterns in an engine whose time is linear in the text.

The engine is the one that checks schemas, so that a pattern matches the same names and values everywhere. It is an
automaton and never backtracks, which is why it has no look-around and no back-references; its time is linear in the
text and in the size of the compiled pattern, and that size is limited here.
"""

import json
from collections.abc import Iterator
from functools import lru_cache

import jsonschema_rs

from scriptrun.policies.bounded import BoundedCache

__all__ = [
    "LONGEST_PATTERN",
    "PATTERN_LIMIT_BYTES",
    "automaton_bytes",
    "check_pattern",
    "compiled_bytes",
    "find_matches",
    "is_match",
    "is_regular_expression",
    "pattern_options",
]

PATTERN_LIMIT_BYTES = 4 * 2**20
"""The largest compiled pattern, and the most that all patterns of one schema may come to."""

LONGEST_PATTERN = 4096
"""Characters."""

_MOST_REWRITES = 200_000
"""Characters of a pattern times its class escapes: the engine rewrites it once per ``\\d``, ``\\w`` and ``\\s``."""

_LOOK_AROUND = frozenset(("(?=", "(?!", "(?<=", "(?<!"))
_BACK_REFERENCES = frozenset(("\\k", *(f"\\{digit}" for digit in range(1, 10))))
_REWRITTEN = frozenset(f"\\{letter}" for letter in "dDwWsS")

_SIZES = (*(2**power for power in range(10, 17)), 2**18, 2**20, PATTERN_LIMIT_BYTES)
_DFA_BYTES = 2**18
_CACHE_BYTES = 32 * 2**20

_matchers: BoundedCache[str, jsonschema_rs.Validator | None] = BoundedCache(_CACHE_BYTES)


def automaton_bytes(patterns: int) -> int:
    """Share out the memory of the automata that are built while matching, in bytes, over a schema's patterns."""
    return max(2**16, min(2**21, 2**24 // max(1, patterns)))


def pattern_options(patterns: int) -> jsonschema_rs.RegexOptions:
    """Build the engine's limits for a schema with so many patterns."""
    return jsonschema_rs.RegexOptions(size_limit=PATTERN_LIMIT_BYTES, dfa_size_limit=automaton_bytes(patterns))


def _compile(pattern: str, size_limit: int) -> jsonschema_rs.Validator | None:
    options = jsonschema_rs.RegexOptions(size_limit=size_limit, dfa_size_limit=_DFA_BYTES)
    try:
        return jsonschema_rs.validator_for(json.dumps({"pattern": pattern}), offline=True, pattern_options=options)
    except ValueError:  # ValidationError among them
        return None


@lru_cache(maxsize=1024)
def compiled_bytes(pattern: str) -> int | None:
    """Measure a pattern: the smallest limit under which it compiles; None if it compiles under none."""
    if len(pattern) > LONGEST_PATTERN:
        return None
    return next((size for size in _SIZES if _compile(pattern, size) is not None), None)


def _split(pattern: str) -> Iterator[tuple[str, bool]]:
    """Split a pattern into escapes, openings of groups and single characters, each with whether a class holds it."""
    in_class, at = False, 0
    while at < len(pattern):
        part = pattern[at : at + 2] if pattern[at] == "\\" else pattern[at]
        if part == "(":
            part = next((opening for opening in _LOOK_AROUND if pattern.startswith(opening, at)), part)
        if part in "[]":
            in_class = part == "["
        yield part, in_class
        at += len(part)


def check_pattern(pattern: str) -> str:
    """Check that the engine takes a pattern; return what is wrong and what to do instead, or ""."""
    if len(pattern) > LONGEST_PATTERN:
        return f"the pattern has {len(pattern)} characters, at most {LONGEST_PATTERN} are allowed"
    parts = list(_split(pattern))
    outside = {part for part, in_class in parts if not in_class}
    escapes = sum(part in _REWRITTEN for part, _ in parts)
    if escapes * len(pattern) > _MOST_REWRITES:
        return (
            f"the pattern repeats \\d, \\w or \\s {escapes} times; write a repetition such as \\d{{{escapes}}} instead"
        )
    if compiled_bytes(pattern) is not None:
        return ""
    if outside & _LOOK_AROUND:
        return (
            "look-around ((?=…), (?!…), (?<=…), (?<!…)) is not supported, because patterns are matched in linear time; "
            'combine patterns with "allOf" and "not" instead'
        )
    if outside & _BACK_REFERENCES:
        return "back-references (\\1, \\k<name>) are not supported, because patterns are matched in linear time"
    if is_regular_expression(pattern):
        return (
            f"the pattern is not supported, or compiles to more than {PATTERN_LIMIT_BYTES} bytes; large repetitions "
            'such as {1,1000} are better said with "maxLength"'
        )
    return "the pattern is not a regular expression"


def is_match(pattern: str, text: str) -> bool | None:
    """Whether a pattern matches somewhere in a text; None for a pattern that the engine does not take."""
    matcher = _matchers.get(pattern, lambda: _build_matcher(pattern))
    return None if matcher is None else matcher.is_valid(text)


def find_matches(patterns: tuple[str, ...], text: str) -> list[str]:
    """Find the patterns that match somewhere in a text; one that the engine does not take matches, whatever it means.

    Hundreds of patterns are tried at once, and one by one only where any of them matches.
    """
    return [
        pattern
        for union, members in _unite(patterns)
        if is_match(union, text) is not False
        for pattern in members
        if is_match(pattern, text) is not False
    ]


@lru_cache(maxsize=64)
def _unite(patterns: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """Unite patterns: each union matches where any of its members does, and is no longer than a pattern may be."""
    usable = dict.fromkeys(pattern for pattern in patterns if is_match(pattern, "") is not None)
    unions = [(pattern, [pattern]) for pattern in patterns if pattern not in usable]
    text, members = "", list[str]()
    for pattern in usable:  # another one might mean something else in a union
        longer = f"{text}|(?:{pattern})" if text else f"(?:{pattern})"
        if text and len(longer) > LONGEST_PATTERN:
            unions.append((text, members))
            longer, members = f"(?:{pattern})", []
        text, members = longer, [*members, pattern]
    return [*unions, (text, members)] if members else unions


def _build_matcher(pattern: str) -> tuple[jsonschema_rs.Validator | None, int]:
    if check_pattern(pattern):
        return None, len(pattern)
    size = compiled_bytes(pattern) or PATTERN_LIMIT_BYTES
    return _compile(pattern, size), size + 2 * _DFA_BYTES


def is_regular_expression(text: str) -> bool:
    """Whether a text is a regular expression, as ``format: regex`` asks; one that is too long is none."""
    return len(text) <= LONGEST_PATTERN and jsonschema_rs.is_valid({"format": "regex"}, text, validate_formats=True)
