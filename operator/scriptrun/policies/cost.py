"""How long checking a document against a schema can take at most.

The engine that checks is native code and can't be interrupted, so what may be expensive has to be known before. Most
schemas take time linear in the document. But recursive schemas multiply with the depth of the document, a pattern may
take its compiled size for each character, and no schema may say more than 64 KiB times the largest document.

The bound is computed without the document. For each subschema, ``check`` is the time that a value and everything in it
may take, per byte of the value's JSON text. What is applied to the same value adds up; of what is applied to members
and items, those that never get the same member count by their maximum, because members share the value's bytes. In a
recursive schema it is computed once per level of the document.

The weights are nanoseconds on one core, measured with jsonschema-rs 0.60 and rounded up.
"""

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scriptrun.policies.bounded import BoundedCache
from scriptrun.policies.documents import DEEPEST
from scriptrun.policies.patterns import PATTERN_LIMIT_BYTES, compiled_bytes
from scriptrun.policies.structure import (
    SCHEMA_LIMIT_BYTES,
    check_structure,
    count_copies,
    list_patterns,
    order_subschemas,
)
from scriptrun.policies.subschemas import Graph, Subschema, read_graph

__all__ = ["SATURATED_NS", "Bound", "bound_check", "estimate_check"]

SATURATED_NS = 2**62
"""Stands for every larger bound."""

_KEYWORD_NS = 40
_KEYWORDS_NS = {
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), 400),
    "multipleOf": 12_000,  # exact fractions: 1e308 is a multiple of 1e-308
    "format": 250,
    "uniqueItems": 500,
}
_NUMBER_OPTION_NS, _OPTION_NS, _NAME_NS = 900, 60, 20
_METASCHEMA_NS = 20_000
_ERROR_NS, _ERROR_LEVEL_NS = 100, 50
_COMPILE_BYTE_NS, _COMPILE_PATTERN_NS, _COMPILE_COPY_NS = 2_000, 60, 20_000
_MOST_STEPS = 20_000

_cache: "BoundedCache[str, _Weighed | None]" = BoundedCache(16 * 2**20)


@dataclass(frozen=True, slots=True)
class Bound:
    """What checking documents of some depth may take.

    Attributes:
        compile_ns: compiling the schema.
        check_ns: saying whether a document matches, per byte of it.
        explain_ns: finding out where it does not match and why, per byte of it.
        nesting: how many ``anyOf`` and ``oneOf`` the place of an error may be within.
    """

    compile_ns: int
    check_ns: int
    explain_ns: int
    nesting: int


class _Cost(NamedTuple):
    """What a subschema may take, in nanoseconds per byte of the value.

    Attributes:
        check: saying whether the value matches.
        marks: finding out what of it was evaluated, for ``unevaluatedProperties``.
        collect: collecting all errors.
        nesting: how many ``anyOf`` and ``oneOf`` an error may be within.
    """

    check: int
    marks: int
    collect: int
    nesting: int


_NOTHING = _Cost(0, 0, 0, 0)


@dataclass(slots=True)
class _Weighed:
    """A schema that may be used, made ready for computing bounds."""

    graph: Graph
    order: list[int]
    recursive: bool
    references: int
    compile_ns: int
    bounds: dict[int, Bound] = field(default_factory=dict)


def _leads_to(subschema: Subschema) -> list[int]:
    return [*subschema.in_place, *subschema.one_of_them, *subschema.each]


def _weigh_options(options: object) -> int:
    weight, rest = 0, [options]
    while rest:
        part = rest.pop()
        if isinstance(part, dict):
            rest.extend(part.values())
        elif isinstance(part, list):
            rest.extend(part)
        is_number = isinstance(part, int | float) and not isinstance(part, bool)
        weight += _NUMBER_OPTION_NS if is_number else _OPTION_NS
    return weight


def _count_names(value: object) -> int:
    """Count the names in ``required`` or ``dependentRequired``."""
    parts = value.values() if isinstance(value, dict) else [value]
    return sum(1 + len(part) for part in parts if isinstance(part, list))


def _weigh_subschema(subschema: Subschema, weighed: "_Weighed", depth: int) -> _Cost:
    """Weigh a subschema's own keywords."""
    check, marks, collect = _KEYWORD_NS, _KEYWORD_NS, 0
    for keyword, value in subschema.schema.items():
        errors, quoted = 1, 0
        check += _KEYWORDS_NS.get(keyword, _KEYWORD_NS)
        if keyword in ("enum", "const"):
            check += _weigh_options(value)
        if keyword in ("required", "dependentRequired", "dependencies"):
            errors = _count_names(value)
            check += _NAME_NS * errors
        if keyword in ("enum", "const", "not", "pattern"):
            quoted = len(json.dumps(value))
        collect += errors * (_ERROR_NS + _ERROR_LEVEL_NS * depth) + quoted * _ERROR_NS // 2
    for keyword, pattern in list_patterns(subschema):
        size = _KEYWORD_NS + (compiled_bytes(pattern) or PATTERN_LIMIT_BYTES)
        check += size
        marks += size if keyword == "patternProperties" else 0
    if subschema.external:
        check, marks = check + _METASCHEMA_NS * (1 + depth), marks + _METASCHEMA_NS * (1 + depth)
    if subschema.is_reference:  # each looks through those that are under way
        check += weighed.references * (1 + depth)
    return _Cost(check, marks, collect, 0)


