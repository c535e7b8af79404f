"""What is refused of a JSON Schema although JSON Schema allows it: checking values by it would have no useful bound."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scriptrun.policies.patterns import PATTERN_LIMIT_BYTES, automaton_bytes, check_pattern, compiled_bytes
from scriptrun.policies.subschemas import Graph, Subschema, json_path

__all__ = [
    "SCHEMA_LIMIT_BYTES",
    "SCHEMA_LIMIT_LEVELS",
    "check_structure",
    "count_branches",
    "estimate_memory",
    "list_patterns",
]

SCHEMA_LIMIT_BYTES = 65_536
"""A schema travels with each Job as an annotation; Kubernetes allows 256 KiB of those in all."""

SCHEMA_LIMIT_LEVELS = 100
"""Levels of nesting in the schema's text; the engine itself stops at 128."""

_MOST_PATTERNS = 256
_LONGEST_CHAIN = 100
_MOST_STEPS = 10_000
_MOST_COPIES = 2_000
_METASCHEMA_STEPS = 200


def list_patterns(subschema: Subschema) -> list[tuple[str, str]]:
    """List a subschema's own patterns, each with its keyword."""
    schema = subschema.schema
    patterns = [("pattern", pattern)] if isinstance(pattern := schema.get("pattern"), str) else []
    named = schema.get("patternProperties")
    return patterns + [("patternProperties", name) for name in (named if isinstance(named, dict) else ())]


def _order_in_place(subschemas: Sequence[Subschema]) -> tuple[list[int], int | None]:
    """Sort subschemas so that each comes after those that are applied to the same value by it.

    Returns:
        Their indexes in that order, and one that leads back to itself; None: no one does, and only then the order
        means something.
    """
    order: list[int] = []
    state = bytearray(len(subschemas))  # 1: its descendants are being visited, 2: done
    on_cycle: int | None = None
    for start in range(len(subschemas)):
        if state[start]:
            continue
        state[start] = 1
        stack = [(start, iter(subschemas[start].in_place))]
        while stack:
            index, rest = stack[-1]
            for following in rest:
                if state[following] == 1:
                    on_cycle = following if on_cycle is None else on_cycle
                elif not state[following]:
                    state[following] = 1
                    stack.append((following, iter(subschemas[following].in_place)))
                    break
            else:
                stack.pop()
                state[index] = 2
                order.append(index)
    return order, on_cycle


def check_structure(graph: Graph) -> str:
    """Check a schema's references, patterns and nesting; return the first place that is refused and why, or ""."""
    if graph.wrong:
        return graph.wrong
    for subschema in graph.subschemas:
        for reference in subschema.unresolved:
            return f"at {json_path(subschema.keys)}: it has a $ref that can't be resolved within it: {reference[:100]}"
    return _check_patterns(graph) or _check_nesting(graph.subschemas)


def _check_patterns(graph: Graph) -> str:
    seen: dict[str, int] = {}
    for subschema in graph.subschemas:
        for keyword, pattern in list_patterns(subschema):
            if pattern in seen:
                continue
            place = json_path([*subschema.keys, keyword, *([pattern[:60]] if keyword == "patternProperties" else [])])
            if len(seen) == _MOST_PATTERNS:
                return f"at {place}: it has more than {_MOST_PATTERNS} different patterns"
            if wrong := check_pattern(pattern):
                return f"at {place}: {wrong}"
            seen[pattern] = compiled_bytes(pattern) or PATTERN_LIMIT_BYTES
            if sum(seen.values()) > PATTERN_LIMIT_BYTES:
                return (
                    f"at {place}: with this one the patterns compile to more than {PATTERN_LIMIT_BYTES} bytes; "
                    'large repetitions such as {1,1000} are better said with "maxLength"'
                )
    return ""


@dataclass(slots=True)
class _Multiplied:
    """How often one value meets subschemas, counted for each subschema that it may start from."""

    chain: list[int]
    steps: list[int]
    marks: list[int]
    copies: list[int]


def _multiply(subschemas: Sequence[Subschema], order: Iterable[int]) -> _Multiplied:
    """Count the ways in which references and applicators multiply.

    The engine compiles what stands beside ``unevaluatedProperties`` once per path to it (``copies``), and evaluates it
    once more to learn what it evaluated (``marks``).
    """
    counts = _Multiplied(*([0] * len(subschemas) for _ in range(4)))
    for index in order:
        subschema = subschemas[index]
        own = _METASCHEMA_STEPS if subschema.external else 1
        counts.chain[index] = 1 + max((counts.chain[child] for child in subschema.in_place), default=0)
        counts.copies[index] = own + sum(counts.copies[child] for child in subschema.in_place)
        counts.marks[index] = own + sum(counts.steps[child] + counts.marks[child] for child in subschema.in_place)
        counts.steps[index] = own + sum(counts.steps[child] for child in subschema.in_place)
        if subschema.is_unevaluated:
            counts.steps[index] += counts.marks[index]
    return counts


def _count_copies(subschemas: Sequence[Subschema], order: Iterable[int]) -> int:
    """Count what is compiled for ``unevaluatedProperties`` and ``unevaluatedItems`` over and above the schema."""
    copies = _multiply(subschemas, order).copies
    return sum(count for subschema, count in zip(subschemas, copies, strict=True) if subschema.is_unevaluated)


def _check_nesting(subschemas: Sequence[Subschema]) -> str:
    order, on_cycle = _order_in_place(subschemas)
    if on_cycle is not None:
        return f"at {json_path(subschemas[on_cycle].keys)}: it leads back to itself for the same value"
    counts, copies = _multiply(subschemas, order), 0
    for index in order:
        subschema, wrong = subschemas[index], ""
        copies += counts.copies[index] if subschema.is_unevaluated else 0
        if copies > _MOST_COPIES:
            wrong = f"more than {_MOST_COPIES} subschemas stand beside unevaluatedProperties or unevaluatedItems"
        if counts.chain[index] > _LONGEST_CHAIN:
            wrong = f"more than {_LONGEST_CHAIN} subschemas apply to the same value, each within another"
        if counts.steps[index] > _MOST_STEPS:
            wrong = f"one value is checked by {counts.steps[index]} subschemas, at most {_MOST_STEPS} are allowed"
        if wrong:
            return f"at {json_path(subschema.keys)}: {wrong}; references multiply: use fewer"
    return ""


def count_branches(subschemas: Sequence[Subschema]) -> int:
    """Count the ``anyOf`` and ``oneOf`` that may be one within the other for the same value."""
    order, _ = _order_in_place(subschemas)
    branches = [0] * len(subschemas)
    for index in order:
        inner = max((branches[child] for child in subschemas[index].in_place), default=0)
        branches[index] = inner + bool(subschemas[index].branches)
    return max(branches, default=0)


def estimate_memory(graph: Graph, text_bytes: int) -> int:
    """Estimate the memory of a compiled schema and of what matching adds to it, in bytes."""
    subschemas = graph.subschemas
    order, _ = _order_in_place(subschemas)
    patterns = {pattern for subschema in subschemas for _, pattern in list_patterns(subschema)}
    automata = sum((compiled_bytes(pattern) or 0) + 2 * automaton_bytes(len(patterns)) for pattern in patterns)
    return 10_000 + 100 * text_bytes + 4_000 * _count_copies(subschemas, order) + automata
