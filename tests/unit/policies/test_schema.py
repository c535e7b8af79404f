"""JSON Schema: where it does not match, what is never said, what is never fetched."""

import socket
import urllib.request
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
    ],
)
def test_a_reference_out_of_the_schema_is_refused_and_not_fetched(reference: str, no_network: list[Any]) -> None:
    said = check_against_schema({"a": 1}, {"properties": {"a": {"$ref": reference}}}, "variables")
    assert "$ref that can't be resolved" in said
    assert no_network == []


def test_the_metaschema_is_at_hand_without_fetching(no_network: list[Any]) -> None:
    schema = {"$ref": "https://json-schema.org/draft/2020-12/schema"}
    assert check_against_schema({"type": "object"}, schema, "variables") == ""
    assert check_against_schema({"type": 5}, schema, "variables") != ""
    assert no_network == []


def test_a_reference_within_the_schema_is_followed() -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": "string"}}}
    assert check_against_schema({"a": 1}, schema, "variables") == "variables.a: 1 is not of type 'string'"


@pytest.mark.parametrize(
    ("document", "schema"),
    [
        ({"a": 10**400}, {"properties": {"a": {"multipleOf": 0.1}}}),
        ({"a": 1e308}, {"properties": {"a": {"multipleOf": 1e-308}}}),
    ],
)
def test_numbers_beyond_floating_point_are_an_answer_and_no_crash(document: object, schema: dict[str, Any]) -> None:
    assert check_against_schema(document, schema, "variables").startswith("variables")


def test_endless_recursion_is_an_answer_and_no_crash() -> None:
    assert check_against_schema({"a": 1}, {"$ref": "#"}, "variables") == "variables: nested too deeply"


@given(
    st.dictionaries(
        st.sampled_from(["type", "minimum", "pattern", "items", "$ref", "format"]), st.text() | st.integers()
    )
)
def test_no_schema_can_stop_the_operator(schema: dict[str, Any]) -> None:
    if not check_schema(schema):
        check_against_schema({"a": [1, "x"]}, schema, "variables")
