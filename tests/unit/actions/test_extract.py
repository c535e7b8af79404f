"""JSONPath means what RFC 9535 says, and costs no more than a walk or two through the answer."""

from __future__ import annotations

from typing import Any

import pytest

from scriptrun_actions.errors import ActionError
from scriptrun_actions.extract import check_path, extract, find_all

DOCUMENT = {"status": 200, "body": {"items": [{"id": 1, "tags": ["a"]}, {"id": 2, "tags": []}], "a b": None}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.status", 200),
        ("$.body.items[0].id", 1),
        ("$.body.items[-1].id", 2),
        ("$.body['a b']", None),
        ("$.body.items[*].id", [1, 2]),
        ("$..id", [1, 2]),
        ("$.body.items[?@.id > 1].id", [2]),
        ("$.body.items[?count(@.tags[*]) > 0].id", [1]),
        ("$.body.none[*]", []),
        ("$.body.items[?@.id == 2 && @.x != '$..[?@.a]'].id", [2]),
        ("$.body.items[0]['id','tags']", [1, ["a"]]),
    ],
)
def test_values(path: str, value: Any) -> None:
    assert extract({"x": path}, DOCUMENT) == {"x": value}


def test_a_place_that_is_not_there_is_named() -> None:
    with pytest.raises(ActionError, match=r"extract.total: the answer has nothing at \$.body.total"):
        extract({"total": "$.body.total"}, DOCUMENT)


@pytest.mark.parametrize(
    "path",
    [
        *("", "body", "$.", "$[", "$.a[?", "$" + ".a" * 600),
        *("$..a..b", "$[?@.a[?@.b]]", "$[?$.a == @.a]", "$[?match(@.a, '(a+)+$')]", "$[?search(@.a, 'x')]"),
        *("$[?count(@..*) > 1]", "$[?!(@..a)]", "$[?@.a]..[?@.b]", "$[?@.a == 1 || count($[*]) > 1]"),
        *("$" + "[*,*]" * 150 + ".x", "$[*,*,*,*,*,*][0,0,0]"),
    ],
)
def test_paths_that_are_wrong_or_cost_too_much(path: str) -> None:
    assert check_path(path)
    with pytest.raises(ActionError):
        find_all(path, DOCUMENT)


def test_an_answer_that_is_deep_or_has_very_many() -> None:
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    for path, document in (("$..x", deep), ("$[*]", list(range(20_000)))):
        with pytest.raises(ActionError) as caught:
            find_all(path, document)
        assert caught.value.reason == "InvalidResponse"
