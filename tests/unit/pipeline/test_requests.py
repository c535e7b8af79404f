"""What callers send: read as the pipeline reads it, and no further than that."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.pipeline.requests import (
    BadCall,
    Page,
    parse_bound,
    parse_month,
    parse_organisation,
    parse_page,
    parse_result_call,
    parse_run_call,
    parse_running_call,
    parse_starter_call,
)

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NEEDED = {"dtable_uuid": "base", "script_name": "hello.py", "owner": "ada"}


def dump(**changes: Any) -> bytes:
    return json.dumps({**NEEDED, **changes}).encode()


def test_the_least_that_is_needed() -> None:
    call = parse_run_call(dump())
    assert (call.dtable_uuid, call.script_name, call.owner) == ("base", "hello.py", "ada")
    assert (call.org_id, call.context_data, call.script_url, call.limit) == (None, None, "", None)
    assert call.operate_from == "manualy"


def test_all_of_it() -> None:
    call = parse_run_call(
        dump(
            org_id="7",
            context_data={"a": 1},
            script_url="https://x/y",
            temp_api_token="secret",
            scripts_running_limit=3,
            operate_from="automation-rule",
        )
    )
    assert (call.org_id, call.context_data, call.limit, call.api_token) == (7, {"a": 1}, 3, "secret")
    assert call.operate_from == "automation-rule"
    assert "secret" not in repr(call)


def test_context_with_a_number_that_kubernetes_would_round() -> None:
    context = {"rows": [{"id": 2**64}]}
    for parse, data, text in (
        (parse_run_call, {**NEEDED, "context_data": context}, "Parameters invalid: context_data.rows[0].id: "),
        (
            parse_starter_call,
            {"script_url": "https://x", "context_data": context},
            "Bad Request: context_data.rows[0].id: ",
        ),
    ):
        with pytest.raises(BadCall) as refusal:
            parse(json.dumps(data).encode())
        assert refusal.value.status == 400
        assert refusal.value.text.startswith(text)
        assert refusal.value.text.endswith("pass it as a string")


@pytest.mark.parametrize("limit", [-1, None])
def test_no_limit(limit: int | None) -> None:
    assert parse_run_call(dump(scripts_running_limit=limit)).limit is None
    assert parse_run_call(dump(scripts_running_limit=0)).limit == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"text"', b"1", b"NaN", b'{"a": NaN}', b"\xff\xfe", b"[" * 5000, b'{"a": "\\ud800"}'],
)
def test_no_json_object(body: bytes) -> None:
    for parse, text in (
        (parse_run_call, "Bad request"),
        (parse_starter_call, "Bad Request."),
        (parse_result_call, "Bad Request."),
        (parse_running_call, "Bad Request."),
    ):
        with pytest.raises(BadCall) as refusal:
            parse(body)
        assert (refusal.value.status, refusal.value.text) == (400, text)


@pytest.mark.parametrize(
    "changes",
    [
        {"dtable_uuid": ""},
        {"script_name": None},
        {"owner": 5},
        {"owner": ["ada"]},
        {"owner": "a" * 256},
        {"dtable_uuid": "a" * 65},
        {"script_name": "a\x00b"},
        {"org_id": "many"},
        {"org_id": 1.5},
        {"org_id": True},
        {"org_id": 2**63},
        {"context_data": [1]},
        {"context_data": "text"},
        {"context_data": {"a": "x" * 400_000}},
        {"script_url": 5},
        {"script_url": "x" * 9000},
        {"temp_api_token": {"a": 1}},
        {"scripts_running_limit": "many"},
        {"scripts_running_limit": True},
        {"scripts_running_limit": {"a": 1}},
        {"operate_from": 5},
    ],
)
def test_parameters_that_are_no_good(changes: dict[str, Any]) -> None:
    with pytest.raises(BadCall, match="Parameters invalid"):
        parse_run_call(dump(**changes))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
NAMES = ("org_id", "context_data", "script_url", "scripts_running_limit", "script_id", "env", "output", "spend_time")
REPORTED = ("success", "return_code", "started_at")


@given(st.dictionaries(st.sampled_from((*NEEDED, *NAMES, *REPORTED)), JSON))
def test_nothing_but_a_refusal_comes_of_nonsense(document: dict[str, Any]) -> None:
    for parse in (parse_run_call, parse_starter_call, parse_result_call, parse_running_call):
        with suppress(BadCall):
            parse(json.dumps(document).encode())


def test_what_a_starter_is_asked() -> None:
    call = parse_starter_call(
        json.dumps({"script_url": "https://x/y", "env": {"a": "1"}, "context_data": None, "script_id": 5}).encode()
    )
    assert (call.script_url, call.environment, call.report_id) == ("https://x/y", {"a": "1"}, "5")
    for wrong in ({}, {"script_url": ""}, {"script_url": "x", "env": []}, {"script_url": "x", "script_id": "x" * 99}):
        with pytest.raises(BadCall):
            parse_starter_call(json.dumps(wrong).encode())


def test_what_a_starter_reports() -> None:
    body = {"success": True, "return_code": 0, "output": "x" * 1_000_001, "spend_time": 1.5, "script_id": "17"}
    call = parse_result_call(json.dumps(body).encode())
    assert (call.order_id, call.outcome.success, call.outcome.spend_seconds) == (17, True, 1.5)
    assert len(call.outcome.output or "") == 1_000_000
    for wrong in ({"return_code": 2**40}, {"output": 5}, {"spend_time": -1}, {"spend_time": "1"}, {"script_id": []}):
        with pytest.raises(BadCall):
            parse_result_call(json.dumps({**body, **wrong}).encode())
    assert parse_result_call(b'{"success": "true"}').outcome.success is False


def test_when_a_starter_began() -> None:
    body = {"script_id": 17, "started_at": NOON.timestamp() + 0.25}
    for parse in (parse_running_call, parse_result_call):
        call = parse(json.dumps(body).encode())
        assert (call.order_id, call.started_at) == (17, NOON + timedelta(milliseconds=250))
        assert parse(b'{"script_id": 17}').started_at is None
        for wrong in (-1, 1e18, "now", True, []):
            with pytest.raises(BadCall, match="Bad Request"):
                parse(json.dumps({**body, "started_at": wrong}).encode())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, Page(1, 20)),
        ({"page": "3", "per_page": "5"}, Page(3, 5)),
        ({"page": "x"}, Page(1, 20)),
        ({"page": "0", "per_page": "-1"}, Page(1, 1)),
        ({"per_page": "99999"}, Page(1, 1000)),
        ({"page": "9" * 30}, Page(1, 20)),
    ],
)
def test_pages(query: dict[str, str], expected: Page) -> None:
    assert parse_page(query, 20) == expected


def test_months_and_organisations() -> None:
    assert parse_month("", NOON) == parse_month(None, NOON) == parse_month("2026-1", NOON) == "2026-01"
    for text in ("2026", "2026-13", "x", "2026-01-31"):
        with pytest.raises(BadCall, match="month invalid"):
            parse_month(text, NOON)
    assert parse_organisation("7") == 7
    assert parse_organisation("") is None
    for text in ("-1", "x", "1.5", "²"):
        with pytest.raises(BadCall, match="org_id invalid"):
            parse_organisation(text)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-01-31T12:00:00", NOON, NOON + timedelta(seconds=1)),
        ("2026-01-31T12:00:00Z", NOON, NOON + timedelta(seconds=1)),
        ("2026-01-31 13:00:00+01:00", NOON, NOON + timedelta(seconds=1)),
        ("2026-01-31T12:00:00.5", NOON + timedelta(seconds=0.5), NOON + timedelta(seconds=1)),
        ("", None, None),
    ],
)
def test_spans_of_days_and_of_instants(text: str, start: datetime | None, end: datetime | None) -> None:
    assert (parse_bound(text), parse_bound(text, end=True)) == (start, end)


@pytest.mark.parametrize("text", ["may", "2026-13-01", "2026-01-31T25:00", "12:00", "0001-01-01T00:00+01:00"])
def test_no_bound_of_a_span(text: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        parse_bound(text)
