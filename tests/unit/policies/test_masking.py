"""What a schema marks as secret is found wherever it stands, and hidden wherever else it turns up."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.policies.masking import MASK, Secrets, find_secrets, hide_text, mask
from scriptrun.policies.text import escape_controls

SECRET = {"type": "string", "writeOnly": True}


@pytest.mark.parametrize(
    ("schema", "document", "expected"),
    [
        ({"properties": {"a": SECRET}}, {"a": "x", "b": "y"}, [("a",)]),
        ({"properties": {"a": {"properties": {"b": SECRET}}}}, {"a": {"b": "x", "c": 1}}, [("a", "b")]),
        ({"properties": {"a": {"items": SECRET}}}, {"a": ["x", "y"]}, [("a", 0), ("a", 1)]),
        ({"properties": {"a": {"prefixItems": [{}, SECRET], "items": {}}}}, {"a": [1, 2, 3]}, [("a", 1)]),
        ({"properties": {"a": {"contains": SECRET}}}, {"a": ["x"]}, [("a", 0)]),
        ({"additionalProperties": SECRET, "properties": {"b": {}}}, {"a": 1, "b": 2}, [("a",)]),
        ({"patternProperties": {"^pass": SECRET}}, {"password": 1, "name": 2}, [("password",)]),
        ({"patternProperties": {"[": SECRET}}, {"password": 1}, [("password",)]),
        ({"unevaluatedProperties": SECRET}, {"a": 1}, [("a",)]),
        ({"allOf": [{"properties": {"a": SECRET}}]}, {"a": 1}, [("a",)]),
        ({"anyOf": [{}, {"properties": {"a": SECRET}}]}, {"a": 1}, [("a",)]),
        ({"if": {}, "then": {"properties": {"a": SECRET}}}, {"a": 1}, [("a",)]),
        ({"dependentSchemas": {"a": {"properties": {"b": SECRET}}}}, {"a": 1, "b": 2}, [("b",)]),
        ({"properties": {"a": {"$ref": "#/$defs/s"}}, "$defs": {"s": SECRET}}, {"a": 1}, [("a",)]),
        ({"properties": {"a": {"$ref": "#s"}}, "$defs": {"s": {"$anchor": "s", **SECRET}}}, {"a": 1}, [("a",)]),
        ({"properties": {"a": {"$ref": "https://x/y"}}}, {"a": 1}, [("a",)]),
        ({"properties": {"a": {"$ref": "#/nowhere"}}}, {"a": 1}, [("a",)]),
        ({"properties": {"a": {"$ref": "#/$defs/l"}}, "$defs": {"l": {"$ref": "#/$defs/l"}}}, {"a": 1}, [("a",)]),
        ({"properties": {"a": {"$ref": "#"}, "p": SECRET}}, {"a": {"a": {"p": 1}}}, [("a", "a", "p")]),
        ({"properties": {"a": {"items": [{}, SECRET]}}}, {"a": [1, 2, 3]}, [("a", 1)]),
        ({"properties": {"a": {"items": [{}], "additionalItems": SECRET}}}, {"a": [1, 2]}, [("a", 1)]),
        ({"dependencies": {"a": {"properties": {"b": SECRET}}, "b": ["a"]}}, {"a": 1, "b": 2}, [("b",)]),
        ({"properties": {"a": {"$recursiveRef": "#"}, "p": SECRET}}, {"a": {"p": 1}}, [("a", "p")]),
        ({"allOf": 1, "properties": [], "items": 2, "dependencies": "x"}, {"a": [1]}, []),
        ({"writeOnly": True}, {"a": 1}, [()]),
        ({"properties": {"a": {"writeOnly": False}}}, {"a": 1}, []),
        ({"properties": {"a": True}}, {"a": 1}, []),
        ({}, {"a": 1}, []),
    ],
)
def test_secrets_are_found_wherever_they_are_marked(schema: Any, document: Any, expected: list[Any]) -> None:
    assert find_secrets(document, schema) == expected


def test_each_part_of_a_schema_is_applied_once_however_many_references_lead_to_it() -> None:
    chain = {f"d{number}": {"allOf": [{"$ref": f"#/$defs/d{number + 1}"}] * 2} for number in range(60)}
    defs = {**chain, "d60": {"properties": {"p": SECRET}}}
    assert find_secrets({"p": 1, "q": 2}, {"$defs": defs, "$ref": "#/$defs/d0"}) == [("p",)]
    circle = {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a", "properties": {"p": SECRET}}}
    assert find_secrets({"p": 1}, {"$defs": circle, "$ref": "#/$defs/a"}) == [("p",)]


def test_the_mask_stands_in_the_secrets_place_and_nowhere_else() -> None:
    document = {"a": {"b": "x", "c": [1, {"d": 2}]}, "e": 3}
    assert mask(document, [("a", "b"), ("a", "c", 1, "d"), ("z",)]) == {"a": {"b": MASK, "c": [1, {"d": MASK}]}, "e": 3}
    assert mask(document, [()]) == {"a": MASK, "e": MASK}
    assert document["e"] == 3


def test_of_a_script_that_is_gone_every_variable_is_secret() -> None:
    secrets = Secrets.of({"a": "something", "b": 1}, None)
    assert secrets.mask({"a": "something", "b": 1}) == {"a": MASK, "b": MASK}
    assert secrets.hide_text("it is something") == f"it is {MASK}"


def test_a_secret_is_hidden_in_texts_and_outputs_as_it_may_be_written() -> None:
    password = 'pa"ss\nwörd'
    script = {"variablesSchema": {"properties": {"p": SECRET, "n": {"writeOnly": True}}}}
    secrets = Secrets.of({"p": password, "n": 123456, "short": "abc"}, script)
    assert password not in secrets.hide_text(f"plain {password} end")
    for ascii_ in (True, False):
        output = json.dumps({"echo": [f"<{password}>"], "number": 123456, "kept": 12}, ensure_ascii=ascii_)
        hidden = secrets.hide_output(output)
        assert hidden is not None
        assert json.loads(hidden) == {"echo": [f"<{MASK}>"], "number": MASK, "kept": 12}
    assert secrets.hide_output('{"a": 1}') == '{"a": 1}'
    assert secrets.hide_output(None) is None
    broken = secrets.hide_output(f'{{"a": {json.dumps(password)}')
    assert broken is not None
    assert "wörd" not in broken
    assert "w\\u00f6rd" not in broken


@pytest.mark.parametrize("secret", ["BEGIN KEY\r\nabc\r\nEND KEY", "pass\x1bword\x7f", "\x1b[31mred secret"])
def test_a_secret_with_control_characters_is_hidden_in_texts_for_people(secret: str) -> None:
    secrets = Secrets.of({"p": secret}, {"variablesSchema": {"properties": {"p": SECRET}}})
    message = escape_controls(f"can't log in with {secret}!")
    assert secrets.hide_text(message) == f"can't log in with {MASK}!"


def test_an_outputs_schema_marks_secrets_too() -> None:
    secrets = Secrets.of({}, {"outputSchema": {"properties": {"token": SECRET}}})
    assert json.loads(secrets.hide_output('{"token": "x", "n": 1}') or "") == {"token": MASK, "n": 1}


def test_what_is_beside_a_secret_keeps_its_digits() -> None:
    secrets = Secrets.of({}, {"outputSchema": {"properties": {"token": SECRET}}})
    text = '{"n": [1.50, 0.12345678901234567890, 18446744073709551616], "token": "x"}'
    assert secrets.hide_output(text) == text.replace('"x"', f'"{MASK}"')


def test_short_values_do_not_tear_holes_into_everything() -> None:
    secrets = Secrets.of({"p": "a"}, {"variablesSchema": {"properties": {"p": SECRET}}})
    assert secrets.mask({"p": "a"}) == {"p": MASK}
    assert secrets.hide_text("a banana") == "a banana"


def test_of_secrets_at_one_place_the_longest_is_hidden() -> None:
    assert hide_text("word, password, passwords", ["word", "password"]) == f"{MASK}, {MASK}, {MASK}s"


def test_a_secret_may_hold_half_a_character() -> None:
    assert hide_text("it is pass\ud800word", ["pass\ud800word"]) == f"it is {MASK}"


@given(st.text(min_size=4).filter(lambda text: MASK not in text and text not in MASK), st.text(), st.text())
def test_no_text_holds_a_secret_once_it_is_hidden(secret: str, before: str, after: str) -> None:
    hidden = hide_text(f"{before}{secret}{after}", [secret])
    assert secret not in hidden or secret in f"{before}{MASK}{after}" or secret in f"{before}{after}"
