"""Objects deeper than Python's JSON reader takes: they must not end the watches that meet them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.kube.decoding import DEEPEST, Response, cut_deep, decode, split_lines

LEVELS = 10_000
DEEP = b'{"metadata": {"name": "a"}, "spec": ' + b"[" * LEVELS + b"]" * LEVELS + b', "status": {"b": "]}"}}'

documents = st.recursive(
    st.none() | st.integers() | st.text(st.sampled_from('a[]{}"\\\u00e4')),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.sampled_from('[{"\\')), inner, max_size=3),
)


def measure(document: Any) -> int:
    """The levels of a document."""
    levels, level = 0, [document]
    while level := [item for item in level if isinstance(item, dict | list)]:
        levels += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return levels


def test_what_lies_too_deep_is_left_out() -> None:
    document = decode(DEEP)
    assert measure(document) == DEEPEST
    assert (document["metadata"], document["status"]) == ({"name": "a"}, {"b": "]}"})


@given(documents, st.integers(1, 50))
def test_all_else_stays(document: Any, deeper: int) -> None:
    text = json.dumps(document).encode()
    assert cut_deep(text) is text
    beside = b"[" * (DEEPEST + deeper) + b"]" * (DEEPEST + deeper)
    assert json.loads(cut_deep(b"[" + text + b"," + beside + b"," + text + b"]"))[::2] == [document, document]


@pytest.mark.parametrize("levels", [DEEPEST, DEEPEST + 1])
def test_the_limit(levels: int) -> None:
    text = b"[" * levels + b"1" + b"]" * levels
    assert (cut_deep(text) == text) is (levels == DEEPEST)
    assert measure(json.loads(cut_deep(text))) == DEEPEST


def test_brackets_in_strings_do_not_count() -> None:
    text = json.dumps(["[" * 2 * DEEPEST + '\\"' * DEEPEST, "}" * DEEPEST]).encode()
    assert cut_deep(text) is text
    hidden = b'["' + b"]" * LEVELS + b'",' + b"[" * LEVELS + b"]" * LEVELS + b"]"
    assert measure(decode(hidden)) == DEEPEST


def test_what_is_cut_off_is_not_json() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        decode(DEEP[:-LEVELS])


async def test_lines_are_split_wherever_chunks_end() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"a", b"b\ncd\n", b"\ne"):
            yield chunk

    assert [line async for line in split_lines(chunks())] == [b"ab\n", b"cd\n", b"\n", b"e"]


async def test_an_answer_and_a_watch_can_be_parsed_by_anybody() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=DEEP + b"\n" + b"{}\n" if "watch" in _request.query else DEEP)

    application = web.Application()
    application.add_routes([web.get("/", answer)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with aiohttp.ClientSession(response_class=Response) as session:
            async with session.get(url) as response:
                assert measure(await response.json()) == DEEPEST
            async with session.get(url, params={"watch": "true"}) as response:
                lines = b"".join([chunk async for chunk in response.content.iter_chunked(1000)]).splitlines()
                assert [measure(json.loads(line)) for line in lines] == [DEEPEST, 1]
    finally:
        await runner.cleanup()


async def test_others_have_their_turn_between_very_many_lines() -> None:
    """What a script prints may be nothing but line ends, and all of it may have arrived already."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"\n" * 65_536

    async def read() -> int:
        return len([line async for line in split_lines(chunks())])

    turns, reading = 0, asyncio.create_task(read())
    while not reading.done():
        turns += 1
        await asyncio.sleep(0)
    assert reading.result() == 3 * 65_536
    assert turns > 3 * 64
