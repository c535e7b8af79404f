"""Strict JSON, tails and messages, for any text."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun_runner.conclusion import Conclusion
from scriptrun_runner.lean import parse_json
from scriptrun_runner.result import (
    TERMINATION_MESSAGE_BYTES,
    Result,
    build_message,
    build_termination_message,
    cut_end,
    fit_termination_message,
)
from scriptrun_runner.strict_json import cut_member, parse_strictly
from scriptrun_runner.tail import Capture, Tail, cut_front

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=10,
)
_OBJECTS = st.dictionaries(_TEXTS, _VALUES, max_size=4)


@given(_OBJECTS, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_a_member_is_cut_out_exactly(document: dict[str, Any], indent: Any, ascii_only: bool) -> None:
    text = "\n" + json.dumps(document, indent=indent, ensure_ascii=ascii_only) + " "
    for name, value in document.items():
        cut = cut_member(text, name)
        assert cut is not None
        assert cut in text
        assert cut == cut.strip()
        assert json.loads(cut) == value
    assert cut_member(text, "".join(document) + "x") is None


@given(_OBJECTS)
def test_what_json_writes_is_strict(document: dict[str, Any]) -> None:
    assert parse_strictly(json.dumps(document)).keys() == document.keys()
    assert parse_json(json.dumps(document)) == document


@given(_OBJECTS, st.sampled_from([math.nan, math.inf, -math.inf]))
def test_a_constant_is_found_where_it_is(document: dict[str, Any], constant: float) -> None:
    text = json.dumps({**document, "\udfff": constant}, indent=1)
    with pytest.raises(ValueError, match=r"is no JSON number: line \d+ column \d+ \(char \d+\)$") as caught:
        parse_strictly(text)
    name, *_, line, _, column, _, position = str(caught.value).rstrip(")").split()
    assert text[int(position) :].startswith(name)
    assert text.splitlines()[int(line) - 1][int(column) - 1 :].startswith(name)


@pytest.mark.parametrize("text", ["01", "+1", "'a'", "{'a': 1}", '{"a": 1}}', "", "nul", '"\t"', '"\\x"', "1.", "[1,]"])
def test_no_json(text: str) -> None:
    with pytest.raises(ValueError, match=r"\(char \d+\)$"):
        parse_strictly(text)
    with pytest.raises(ValueError, match=r"\(char \d+\)$"):
        parse_json(text)


@given(st.lists(st.binary(max_size=60), max_size=20), st.integers(60, 100))
def test_a_tail_is_the_end(chunks: list[bytes], limit: int) -> None:
    tail, capture = Tail(limit), Capture(limit)
    for chunk in chunks:
        tail.write(chunk)
        capture.write(chunk)
    whole = b"".join(chunks)
    assert (capture.data, capture.total_bytes) == (whole[:limit], len(whole))
    text = tail.text()
    assert len(text.encode()) <= limit
    if whole.isascii():
        assert text == whole[-limit:].decode()
        assert (tail.labelled_text() == text) == (len(whole) <= limit)
    assert whole.decode("utf-8", "replace").endswith(text) or not whole.isascii()


def test_a_long_tail_says_how_long_it_was() -> None:
    tail = Tail(100)
    tail.write(b"x" * 5000)
    label = "[5,000 bytes were written; these are the last of them]\n"
    assert tail.labelled_text() == label + "x" * (100 - len(label))


@given(st.text(), st.integers(3, 50))
def test_cuts_keep_whole_characters_within_the_limit(text: str, limit: int) -> None:
    clean = text.encode("utf-8", "replace").decode()
    front, end = cut_front(text, limit), cut_end(text, limit)
    assert len(front.encode()) <= limit
    assert len(end.encode()) <= limit
    assert clean.endswith(front)
    assert clean == end or clean.startswith(end.removesuffix("…"))


@given(st.text(), st.text(max_size=5000))
def test_messages_stay_within_2_kib(head: str, stderr: str) -> None:
    message = build_message(head, stderr)
    assert len(message.encode()) <= 2048


@given(st.text(), _OBJECTS, st.integers(0, 4000))
def test_a_termination_message_always_fits_and_is_json(message: str, output: dict[str, Any], padding: int) -> None:
    written = json.dumps({**output, "padding": "x" * padding}).encode()
    result = Result(Conclusion("COMPLETED", "", message * 50, written), 0, 0.0)
    data = build_termination_message(result)
    assert len(data) <= TERMINATION_MESSAGE_BYTES
    document = json.loads(data)
    assert document["outputBytes"] == len(written)
    assert document.get("output", json.loads(written)) == json.loads(written)
    fitted = fit_termination_message(result)
    assert (fitted.status == "COMPLETED") == ("output" in document)
    assert len(build_termination_message(fitted)) <= TERMINATION_MESSAGE_BYTES
