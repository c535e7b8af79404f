"""Which numbers are refused or left out of a status, and that no others are bent."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scriptrun.desired.input import dump_json
from scriptrun.policies.documents import parse_document
from scriptrun.policies.exactness import LARGEST, SMALLEST, find_inexact, find_unkept, is_rounded, may_be_inexact

ADVICE = (
    "Kubernetes rounds numbers beyond 64-bit integers (-9223372036854775808 to 9223372036854775807): "
    "pass it as a string"
)


def keep(text: str) -> Decimal:
    """A number after a way through the API server: integers of 64 bits, else a double in its shortest form."""
    if not set(text) & set(".eE") and SMALLEST <= int(text) <= LARGEST:
        return Decimal(int(text))
    return Decimal(repr(float(text)))


@pytest.mark.parametrize(
    "number", [0, -1, LARGEST, SMALLEST, 0.1, 1e18, -9.2e18, 1e-300, True, False, None, "18446744073709551616", {}, []]
)
def test_what_kubernetes_keeps_passes(number: object) -> None:
    assert find_inexact({"n": [number]}, "variables") == ""


@pytest.mark.parametrize(
    "number",
    [LARGEST + 1, SMALLEST - 1, 2**64 - 1, 10**30, 18446744073709552000, 1.2345678901234568e29, 6.022e23, 2.0**63],
)
def test_what_is_rounded_or_may_have_been_is_refused(number: float) -> None:
    assert find_inexact({"n": number}, "variables") == f"variables.n: {ADVICE}"
    assert find_inexact(number, "variables") == f"variables: {ADVICE}"


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"rows": [{"id": 1}, {"id": 2**63}, {"id": 2**64}]}, "variables.rows[1].id"),
        ({"a": {"b": [[], [0, [-(2**70)]]]}, "z": 2**63}, "variables.a.b[1][1][0]"),
        ({"order id": 2**63}, 'variables["order id"]'),
        ({"": 2**63}, 'variables[""]'),
        ({"\x1b[31m\n": 2**63}, r'variables["\u001b[31m\n"]'),
        ([2**63], "variables[0]"),
    ],
)
def test_the_first_one_is_named(document: object, path: str) -> None:
    assert find_inexact(document, "variables") == f"{path}: {ADVICE}"


def test_a_long_way_is_cut() -> None:
    document: Any = 2**63
    for _ in range(190):
        document = {"k" * 1000: document}
    said = find_inexact(document, "variables")
    assert len(said) < 700
    assert said.endswith(ADVICE)


KEPT = """
9223372036854775807 -9223372036854775808 -0 -0.0 1.0 1.50 1e3 0.1 4.611686018427388e18 2.2250738585072014e-308 5e-324
123456789012345.67 9007199254740992.0 "99999999999999999999" null true
"""
BENT = """
9223372036854775808 1180591620717411303424 1e21 6.022e23 -9.3e18 9223372036854775808.0 0.12345678901234567890
3.14159265358979323846 4611686018427387904.0 9007199254740993.0 1e-400 1e-99999999999999999999
0.1000000000000000055511151231257827
"""


@pytest.mark.parametrize("text", KEPT.split())
def test_what_a_status_holds_exactly(text: str) -> None:
    assert find_unkept(f'{{"a": [{text}]}}', "output") == ""


@pytest.mark.parametrize("text", BENT.split())
def test_what_it_does_not(text: str) -> None:
    assert find_unkept(f'{{"a": [0, {text}]}}', "output") == "output.a[1]: Kubernetes would round this number"


@pytest.mark.parametrize(
    ("key", "kept"), [("k" * 1022, True), ("k" * 1023, False), ("\x80" * 170, True), ("\x80" * 171, False)]
)
def test_a_key_that_yaml_does_not_read(key: str, kept: bool) -> None:
    said = find_unkept(json.dumps({"a": {key: 1}}, ensure_ascii=False), "output")
    assert said == ("" if kept else "output.a: a key is longer than the 1022 characters that Kubernetes reads")


NUMBERS = (
    st.integers().map(str)
    | st.integers(-(2**70), 2**70).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**25), max_value=10**25, places=30).map(str)
)


@given(NUMBERS)
@example("9223372036854775807.5")
@example("123456789012345678.0")
def test_a_number_that_passes_comes_back_as_the_same_number(text: str) -> None:
    if not find_unkept(text, "output"):
        assert keep(text) == Decimal(text)
    if not find_inexact(json.loads(text), "variables"):
        assert float(keep(text)) == float(text)


@given(st.recursive(st.integers() | st.floats(allow_nan=False, allow_infinity=False), st.lists, max_leaves=5))
@example(LARGEST + 1)
@example(SMALLEST - 1)
@example(2.0**63)
def test_a_quick_look_overlooks_nothing(document: object) -> None:
    assert may_be_inexact(dump_json(document)) or not find_inexact(document, "variables")


def test_a_quick_look_is_enough_for_most() -> None:
    assert not may_be_inexact(dump_json({"n": [10**17, 1e15, 1e-300, -0.5], "t": "1" * 18}))


@pytest.mark.parametrize(
    ("text", "rounded"),
    [("9" * 4000, False), ("1.50", False), ("6.022e23", False), ("0.12345678901234567890", True), ("1e-400", True)],
)
def test_digits_beyond_a_double(text: str, rounded: bool) -> None:
    assert is_rounded(f'{{"a": {text}}}') is rounded


@given(st.recursive(NUMBERS, lambda inner: st.lists(inner).map(lambda items: f"[{','.join(items)}]")))
def test_what_is_not_rounded_is_the_same_when_it_is_written_again(text: str) -> None:
    if not is_rounded(text):
        again = json.dumps(parse_document(text))
        assert json.loads(again, parse_float=Decimal, parse_int=Decimal) == json.loads(
            text, parse_float=Decimal, parse_int=Decimal
        )
