"""Patterns: which ones are taken, what is said of the others, and that none takes more than its share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.policies.patterns import PATTERN_LIMIT_BYTES, check_pattern, compiled_bytes, find_matches, is_match
from scriptrun.policies.schema import check_schema


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(?=a)b", "look-around"),
        ("a(?!b)", "look-around"),
        ("(?<=a)b", "look-around"),
        ("^(?<!a)b", "look-around"),
        (r"(a)\1", "back-references"),
        (r"(?<n>a)\k<n>", "back-references"),
        ("(", "not a regular expression"),
        ("[z-a]", "not a regular expression"),
        ("(a{1000}){1000}", f"more than {PATTERN_LIMIT_BYTES} bytes"),
        (r"\p{L}{1,1000}", "maxLength"),
        (r"\d" * 1000, r"\d{1000}"),
        ("a" * 4097, "4097 characters, at most 4096"),
    ],
)
def test_a_pattern_that_is_refused(pattern: str, said: str) -> None:
    assert said in check_pattern(pattern)
    assert is_match(pattern, "aa") is None


@pytest.mark.parametrize(
    "pattern",
    ["[(?=]", r"\(?=a", r"\\1", r"^[\p{L}\p{M}'\- ]{1,50}$", "^.{1,1000}$", r"^\d{4}-\d\d-\d\d$", ""],
)
def test_a_pattern_that_is_taken(pattern: str) -> None:
    assert check_pattern(pattern) == ""


def test_patterns_are_measured() -> None:
    small, large = compiled_bytes("^[a-z]+$"), compiled_bytes(r"^\p{L}{1,20}$")
    assert small is not None
    assert large is not None
    assert small <= 1024 < 100_000 < large <= PATTERN_LIMIT_BYTES


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"properties": {"a": {"items": {"pattern": "(?=x)"}}}}, "$.properties.a.items.pattern"),
        ({"patternProperties": {"(?!x)": True}}, "$.patternProperties['(?!x)']"),
        ({"$defs": {"unused": {"not": {"pattern": r"(a)\1"}}}}, "$.$defs.unused.not.pattern"),
        ({"definitions": {"unused": {"anyOf": [True, {"pattern": "("}]}}}, "$.definitions.unused.anyOf[1].pattern"),
        ({"$ref": "#/x/y", "x": {"y": {"pattern": "(?=x)"}}}, "$.$ref.pattern"),
        ({"dependencies": {"a b": {"pattern": "(?=x)"}}}, "$.dependencies['a b'].pattern"),
        ({"prefixItems": [{"if": {"contains": {"pattern": "(?=x)"}}}]}, "$.prefixItems[0].if.contains.pattern"),
        (
            {"unevaluatedProperties": {"propertyNames": {"pattern": "["}}},
            "$.unevaluatedProperties.propertyNames.pattern",
        ),
    ],
)
def test_a_pattern_is_found_wherever_it_stands(schema: dict[str, object], place: str) -> None:
    assert check_schema(schema).startswith(f"at {place}: ")


def test_what_is_no_pattern_is_left_alone() -> None:
    assert check_schema({"properties": {"pattern": {"const": {"pattern": "(?=x)"}}}, "default": {"pattern": "("}}) == ""


def test_a_schemas_patterns_are_limited_together() -> None:
    name = r"^\p{L}{1,%d}$"
    assert check_schema({"properties": {"a": {"pattern": name % 10}, "b": {"pattern": name % 11}}}) == ""
    many = {f"p{number}": {"pattern": name % (number + 5)} for number in range(20)}
    assert "the patterns compile to more than" in check_schema({"properties": many})
    different = {f"^x{number}": True for number in range(257)}
    assert "more than 256 different patterns" in check_schema({"patternProperties": different})
    same = {f"p{number}": {"pattern": "^[a-z]+$"} for number in range(300)}
    assert check_schema({"properties": same}) == ""


@given(st.text(alphabet="ab()[]{}|*+?.\\^$dwsk1<>=!,:-") | st.text())
def test_any_text_is_taken_or_refused(pattern: str) -> None:
    assert (check_pattern(pattern) == "") == (is_match(pattern, "abc") is not None)


def test_many_patterns_are_matched_as_each_of_them_is() -> None:
    patterns = (*(f"^x{number}$" for number in range(1000)), "x|y", "(?<n>7)", "(?<n>8)", ")(", "(?=x)")
    for text in ("x7", "y", "x1000", "88", ""):
        alone = {pattern for pattern in patterns if is_match(pattern, text) is not False}
        assert set(find_matches(patterns, text)) == alone
