"""Rendering: what expressions come to, and what is said when they come to nothing."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.policies.expressions.faults import Fault
from scriptrun.policies.expressions.render import Scope, prepare, render, render_in_worker

VARIABLES = {
    "input": {"id": 7, "price": 1.5, "none": None, "list": [1, 2], "huge": 2**70, "nul": "a\0b", "t": "x y/ä"},
    "steps": {"fetch-order": {"output": {"total": 3}, "phase": "Succeeded"}, "s": {"output": "text"}},
    "run": {"name": "r", "startedAt": "2026-01-02T03:04:05Z"},
    "config": {"k": {"v": "w"}},
}
SCOPE = Scope(VARIABLES, "uid/step", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def show(text: Any) -> Any:
    rendered = render(text, "p", SCOPE)
    assert not isinstance(rendered, Fault), rendered.describe()
    return rendered


def fail(text: Any) -> str:
    rendered = render(text, "p", SCOPE)
    assert isinstance(rendered, Fault)
    return rendered.describe()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ input.id }}", 7),
        ("  {{input.list}}\n", [1, 2]),
        ("{{ input.price * 2.0 }}", 3.0),
        ("{{ input.none }}", None),
        ("{{ input.huge }}", 2**70),
        ('{{ steps["fetch-order"].output.total > 2 }}', True),
        ('{{ {"a": {"b": input.id}} }}', {"a": {"b": 7}}),
        ("{{ '{{' }} and }}", "{{ and }}"),
        ("n={{ input.none }} l={{ input.list }} t={{ input.t }} f={{ 1.0 }}", "n=null l=[1,2] t=x y/ä f=1.0"),
        ('{{ {"z": "ä"} }}!', '{"z":"ä"}!'),
        ("no braces } {", "no braces } {"),
        ("{{ input.list.map(x, x * 2) }}", [2, 4]),
        ("{{ has(input.missing) ? 1 : 2 }}", 2),
        ("{{ input.?missing.orValue(3) }}", 3),
        ("{{ config.k.v }}", "w"),
        ("{{ event }}", {}),
        ('{{ timestamp(run.startedAt) + duration("90s") }}', "2026-01-02T03:05:35Z"),
        ('{{ duration("1.5s") }}', "1.5s"),
        ("{{ input.id // a comment }}\n}}", 7),
        ('{{ """a"b""" + r"\\d" }}', 'a"b\\d'),
        ("{{ size('😀') }}", 1),
    ],
)
def test_expressions_are_rendered(text: str, value: object) -> None:
    rendered = show(text)
    assert rendered == value
    assert type(rendered) is type(value)


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("default(input.id, 1)", 7),
        ("default(input.missing.deeper, {'a': [1]})", {"a": [1]}),
        ("default(input.none.a, 2)", 2),
        ("default(input.none, 2)", None),
        ("default(input.id.a, 2)", 2),
        ("default(input.list[1], 0)", 2),
        ("default(input.list[5], 0)", 0),
        ("default(steps['none'].output, default(input.no, 'x'))", "x"),
        ("input.list.map(x, default(x.y, 0))", [0, 0]),
        ("json(input.list)", "[1,2]"),
        ("json('ä')", '"ä"'),
        ("base64('ä')", "w6Q="),
        ("base64(b'\\xff')", "/w=="),
        ("urlencode(input.t)", "x%20y%2F%C3%A4"),
        ("urlencode({'q': 1, 'r': 'a&b'})", "q=1&r=a%26b"),
        ("sha256('')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (  # RFC 4231, 4.3
            "hmac('Jefe', 'what do ya want for nothing?')",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        ("date('%Y-%m-%d')", "2026-01-02"),
        ("date('2026-05-01T01:00:00+02:00', '%d.%m. %H')", "30.04. 23"),
        ("date(timestamp(run.startedAt), '%H:%M')", "03:04"),
    ],
)
def test_functions(call: str, value: object) -> None:
    assert show(f"{{{{ {call} }}}}") == value


