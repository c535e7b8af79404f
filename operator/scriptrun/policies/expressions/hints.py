"""Messages of CEL, put as the author of a Workflow would say it; and what to write instead of what habit writes."""

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from scriptrun.policies.expressions.paths import write_path
from scriptrun.policies.expressions.tokens import Token

__all__ = ["explain_failure", "explain_syntax", "find_habit"]

_WORDS = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "True": "true",
    "False": "false",
    "None": "null",
    "nil": "null",
    "undefined": "null",
}
_CALLS = {"len": "size(x)", "length": "size(x)", "str": "string(x)", "float": "double(x)", "tojson": "json(x)"}
_SIGNS = {
    "=": "= compares nothing in CEL: write ==",
    "$": "JSONPath ($) is for extract alone: here write input.a or steps.NAME.output.b",
}
_PLACE = re.compile(r"ERROR: <input>:-?\d+:-?\d+: (?P<text>.*?)(?:\n|$)")
_UNDECLARED = re.compile(r"undeclared reference to '(?P<name>[^']*)'")
_OVERLOAD = re.compile(r"[Nn]o matching overloads? found : (?P<name>\S+?)\((?P<types>[^)]*)\)")
_CHECKED = re.compile(r"found no matching overload for '(?P<name>[^']*)' applied to '\((?P<types>.*?)\)'")
_OPERATORS = re.compile(r"^_?(?P<sign>[^\w\s]{1,2}|in)_?$")
_NUMBERS = frozenset({"int", "double", "uint"})
_LISTED = 10


def explain_syntax(message: str, roots: Collection[str]) -> str:
    """Explain why an expression can't be compiled.

    Args:
        message: CEL's.
        roots: the variables there are.
    """
    if "recursion" in message or "Exceeded max" in message:
        return "is nested too deeply: at most 32 levels"
    found = _PLACE.search(message)
    text = found["text"] if found else message.partition("\n")[0]
    if undeclared := _UNDECLARED.search(text):
        return _explain_name(undeclared["name"], roots)
    if overload := _CHECKED.search(text):
        return _explain_types(overload["name"], overload["types"])
    return f"is not CEL: {text.removeprefix('Syntax error: ')}"


def find_habit(tokens: Sequence[Token]) -> str:
    """Find what people write because other languages have it, and say what to write instead; "" for nothing."""
    for at, token in enumerate(tokens):
        following = tokens[at + 1].text if at + 1 < len(tokens) else ""
        if token.text == "|" and token.kind == "sign":
            name = following or "f"
            return f"CEL has no filters (|): write {name}(a, b) for a | {name}(b), and {name}(a) for a | {name}"
        if token.text == "steps" and (dashed := _read_dashed(tokens, at)):
            return f'steps.{dashed} is a subtraction: write steps["{dashed}"]'
        if token.kind == "sign" and token.text in _SIGNS:
            return _SIGNS[token.text]
        is_member = at > 0 and tokens[at - 1].text == "."
        if token.kind == "name" and not is_member and token.text in _WORDS:
            return f"{token.text} is not CEL: write {_WORDS[token.text]}"
        if token.kind == "name" and not is_member and token.text == "if":
            return "a if b else c is not CEL: write b ? a : c"
    return ""


def _read_dashed(tokens: Sequence[Token], at: int) -> str:
    """Read ``a-b`` of ``steps.a-b``, where no space is around the dash; "" if it is none."""
    name = ""
    for token in tokens[at + 2 :]:
        if token.start != (tokens[at + 1].end + len(name)) or not (
            token.kind in ("name", "number") or token.text == "-"
        ):
            break
        name += token.text
    is_member = [token.text for token in tokens[at + 1 : at + 2]] == ["."]
    return name.strip("-") if is_member and "-" in name.strip("-") else ""


def _explain_name(name: str, roots: Collection[str]) -> str:
    first = name.partition(".")[0]
    if first in _CALLS:
        return f"there is no {first}: write {_CALLS[first]}"
    near = get_close_matches(first, roots, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(roots))}"
    return f"nothing is called {first!r}: {hint}"


def _explain_types(name: str, types: str) -> str:
    sign = _OPERATORS.match(name)
    kinds = [kind.strip().removesuffix("64") for kind in types.split(",")]
    if sign and len(kinds) > 1:
        what = f"{kinds[0]} {sign['sign']} {kinds[1]}"
        if set(kinds) <= _NUMBERS:
            return f"{what} mixes numbers of two kinds: convert one with int(x) or double(x), or write 2.0 for 2"
        return f"CEL has no {what}: convert one side, for example with string(x), int(x) or double(x)"
    return f"{name} does not take ({types})"


def explain_failure(message: str, paths: Sequence[Sequence[str | int]], variables: Mapping[str, Any]) -> str:
    """Explain why an evaluation failed.

    Args:
        message: CEL's.
        paths: what the expression reads.
        variables: what there was.
    """
    if "NOT_FOUND" in message or "Index error" in message or "No matching overloads found : _[_]" in message:
        for path in paths:
            if missing := _find_missing(path, variables):
                return missing
    if overload := _OVERLOAD.search(message):
        return _explain_types(overload["name"], overload["types"])
    if "Iteration budget" in message:
        return "goes through more elements than it may: at most 10,000 steps"
    if "python type" in message.lower():
        return "the result is of a type that JSON does not have: end an optional with .orValue(x)"
    text = message.partition("\n")[0]
    return re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", text).rstrip(" :")


def _find_missing(path: Sequence[str | int], variables: Mapping[str, Any]) -> str:
    """Say which member of a path is missing; "" if none is."""
    value: Any = variables
    for number, member in enumerate(path):
        if isinstance(value, Mapping) and member in value:
            value = value[member]
        elif isinstance(value, list) and isinstance(member, int) and member < len(value):
            value = value[member]
        elif number:
            there = _describe(value)
            written = write_path(path[: number + 1])
            return f"{written} is missing: {write_path(path[:number])} {there}. Use default({written}, …) if it may be"
        else:
            value = {}
    return ""


def _describe(value: Any) -> str:
    if isinstance(value, Mapping):
        names = ", ".join(str(name) for name in list(value)[:_LISTED])
        return f"has {names}{', …' if len(value) > _LISTED else ''}" if value else "is empty"
    if isinstance(value, list):
        return f"has {len(value)} elements"
    kinds = {str: "a text", bool: "true or false", int: "a number", float: "a number", type(None): "null"}
    return f"is {kinds.get(type(value), 'of another type')}"