def _weigh(text: str) -> _Weighed | None:
    """Make a schema ready; None for one that is refused before anything is checked."""
    schema = json.loads(text)
    if not isinstance(schema, dict):
        return None
    graph = read_graph(schema)
    if check_structure(graph):
        return None
    subschemas = graph.subschemas
    in_place, _ = order_subschemas(len(subschemas), lambda index: subschemas[index].in_place)
    order, on_cycle = order_subschemas(len(subschemas), lambda index: _leads_to(subschemas[index]))
    patterns = {pattern for subschema in subschemas for _, pattern in list_patterns(subschema)}
    compiled = sum(compiled_bytes(pattern) or 0 for pattern in patterns)
    return _Weighed(
        graph=graph,
        order=order if on_cycle is None else in_place,
        recursive=on_cycle is not None,
        references=sum(subschema.is_reference for subschema in subschemas),
        compile_ns=len(text) * _COMPILE_BYTE_NS
        + compiled * _COMPILE_PATTERN_NS
        + count_copies(subschemas, in_place) * _COMPILE_COPY_NS,
    )


def _bound_subschema(subschema: Subschema, weight: _Cost, same: list[_Cost], inner: list[_Cost]) -> _Cost:
    """Bound one subschema by those that it leads to.

    Args:
        subschema: the subschema.
        weight: its own keywords'.
        same: the costs of subschemas for a value as deep as this one.
        inner: the costs of subschemas for its members and items.
    """
    in_place = [same[child] for child in subschema.in_place]
    one_of_them = [inner[child] for child in subschema.one_of_them]
    each = [inner[child] for child in subschema.each]
    members = max((cost.check for cost in one_of_them), default=0) + sum(cost.check for cost in each)
    # What was evaluated is found out by checking branches once more, on every level of unevaluatedProperties.
    marks = weight.marks + members + sum(cost.check + cost.marks for cost in in_place)
    check = weight.check + members + sum(cost.check for cost in in_place)
    check += marks if subschema.is_unevaluated else 0
    collect = weight.collect + check + sum(cost.check + cost.collect for cost in in_place)
    collect += max((cost.collect for cost in one_of_them), default=0) + sum(cost.collect for cost in each)
    nesting = max((cost.nesting for cost in in_place), default=0) + bool(subschema.branches)
    nesting = max(nesting, *(cost.nesting for cost in one_of_them + each), 0)
    return _Cost(min(check, SATURATED_NS), min(marks, SATURATED_NS), min(collect, SATURATED_NS), nesting)


def _bound(weighed: _Weighed, depth: int) -> Bound:
    subschemas = weighed.graph.subschemas
    weights = [_weigh_subschema(subschema, weighed, depth) for subschema in subschemas]
    costs = [_NOTHING] * len(subschemas)
    if not weighed.recursive:  # then each comes after those that it leads to, at whatever depth
        for index in weighed.order:
            costs[index] = _bound_subschema(subschemas[index], weights[index], costs, costs)
    elif (depth + 1) * len(subschemas) > _MOST_STEPS:
        costs[0] = _Cost(SATURATED_NS, SATURATED_NS, SATURATED_NS, _MOST_STEPS)
    else:
        for _ in range(depth + 1):
            inner, costs = costs, [_NOTHING] * len(subschemas)
            for index in weighed.order:
                costs[index] = _bound_subschema(subschemas[index], weights[index], costs, inner)
    has_branches = any(subschema.branches for subschema in subschemas)
    explain = costs[0].collect if has_branches else 2 * costs[0].check + _ERROR_NS
    return Bound(weighed.compile_ns, costs[0].check, explain, costs[0].nesting)


def bound_check(schema: dict[str, Any], depth: int) -> Bound | None:
    """Bound the time of checks against a schema.

    Args:
        schema: the schema.
        depth: how many levels of lists and objects the documents have at most.

    Returns:
        The bound; None: the schema is refused before anything is checked.
    """
    try:
        text = json.dumps(schema)
    except RecursionError:
        return None
    if len(text) > SCHEMA_LIMIT_BYTES:
        return None
    weighed = _cache.get(text, lambda: (_weigh(text), 1000 + 30 * len(text)))
    if weighed is None:
        return None
    depth = min(depth, DEEPEST) if weighed.recursive else 0
    if depth not in weighed.bounds:
        weighed.bounds[depth] = _bound(weighed, depth)
    return weighed.bounds[depth]


def estimate_check(schema: dict[str, Any], document_bytes: int, document_depth: int = DEEPEST) -> int:
    """Estimate how long checking a schema and a document against it takes at most.

    Args:
        schema: the schema; it need not be a correct one.
        document_bytes: length of the document as JSON; 0: only the schema is checked.
        document_depth: how many levels of lists and objects it has at most.

    Returns:
        Nanoseconds, `SATURATED_NS` at most.
    """
    bound = bound_check(schema, document_depth)
    if bound is None:
        return 0
    return min(SATURATED_NS, bound.compile_ns + document_bytes * (bound.check_ns + bound.explain_ns))
