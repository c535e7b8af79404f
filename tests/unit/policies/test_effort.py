"""What is quick, by sizes alone."""

from typing import Any

import pytest

from scriptrun.policies.effort import QUICK_BYTES, is_quick_check, is_quick_hiding, is_quick_schema


def test_small_checks_are_quick_and_large_ones_are_not() -> None:
    schema = {"properties": {"name": {"type": "string"}}}
    assert is_quick_check(schema, 1000)
    assert not is_quick_check(schema, QUICK_BYTES + 1)
    assert not is_quick_check({"description": "x" * 5000}, 1000)
    assert is_quick_check({}, QUICK_BYTES)
    assert not is_quick_check({}, QUICK_BYTES + 1)


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "#/$defs/a"}, {"properties": {"a": {"pattern": "a"}}}, {"items": {"uniqueItems": True}}],
    ids=["reference", "pattern", "unique items"],
)
def test_what_has_no_bound_by_its_size_is_not_quick_however_small(schema: dict[str, Any]) -> None:
    assert not is_quick_check(schema, 10)


def test_a_schema_without_a_bottom_is_not_quick() -> None:
    schema: dict[str, Any] = {}
    for _ in range(3000):
        schema = {"not": schema}
    assert not is_quick_check(schema, 10)


def test_a_schema_is_quick_by_its_size() -> None:
    assert is_quick_schema("{}")
    assert not is_quick_schema("x" * 5000)


def test_hiding_is_quick_for_a_few_texts_in_a_small_one() -> None:
    assert is_quick_hiding(1000, 10)
    assert is_quick_hiding(100, 1000)
    assert not is_quick_hiding(100, 1001)
    assert not is_quick_hiding(50_000, 500)
    assert not is_quick_hiding(QUICK_BYTES + 1, 0)
