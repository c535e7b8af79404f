"""JSON in steps: what the library makes of it, and no step that takes long."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scriptrun.net.json_steps import CHUNK, DEEPEST, parse_in_steps

LEAST = len("-Infinity")
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=40,
)
BREAKS = st.text('[]{}",: \\u019.eE-+tnull\n', max_size=4)


def parse_counting(text: str, chunk: int) -> tuple[Any, int]:
    """Parse, and count the steps."""
    steps, number = parse_in_steps(text, chunk), 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value, number
        number += 1


def parse(text: str, chunk: int) -> Any:
    return parse_counting(text, chunk)[0]


def outcome(read: Any) -> Any:
    try:
        return json.dumps(read())
    except ValueError:
        return "no JSON"


@given(DOCUMENTS, st.integers(LEAST, 40), st.booleans(), st.sampled_from([None, 1]))
def test_it_is_what_the_library_reads(document: Any, chunk: int, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    assert parse(text, chunk) == document


@given(DOCUMENTS, st.integers(LEAST, 40), st.integers(0, 200), st.integers(0, 5), BREAKS)
@example([[1, 2], [3, 4], [5, 6]], 9, 3, 0, ",")
@example([[1, 2], [3, 4], [5, 6]], 9, 23, 0, ",")
@example([{"a": 1}, {"b": 2}], 9, 9, 1, "")
@example([1.5e300] * 8, 9, 30, 1, ".")
def test_what_is_broken_is_so_for_both(document: Any, chunk: int, place: int, cut: int, put: str) -> None:
    whole = json.dumps(document)
    at = place % (len(whole) + 1)
    text = whole[:at] + put + whole[at + cut :]
    assert outcome(lambda: parse(text, chunk)) == outcome(lambda: json.loads(text))


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": [1, 2, 3, 4], "a": 5}', '{"a": 5, "a": [1, 2, 3, 4]}'])
def test_of_members_of_one_name_the_last_one_counts(text: str) -> None:
    for chunk in range(LEAST, 30):
        assert parse(text, chunk) == json.loads(text)


def test_depth_has_a_limit() -> None:
    fine = "[" * DEEPEST + "1" + "]" * DEEPEST
    assert parse(fine, 10) == json.loads(fine)
    for deep in ("[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000):
        with pytest.raises(ValueError, match=r"nested too deep|no name"):
            parse(deep, CHUNK)


@pytest.mark.parametrize(
    "member",
    ["1", "[]", '{"a":1}', '"[{,"', '"\\"],"', "1" * 4000, '{"x":[{"a":1},[],2,"},],"]}', "1.25", "  7  "],
)
@pytest.mark.parametrize("named", [False, True])
def test_each_step_is_a_chunk_or_two(member: str, named: bool) -> None:
    """The number of steps grows with the text, so none of them parses much of it."""
    count = 20 * CHUNK // len(member)
    members = [f'"{number}":{member}' if named else member for number in range(count)]
    text = ("{%s}" if named else "[%s]") % ",".join(members)
    document, number = parse_counting(text, CHUNK)
    assert document == json.loads(text)
    assert len(text) / CHUNK <= number + 2
    assert number <= 5 * len(text) / CHUNK
