"""What is typed becomes variables, durations and references, or a usage error that names it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.cli.variables import (
    parse_assignments,
    parse_duration,
    parse_key,
    parse_object,
    parse_variables_from,
)
from scriptrun.errors import UsageError

NAMES = st.text(min_size=1).filter(lambda text: "=" not in text and not text.endswith(":"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(NAMES, st.text())
def test_an_assignment_is_a_text(name: str, text: str) -> None:
    assert parse_assignments([f"{name}={text}"]) == {name: text}


@given(NAMES, VALUES)
def test_an_assignment_of_json_is_its_value(name: str, value: Any) -> None:
    assert parse_assignments([f"{name}:={json.dumps(value)}"]) == {name: value}


def test_a_later_assignment_wins() -> None:
    assert parse_assignments(["a=1", "b=x=y", "a:=2"]) == {"a": 2, "b": "x=y"}


@pytest.mark.parametrize("word", ["", "name", "=x", ":=1"])
def test_no_assignment(word: str) -> None:
    with pytest.raises(UsageError, match="NAME=TEXT"):
        parse_assignments([word])


def test_json_that_is_none_is_refused_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"--var a: no JSON: .*column 4"):
        parse_assignments(["a:=[1,"])
    with pytest.raises(UsageError, match="NaN"):
        parse_assignments(["a:=NaN"])


@pytest.mark.parametrize(
    ("text", "what"), [("[]", "a list"), ('"x"', "a string"), ("1.5", "a number"), ("true", "true"), ("null", "null")]
)
def test_variables_are_an_object(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=f"vars.json: a JSON object is wanted.* not {what}"):
        parse_object(text, "vars.json")


def test_an_object_is_read() -> None:
    assert parse_object('{"ä": [1, null]}', "stdin") == {"ä": [1, None]}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("1d1h1m1s", 90_061)],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text, "--timeout") == seconds


@pytest.mark.parametrize("text", ["", "1x", "-5", "5 m", "1.5", "m", "30m1h", "٣"])
def test_no_durations(text: str) -> None:
    with pytest.raises(UsageError, match=r"--timeout .*: write seconds"):
        parse_duration(text, "--timeout")


def test_config_maps_of_variables() -> None:
    assert parse_variables_from(["defaults", "more/vars.json"]) == [
        {"configMap": {"name": "defaults"}},
        {"configMap": {"name": "more", "key": "vars.json"}},
    ]
    for word in ("", "/key", "name/"):
        with pytest.raises(UsageError, match="CONFIGMAP/KEY"):
            parse_variables_from([word])


def test_the_source_of_a_run() -> None:
    assert parse_key("upload-17/main.py") == {"configMap": {"name": "upload-17", "key": "main.py"}}
    for word in ("", "upload-17", "upload-17/", "/main.py"):
        with pytest.raises(UsageError, match="CONFIGMAP/KEY"):
            parse_key(word)
