"""JSON documents by the hundred, and what may become of one on its way: Hypothesis makes them, one run carries many.

A round trip through a real cluster takes seconds, so documents are packed: each still is small, and a failure names
the one that did not come back.
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

T = TypeVar("T")

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
CONTROLS = "\x00 \x1b[31m \x7f\x80\x85\x9b \u2028\u2029 \u202e\u2066 \ufeff \ufffe\uffff \U0001f600 e\u0301 \xe9"
SYNTAX = '<&> \\ " \\u0041 ${x} {{x}} null 1e3 0x1F ~ yes << *a &a !!int'
NASTY_TEXTS = st.sampled_from([*CONTROLS.split(" "), *SYNTAX.split(" "), " a \r\n", ""])
INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1, 0])
DOUBLES = st.floats(-(2.0**62), 2.0**62, allow_nan=False) | st.sampled_from([1.0, -0.0, 5e-324, 1e-7, 1e15, 1e17, 0.1])
SCALARS = st.none() | st.booleans() | INTEGERS | DOUBLES | TEXTS | NASTY_TEXTS
KEYS = TEXTS | NASTY_TEXTS | st.sampled_from(["", "$ref", "__proto__", "a.b/~c", "constructor", "k" * 1000])


def nest(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Documents of these scalars."""
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=8
    )


DOCUMENTS = nest(SCALARS)
"""What a custom resource carries."""
WIDE_DOCUMENTS = nest(
    SCALARS | st.integers() | st.integers(10**300, 10**310) | st.floats(allow_nan=False, allow_infinity=False)
)
"""What JSON in a ConfigMap carries: integers of any size too."""


def make(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """Make as many documents."""
    made: list[T] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(document: T) -> None:
        made.append(document)

    collect()
    return made


def after_kubernetes(document: Any) -> Any:
    """What a document is once it was in a custom resource: doubles in their shortest form, 1.0 as 1."""
    if isinstance(document, dict):
        return {key: after_kubernetes(value) for key, value in document.items()}
    if isinstance(document, list):
        return [after_kubernetes(value) for value in document]
    if isinstance(document, float):
        shortest = Decimal(repr(document))
        return int(shortest) if shortest == shortest.to_integral_value() and abs(shortest) < 10**21 else document
    return document


def assert_same(found: Sequence[Any], expected: Sequence[Any]) -> None:
    """Compare documents to the last digit and type; members of an object have no order."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert write(one) == write(other)


def write(document: Any) -> str:
    """Write a document so that no two different ones look alike."""
    return json.dumps(document, sort_keys=True)
