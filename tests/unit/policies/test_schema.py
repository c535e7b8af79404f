"""JSON Schema: where it does not match, what is never said, what is never fetched."""

import socket
import urllib.request
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.policies.schema import check_against_schema, check_schema

SECRET = "hunter2-hunter2"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Whatever tries to reach out leaves a trace here."""
    tried: list[Any] = []

    def refuse(*args: Any, **_: Any) -> None:
        tried.append(args)
        raise OSError("no network in a policy")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    return tried


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "strnig"}, "$.type"),
        ({"properties": {"a": {"minimum": "1"}}}, "$.properties.a.minimum"),
        ({"required": "name"}, "$.required"),
        ({"pattern": "("}, "$.pattern"),
    ],
)
def test_what_is_no_schema(schema: dict[str, Any], said: str) -> None:
    assert f"at {said}" in check_schema(schema)


def test_what_is_one() -> None:
    assert check_schema({}) == ""
    assert check_schema({"type": "object", "properties": {"a": {"pattern": "^x"}}, "x-own": 1}) == ""


def test_a_schema_that_is_a_trap_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"not": deep}
    assert "deep" in check_schema(deep)


@pytest.mark.parametrize(
    ("document", "schema", "said"),
    [
        ({}, {"required": ["name"]}, "variables: 'name' is a required property"),
        (
            {"a": {"b": [1, "x"]}},
            {"properties": {"a": {"properties": {"b": {"items": {"type": "integer"}}}}}},
            ".a.b[1]",
        ),
        ({"a": 5}, {"properties": {"a": {"maximum": 3}}}, "variables.a: 5 is greater than the maximum of 3"),
        ({"a": 5}, {"additionalProperties": False}, "'a' was unexpected"),
    ],
)
def test_the_message_has_the_path_and_the_reason(document: object, schema: dict[str, Any], said: str) -> None:
    assert said in check_against_schema(document, schema, "variables")


def test_no_schema_no_objection() -> None:
    assert check_against_schema({"a": object()}, {}, "variables") == ""


def test_long_values_are_shortened() -> None:
    said = check_against_schema({"a": "x" * 10_000}, {"properties": {"a": {"maxLength": 3}}}, "variables")
    assert len(said) < 300


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"password": {"type": "integer", "writeOnly": True}}},
        {"properties": {"password": {"enum": ["a"], "writeOnly": True}}},
        {"properties": {"password": {"writeOnly": True, "allOf": [{"maxLength": 3}]}}},
        {
            "properties": {"password": {"$ref": "#/$defs/short", "writeOnly": True}},
            "$defs": {"short": {"maxLength": 3}},
        },
        {
            "properties": {"password": {"$ref": "#/$defs/secret"}},
            "$defs": {"secret": {"maxLength": 3, "writeOnly": True}},
        },
        # The keyword that fails is not always the one beside the mark: messages quote whole objects.
        {"properties": {"password": {"writeOnly": True}}, "minProperties": 5},
        {"properties": {"password": {"writeOnly": True}}, "not": {"required": ["password"]}},
        {"properties": {"password": {"writeOnly": True}}, "type": "array"},
        {"properties": {"password": {"writeOnly": True}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"properties": {"password": {"writeOnly": True}}, "const": {"user": "root"}},
        {
            "properties": {"password": {"writeOnly": True}},
            "additionalProperties": {"$ref": "#/x"},
            "x": {"not": {}},
            "minProperties": 5,
        },
        {"properties": {"password": {"writeOnly": True, "format": "date"}}},
        {"properties": {"password": {"writeOnly": True, "pattern": "^[0-9]+$"}}},
    ],
)
def test_what_is_marked_write_only_is_never_shown(schema: dict[str, Any]) -> None:
    said = check_against_schema({"password": SECRET}, schema, "variables")
    assert said.startswith("variables")
    assert SECRET not in said


def test_secrets_in_lists_and_objects_are_not_shown_either() -> None:
    schema = {"properties": {"keys": {"writeOnly": True, "items": {"properties": {"key": {"maxLength": 3}}}}}}
    said = check_against_schema({"keys": [{"key": SECRET}]}, schema, "variables")
    assert said.startswith("variables.keys[0].key: ")
    assert SECRET not in said


def test_names_of_missing_and_unexpected_properties_are_no_secret() -> None:
    schema = {"properties": {"password": {"writeOnly": True}}}
    missing = check_against_schema({"password": SECRET}, {**schema, "required": ["user"]}, "variables")
    assert missing == "variables: 'user' is a required property"
    unexpected = check_against_schema({"password": SECRET, "uesr": 1}, {**schema, "additionalProperties": False}, "it")
    assert "'uesr' was unexpected" in unexpected


@pytest.mark.parametrize(
    "reference",
    [
        "http://127.0.0.1:1/x.json",
        "https://example.com/x",
        "file:///etc/passwd",
        "other.json",
        "#/$defs/none",
        "#nowhere",
        "?%20",
    ],
)
@pytest.mark.parametrize("base", [{}, {"$id": "http://127.0.0.1:1/base/"}])
def test_a_reference_out_of_the_schema_is_refused_and_not_fetched(
    reference: str, base: dict[str, Any], no_network: list[Any]
) -> None:
    schema = {**base, "properties": {"a": {"$ref": reference}}}
    assert "$ref that can't be resolved" in check_schema(schema)
    assert "$ref that can't be resolved" in check_against_schema({"a": 1}, schema, "variables")
    assert no_network == []


def test_the_metaschema_is_at_hand_without_fetching(no_network: list[Any]) -> None:
    schema = {"$ref": "https://json-schema.org/draft/2020-12/schema"}
    assert check_against_schema({"type": "object"}, schema, "variables") == ""
    assert check_against_schema({"type": 5}, schema, "variables") != ""
    assert no_network == []


def test_a_reference_within_the_schema_is_followed() -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": "string"}}}
    assert check_against_schema({"a": 1}, schema, "variables") == "variables.a: 1 is not of type 'string'"


@pytest.mark.parametrize("levels", [250, 5000])
def test_a_document_that_is_nested_too_deeply_is_an_answer_and_no_crash(levels: int) -> None:
    deep: Any = "x"
    for _ in range(levels):
        deep = {"a": deep}
    schema = {"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"a": {"$ref": "#/$defs/n"}}}}}
    assert check_against_schema(deep, schema, "variables").startswith("variables: nested too deeply")


def test_endless_recursion_is_refused() -> None:
    assert check_schema({"$ref": "#"}) == "at $: it leads back to itself for the same value"
    assert check_against_schema({"a": 1}, {"$ref": "#"}, "variables").startswith("variables: the schema can't be used")


def test_what_is_no_json_is_an_answer_and_no_crash() -> None:
    said = check_against_schema({"a": date(2026, 1, 1)}, {"properties": {"a": {"type": "string"}}}, "variables")
    assert said == "variables: it can't be checked: Unsupported type: 'date'"


@pytest.mark.parametrize(
    ("document", "schema"),
    [
        ({"s": "a" * 40 + "!"}, {"properties": {"s": {"pattern": "^(a+)+$"}}}),
        ({"slug": "a" * 40 + "!"}, {"properties": {"slug": {"pattern": "^[a-z0-9]+([._-]?[a-z0-9]+)*$"}}}),
        ({"a" * 40 + "!": 1}, {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}),
        ({"s": "x" * 500_000}, {"properties": {"s": {"pattern": "^(.*)*(x|y)*z$"}}}),
    ],
)
def test_no_pattern_backtracks(document: object, schema: dict[str, Any]) -> None:
    assert check_schema(schema) == ""
    assert check_against_schema(document, schema, "variables").startswith("variables")


def test_the_error_of_the_branch_that_was_meant_is_told() -> None:
    circle = {"properties": {"kind": {"const": "circle"}, "radius": {"type": "number"}}}
    square = {"properties": {"kind": {"const": "square"}, "side": {"type": "number"}}, "required": ["side"]}
    for keyword in ("anyOf", "oneOf"):
        said = check_against_schema({"kind": "circle", "radius": "x"}, {keyword: [square, circle]}, "variables")
        assert said == "variables.radius: 'x' is not of type 'number'"
    schema = {"anyOf": [{"type": "null"}, {"properties": {"a": {"items": {"type": "integer"}}}}]}
    assert check_against_schema({"a": [1, "x"]}, schema, "it") == "it.a[1]: 'x' is not of type 'integer'"
    either = {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
    assert check_against_schema({}, either, "it") == "it: {} is not valid under any of the given schemas"
    assert "exactly one" in check_against_schema(5, {"oneOf": [{"minimum": 1}, {"minimum": 2}]}, "it")


@pytest.mark.parametrize(
    ("document", "schema", "said"),
    [
        ("x", {"const": "y"}, "'x' is not 'y'"),
        ("x", {"enum": ["y", 1]}, "'x' is not one of ['y', 1]"),
        (1, {"minimum": 2}, "1 is less than the minimum of 2"),
        (2, {"exclusiveMinimum": 2}, "2 is less than or equal to the minimum of 2"),
        (3, {"exclusiveMaximum": 2}, "3 is greater than or equal to the maximum of 2"),
        (3, {"multipleOf": 2}, "3 is not a multiple of 2"),
        ("", {"minLength": 1}, "'' is too short (minLength 1)"),
        ("a\n", {"pattern": "^a$"}, "'a\\n' does not match '^a$'"),
        ("x", {"format": "date"}, "'x' is not a 'date'"),
        ([], {"minItems": 1}, "[] has too few items (minItems 1)"),
        ([1], {"maxItems": 0}, "[1] has too many items (maxItems 0)"),
        ({}, {"minProperties": 1}, "{} has too few properties (minProperties 1)"),
        ({"a": 1}, {"maxProperties": 0}, "{'a': 1} has too many properties (maxProperties 0)"),
        ([1, 1], {"uniqueItems": True}, "[1, 1] has non-unique elements"),
        ([1], {"contains": {"const": 2}}, "[1] has too few or too many items that match contains"),
        ([1, 2], {"unevaluatedItems": False}, "[1, 2] has items that are not allowed"),
        (1, {"not": {"type": "integer"}}, "1 must not match {'type': 'integer'}"),
        ({"ab": 1}, {"propertyNames": {"maxLength": 1}}, "the name 'ab' is too long (maxLength 1)"),
        ({"a": 1}, {"unevaluatedProperties": False}, "Unevaluated properties are not allowed ('a' was unexpected)"),
        ({"a": 1}, {"patternProperties": {"b": {}}, "additionalProperties": False}, "('a' was unexpected)"),
        ({"a": 1}, {"dependentRequired": {"a": ["b"]}}, "'b' is a required property"),
    ],
)
def test_each_keyword_has_its_words(document: object, schema: dict[str, Any], said: str) -> None:
    assert check_against_schema(document, schema, "it").endswith(said)


@given(
    st.dictionaries(
        st.sampled_from(["type", "minimum", "pattern", "items", "$ref", "format"]), st.text() | st.integers()
    )
)
def test_no_schema_can_stop_the_operator(schema: dict[str, Any]) -> None:
    if not check_schema(schema):
        check_against_schema({"a": [1, "x"]}, schema, "variables")


@pytest.mark.parametrize(("levels", "says"), [(5, "$"), (60, "too many anyOf and oneOf")])
def test_an_error_is_not_looked_for_where_errors_are_within_errors_without_end(levels: int, says: str) -> None:
    """The engine's stack is limited, and what overflows it is the process."""
    schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#"}}]}
    document: object = 1
    for _ in range(levels):
        document = [document]
    wrong = check_against_schema(document, schema, "$")
    assert wrong.startswith("$")
    assert says in wrong
