"""What people are shown can't command their terminals, and stays readable."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scriptrun.policies.text import escape_controls, escape_json, shorten

HARMLESS = re.compile("[^\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*")
PIECES = st.sampled_from(
    "\x1b \x1b[ \x1b] \x1bP \x9b \x9d \x9c \x07 \\ 31 ; m K ( B \r \n \t \u202e \u2066 \x00 \x7f text ü".split(" ")
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=20).map("".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mno such customer\x1b[0m\n", "no such customer\n"),
        ("\x1b[1;38;5;196mred\x1b[K\x1b[?25h", "red"),
        ("\x9b31mred\x9b0m", "red"),
        ("\x1b]0;title\x07\x1b]8;;https://x.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9d0;title\x9c", ""),
        ("\x1bP+q544e\x1b\\", ""),
        ("bold\x1b(B\x1b[m", "bold"),
        ("\x1bc", "\\x1bc"),
        ("\x1b]52;c;never ended\nnext line", "\\x1b]52;c;never ended\nnext line"),
        ("\x1b[31", "\\x1b[31"),
        ("\x1b\x1b[m[31mred", "\\x1b[31mred"),
        ("10 %\r100 %\r\ndone\r\n", "10 %\\x0d100 %\ndone\n"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x00\x07\x08\x0b\x7f\x85", "\\x00\\x07\\x08\\x0b\\x7f\\x85"),
        ("if x \u202e\u2066// admin\u2069", "if x \\u202e\\u2066// admin\\u2069"),
        ("Grüße 🎉 שלום \\x1b", "Grüße 🎉 שלום \\x1b"),
    ],
)
def test_texts_become_readable(text: str, shown: str) -> None:
    assert escape_controls(text) == shown


@given(TEXTS)
@example("\x1b\x1b[mc")
def test_nothing_that_commands_is_left(text: str) -> None:
    shown = escape_controls(text)
    assert HARMLESS.fullmatch(shown)
    assert escape_controls(shown) == shown


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cf", "Cs"])))
def test_a_plain_text_stays_as_it_is(text: str) -> None:
    assert escape_controls(text) == text


@given(st.dictionaries(st.text(), TEXTS))
def test_json_stays_the_same_document(document: object) -> None:
    text = escape_json(json.dumps(document, ensure_ascii=False))
    assert json.loads(text) == document
    assert HARMLESS.fullmatch(text)
    assert not re.search("[\u2028\u2029\ufffe\uffff]", text)


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("1234567", 7, "1234567"),
        ("12345678", 7, "123456…"),
        ("a\\x1b[31m", 6, "a\\x1b…"),
        ("a\\x1b[31m", 5, "a…"),
        ("a\\x1b[31m", 3, "a…"),
        ("ab\\u202ecd", 8, "ab…"),
        ("ab\\u202ecd", 9, "ab\\u202e…"),
        ("ab\\xzzcdefgh", 5, "ab\\x…"),
    ],
)
def test_a_cut_is_marked_and_never_within_an_escape(text: str, limit: int, cut: str) -> None:
    assert shorten(text, limit) == cut


@given(TEXTS, st.integers(1, 50))
def test_a_cut_text_is_short_enough_and_a_beginning(text: str, limit: int) -> None:
    whole = escape_controls(text)
    short = shorten(whole, limit)
    assert len(short) <= limit
    assert short == whole or whole.startswith(short.removesuffix("…"))


@pytest.mark.parametrize("start", ["\x1b[", "\x9b", "\x1b]", "\x9d", "\x1bP", "\x90", "\x1b ", "\x1b"])
def test_sequences_that_never_end_take_linear_time(start: str) -> None:
    # Were each of them looked for to the end of the text, this would take minutes.
    text = escape_controls(start * 100_000)
    assert HARMLESS.fullmatch(text)