def test_uuids_are_the_same_in_each_attempt_and_different_at_each_place() -> None:
    document = {"a": "{{ uuid() }}{{ uuid() }}", "b": ["{{ input.list.map(x, uuid()) }}", "{{ uuid('order') }}"]}
    first = show(document)
    assert first == show(document)
    all_of_them = [first["a"][:36], first["a"][36:], *first["b"][0], first["b"][1]]
    assert len(set(all_of_them)) == 5
    other = Scope(VARIABLES, "uid/other-step", SCOPE.now)
    assert render(document, "p", other)["a"] != first["a"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ input.missing.y }}", "input.missing is missing: input has id, price"),
        ("{{ input.id.y }}", "input.id.y is missing: input.id is a number"),
        ("{{ input.list[7] + 1 }}", "input.list[7] is missing: input.list has 2 elements"),
        ('{{ steps["fetch-order"].output.sum > 1 }}', 'steps["fetch-order"].output.sum is missing'),
        ("{{ input.price * 2 }}", "double * int mixes numbers of two kinds"),
        ("{{ input.t + 1 }}", "CEL has no string + int"),
        ("{{ input.huge > 1 }}", "input.huge: no 64-bit integer"),
        ("{{ input.nul + 'x' }}", "input.nul: holds the character U+0000"),
        ("{{ 1 / 0 }}", "divide by zero"),
        ("{{ 9223372036854775807 + input.id }}", "integer overflow"),
        ("{{ b'x' }}", "use base64(x)"),
        ("{{ 1.0 / 0.0 }}", "JSON does not have"),
        ("{{ {1: 2} }}", "the key 1 of an object is no text"),
        ("{{ optional.of(1) }}", ".orValue(x)"),
        ("{{ type(1) }}", "JSON does not have"),
        ("{{ date('%Q') }}", "%Q is no directive"),
        ("{{ date('yesterday', '%Y') }}", "no time in RFC 3339"),
        ("a {{ input.id", "{{ without }}"),
        ("{{ input.id } }}", "a single }"),
        ("{{}}", "is empty"),
        ("{{ 'a }}", "has no closing '"),
    ],
)
def test_failures_say_what_and_where(text: str, said: str) -> None:
    message = fail({"a": [text]})
    assert said in message
    assert message.startswith("p.a[0]:")


def test_an_integer_beyond_64_bits_elsewhere_does_not_matter() -> None:
    assert show("{{ input.id + 1 }}") == 8


@given(JSON_VALUES)
def test_a_value_that_is_read_whole_stays_exactly_what_it_is(value: Any) -> None:
    rendered = render("{{ input.v }}", "p", Scope({"input": {"v": value}}, "", SCOPE.now))
    assert json.dumps(rendered) == json.dumps(value)


@given(JSON_VALUES)
def test_a_value_that_goes_through_cel_is_the_same_or_an_error(value: Any) -> None:
    rendered = render("{{ [input.v][0] }}", "p", Scope({"input": {"v": value}}, "", SCOPE.now))
    if not isinstance(rendered, Fault):
        assert rendered == value
        assert json.dumps(rendered, sort_keys=True) == json.dumps(value, sort_keys=True)


@given(st.text(alphabet="{}'\"\\ ab.input()[]?:|&=-+0,/\n", max_size=60))
def test_any_text_is_rendered_or_refused(text: str) -> None:
    for document in (text, f"{{{{ {text} }}}}"):
        prepared = prepare(document, "p", SCOPE)
        rendered = render(document, "p", SCOPE)
        assert isinstance(rendered, Fault) or not isinstance(prepared, Fault)


@given(JSON_VALUES)
def test_a_worker_process_renders_the_same(value: Any) -> None:
    document = {"x": "{{ [input.v, uuid(), date('%H')] }}"}
    scope = Scope({"input": {"v": value}}, "seed", SCOPE.now)
    sent = {"variables": scope.variables, "seed": "seed", "now": SCOPE.now.isoformat()}
    answer = json.loads(json.dumps(render_in_worker(json.dumps(document), "p", json.loads(json.dumps(sent)))))
    rendered = render(document, "p", scope)
    if isinstance(rendered, Fault):
        assert answer == {"fault": [rendered.place, rendered.message, rendered.expression]}
    else:
        assert answer == {"value": rendered}
