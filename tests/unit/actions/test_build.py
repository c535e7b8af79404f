"""Every member of an input goes where the Action says, encoded once, or is refused by its name."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun_actions.build import Request, build_request
from scriptrun_actions.errors import ActionError
from scriptrun_actions.model import Action
from unit.actions.conftest import check_value

IDS = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
QUERY = {"type": "object", "properties": {"q": {}, "tags": {}, "ids": {"explode": False}}}
BODY = {"type": "object", "properties": {"name": {"type": "string"}, "n": {"type": "integer"}}, "required": ["name"]}


def build(given: dict[str, Any], method: str = "POST", **fields: Any) -> Request:
    return build_request(Action("get-order", method, **fields), given, check_value)


def refusal(given: dict[str, Any], **fields: Any) -> str:
    with pytest.raises(ActionError) as caught:
        build(given, **fields)
    assert caught.value.reason in ("InvalidInput", "InvalidAction")
    return f"{caught.value.reason}: {caught.value.message}"


def test_each_member_goes_to_its_place() -> None:
    request = build(
        {"id": "a b", "q": "x&y", "name": "Ada", "trace": "t1"},
        endpoint_template="/orders/{id}/lines?v=1",
        path_schema=IDS,
        query_schema=QUERY,
        headers_template={"X-Trace": "{trace}", "Accept": "application/json"},
        body_schema=BODY,
    )
    assert request.target() == "/orders/a%20b/lines?v=1&q=x%26y"
    assert request.headers == {"x-trace": "t1", "accept": "application/json", "content-type": "application/json"}
    assert request.content == b'{"name":"Ada"}'


@given(
    st.text(min_size=1, max_size=30).filter(
        lambda text: "/" not in text and "\\" not in text and text not in (".", "..")
    )
)
def test_what_stands_in_a_path_is_one_part_of_it(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    target = build({"id": text}, endpoint_template="/a/{id}/b", path_schema=IDS).target()
    _, first, middle, last = target.split("/")
    assert (first, unquote(middle), last) == ("a", text, "b")
    assert target.isascii()
    assert not set(target) & set(" ?#&=+;")


@given(st.lists(st.text(max_size=20, alphabet=st.characters(exclude_categories=["Cs"])), max_size=5))
def test_what_stands_in_a_query_comes_back(values: list[str]) -> None:
    request = build({"tags": values}, query_schema=QUERY)
    assert [value for _, value in parse_qsl(request.target().partition("?")[2], keep_blank_values=True)] == values


def test_arrays_are_repeated_or_joined() -> None:
    request = build({"tags": ["a,b", 2], "ids": ["a,b", True, 1.5]}, query_schema=QUERY)
    assert request.target() == "?tags=a%2Cb&tags=2&ids=a%2Cb,true,1.5"
    assert build({"q": None}, query_schema=QUERY).target() == ""


def test_bodies() -> None:
    assert build({"name": "ä", "n": 2**63}, body_schema=BODY).content == '{"name":"ä","n":9223372036854775808}'.encode()
    form = build({"name": "a b", "n": 1}, body_schema=BODY, body_encoding="form")
    assert (form.content, form.headers["content-type"]) == (b"name=a+b&n=1", "application/x-www-form-urlencoded")
    whole = build({"body": [1, 2]}, body_schema={"type": "array"})
    assert whole.content == b"[1,2]"
    text = build({"body": "ä"}, body_schema={"type": "string"}, body_encoding="text")
    assert (text.content, text.headers["content-type"]) == ("ä".encode(), "text/plain; charset=utf-8")
    assert build({"body": "AP8="}, body_schema={}, body_encoding="bytes").content == b"\x00\xff"
    rest = build({"id": "1", "a": 1, "b": {"c": []}}, endpoint_template="/{id}", body_schema={"type": "object"})
    assert json.loads(rest.content or b"") == {"a": 1, "b": {"c": []}}
    parts = build(
        {"name": "x", "file": {"filename": "a.csv", "content": "1,2", "contentType": "text/csv"}},
        body_schema={"type": "object"},
        body_encoding="multipart",
    ).files
    assert [(part.name, part.content, part.filename, part.content_type) for part in parts] == [
        ("name", b"x", "", ""),
        ("file", b"1,2", "a.csv", "text/csv"),
    ]


@pytest.mark.parametrize(
    ("given", "fields", "words"),
    [
        (
            {"x": 1},
            {"path_schema": IDS, "endpoint_template": "/{id}"},
            "input.x belongs nowhere: Action get-order knows id",
        ),
        ({}, {"endpoint_template": "/{id}"}, "input.id is missing, which the path needs"),
        ({"id": ""}, {"endpoint_template": "/{id}"}, "input.id is empty"),
        ({"id": "a/b"}, {"endpoint_template": "/{id}"}, "input.id is 'a/b', which would lead to another path"),
        ({"id": ".."}, {"endpoint_template": "/x/{id}"}, "input.id is '..', which would lead to another path"),
        ({"id": {}}, {"endpoint_template": "/{id}"}, "input.id is an object"),
        ({"id": 7}, {"endpoint_template": "/{id}", "path_schema": IDS}, "path.id: 7 is not of type"),
        ({"q": {}}, {"query_schema": QUERY}, "input.q is an object"),
        ({"n": 1}, {"body_schema": BODY}, '"name" is a required property'),
        ({}, {"body_schema": {"type": "array"}}, "input.body is missing"),
        ({"body": "é!"}, {"body_schema": {}, "body_encoding": "bytes"}, "input.body is no base64"),
        ({"h": "a\r\nx: y"}, {"headers_template": {"X-A": "{h}"}}, "the header X-A would have a line break"),
        ({}, {"headers_template": {"X-A": "v-{h}"}}, "input.h is missing, which the header X-A needs"),
        (
            {"a": {"content": "x", "size": 1}},
            {"body_schema": {}, "body_encoding": "multipart"},
            "input.a must have filename",
        ),
        (
            {"q": "x" * 20_000},
            {"query_schema": QUERY},
            "path and query have 20003 characters, at most 16384 are allowed",
        ),
    ],
)
def test_what_can_not_be_sent_is_named(given: dict[str, Any], fields: dict[str, Any], words: str) -> None:
    assert words in refusal(given, **fields)


@pytest.mark.parametrize("template", ["orders", "//evil.example/x", "/a#b", "https://evil.example/"])
def test_a_template_stays_with_its_server(template: str) -> None:
    assert "InvalidAction: endpointTemplate" in refusal({}, endpoint_template=template)


@pytest.mark.parametrize("name", ["Host", "Content-Length", "transfer-encoding", "a b", "x\n", ""])
def test_headers_that_can_not_be_set(name: str) -> None:
    assert "InvalidAction: headersTemplate" in refusal({}, headers_template={name: "x"})


def test_a_header_that_is_an_input_which_was_not_given_is_left_out() -> None:
    assert build({}, headers_template={"X-A": "{h}"}).headers == {}
