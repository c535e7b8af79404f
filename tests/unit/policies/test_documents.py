"""What JSON is let in, and that whatever was let in can be written to the API server."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.policies.documents import dump_document, parse_document

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("7", 7),
        ("null", None),
        (b'{"a": [1, 2.5, true]}', {"a": [1, 2.5, True]}),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\\\ud800"', "\\ud800"),
        (b'"\xc3\xa9"', "é"),
        ("1e308", 1e308),
        ("9" * 4300, int("9" * 4300)),
        ("-" + "9" * 4299, -int("9" * 4299)),
        ("[" * 200 + "]" * 200, json.loads("[" * 200 + "]" * 200)),
    ],
)
def test_json_passes(raw: str | bytes, expected: object) -> None:
    assert parse_document(raw) == expected


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("", "line 1 column 1"),
        ('{"a": 1,}', "line 1 column 9"),
        ("{'a': 1}", "line 1 column 2"),
        ("NaN", "NaN is no JSON number"),
        ('{"a": -Infinity}', "-Infinity is no JSON number"),
        ("[1e999]", "the number 1e999 is larger"),
        ("9" * 4301, "more than 4300 digits: pass it as a string"),
        ("[" + "9" * 900_000 + "]", "more than 4300 digits"),
        ('"\\uD800"', "surrogate"),
        ('{"\\udc00": 1}', "surrogate"),
        ("[" * 201 + "]" * 201, "200 levels"),
        ('{"a":' * 900 + "1" + "}" * 900, "200 levels"),
        ("[" * 100_000, "200 levels"),
        (b"\xff\xfe1\x00", "utf-8"),
        (b'"\xed\xa0\x80"', "utf-8"),
        ("\ufeff{}", "BOM"),
    ],
)
def test_what_can_not_be_kept_is_refused_in_words(raw: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_document(raw)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1.50, 0.12345678901234567890, -0.0, 1E3], "b": 18446744073709551616}',
        "1.10",
        '{"é\\n": {}}',
        "[[], true, null]",
    ],
)
def test_digits_can_be_kept(text: str) -> None:
    document = parse_document(text, keep_digits=True)
    assert document == parse_document(text)
    assert dump_document(document) == text


@given(JSON)
def test_what_was_parsed_is_written_as_python_would(document: object) -> None:
    text = json.dumps(document, ensure_ascii=False)
    assert dump_document(parse_document(text)) == text
    assert dump_document(parse_document(text, keep_digits=True)) == text


@given(JSON)
def test_what_was_parsed_can_be_written(document: object) -> None:
    parsed = parse_document(json.dumps(document))
    assert parsed == document
    json.dumps(parsed, ensure_ascii=False, allow_nan=False).encode()


@given(st.text() | st.binary())
def test_nothing_but_value_errors(raw: str | bytes) -> None:
    with suppress(ValueError):
        json.dumps(parse_document(raw), ensure_ascii=False, allow_nan=False).encode()
