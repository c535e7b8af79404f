"""What is quick, by sizes alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.policies.effort import (
    QUICK_BYTES,
    is_at_most,
    is_quick_check,
    is_quick_hiding,
    is_quick_schema,
    is_quick_search,
)

TEXT = '{"name": "Ada"}'
LARGE_TEXT = f'"{"x" * QUICK_BYTES}"'


@pytest.mark.parametrize("is_quick", [is_quick_check, is_quick_search])
def test_small_documents_are_quick_and_large_ones_are_not(is_quick: Callable[[dict[str, Any], str], bool]) -> None:
    schema = {"properties": {"name": {"type": "string"}}}
    assert is_quick(schema, TEXT)
    assert is_quick({}, TEXT)
    assert not is_quick(schema, LARGE_TEXT)
    assert not is_quick({}, LARGE_TEXT)
    assert not is_quick({"description": "x" * 5_000_000}, TEXT)


@pytest.mark.parametrize(
    "schema",
    [
        {"items": {"$ref": "#/$defs/a"}},
        {"items": {"multipleOf": 1e-308}},
        {"items": {"pattern": "^a{200}$"}},
        {"items": {"patternProperties": {"^a{200}$": {}}}},
        {"items": {"format": "regex"}},
        {"allOf": [{}], "unevaluatedProperties": False},
        {"items": {"allOf": [{}] * 500}},
    ],
    ids=["references", "fractions", "pattern", "pattern of names", "expression", "unevaluated", "product"],
)
def test_a_check_is_not_quick_where_parts_multiply_or_compute(schema: dict[str, Any]) -> None:
    text = "[" + "1e18," * 500 + "1]"
    assert is_quick_check({"items": {"type": "number"}}, text)
    assert not is_quick_check(schema, text)


@pytest.mark.parametrize(
    "schema", [{"$ref": "#/$defs/a"}, {"patternProperties": {"a": {}}}], ids=["reference", "pattern of names"]
)
def test_a_search_is_not_quick_where_it_has_no_bound_by_its_size(schema: dict[str, Any]) -> None:
    assert not is_quick_search(schema, TEXT)


@pytest.mark.parametrize("is_quick", [is_quick_check, is_quick_search])
def test_a_schema_without_a_bottom_is_not_quick(is_quick: Callable[[dict[str, Any], str], bool]) -> None:
    schema: dict[str, Any] = {}
    for _ in range(3000):
        schema = {"not": schema}
    assert not is_quick(schema, TEXT)


def test_a_schema_is_quick_by_its_size() -> None:
    assert is_quick_schema("{}")
    assert not is_quick_schema("x" * 5000)


def test_hiding_is_quick_for_a_few_texts_in_a_small_one() -> None:
    assert is_quick_hiding(1000, 10)
    assert is_quick_hiding(100, 1000)
    assert not is_quick_hiding(100, 1001)
    assert not is_quick_hiding(50_000, 500)
    assert not is_quick_hiding(QUICK_BYTES + 1, 0)


@pytest.mark.parametrize(
    "document",
    [
        "x" * 5000,
        ["x"] * 1000,
        [[] for _ in range(2000)],
        [1] * 3000,
        {f"k{number}": None for number in range(800)},
        {"x" * 5000: 1},
        {"a": [{"b": ["x" * 3000]}, "x" * 3000]},
        [10**4000, 10**4000],
    ],
    ids=["string", "strings", "lists", "numbers", "members", "name", "nested", "digits"],
)
def test_large_documents_are_found_out(document: object) -> None:
    assert len(json.dumps(document)) > 4096
    assert not is_at_most(document, 4096)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_the_rough_size_is_the_real_one_within_a_factor(document: object) -> None:
    size = len(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
    assert is_at_most(document, 8 * size + 8)
    assert not is_at_most(document, size // 8 - 8)
