"""A large answer is parsed without anybody else having to wait for it."""

import asyncio
import json
from typing import Any

import pytest

from scriptrun.net.json_body import CONTAINER_LIMIT, VALUE_LIMIT, JsonTooLargeError, parse_json
from scriptrun.net.json_steps import CHUNK

LARGE = json.dumps({"jobs": [{"key": str(number), "variables": {f"k{number}": number}} for number in range(20_000)]})


async def count_turns(text: str) -> tuple[Any, int]:
    """Parse, and count how often others get their turn meanwhile."""
    turns, parsing = 0, asyncio.create_task(parse_json(text))
    while not parsing.done():
        turns += 1
        await asyncio.sleep(0)
    return parsing.result(), turns


async def test_others_have_their_turn_meanwhile() -> None:
    document, turns = await count_turns(LARGE)
    assert document == json.loads(LARGE)
    assert turns >= len(LARGE) / CHUNK


async def test_what_is_small_is_parsed_at_once() -> None:
    document, turns = await count_turns('{"a": [1, 2]}')
    assert (document, turns) == ({"a": [1, 2]}, 1)


@pytest.mark.parametrize(
    "text", ["[" + "[]," * CONTAINER_LIMIT + "[]]", "[" + "1," * (VALUE_LIMIT + 1) + "1]", '["\\"' + "[" * 300_000]
)
async def test_what_would_become_too_many_objects_is_not_parsed(text: str) -> None:
    with pytest.raises(JsonTooLargeError):
        await parse_json(text)


async def test_brackets_and_commas_in_strings_are_text() -> None:
    text = json.dumps(['[{,\\"' * 200_000])
    assert await parse_json(text) == json.loads(text)
