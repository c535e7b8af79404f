"""JSON from the API server, which keeps objects of up to 10,000 levels: ten times as many as Python's reader takes.

What people may write freely (variables, schemas, a task's payload) can be as deep, and one such object would end every
watch that meets it. So what lies too deep is left out before it is parsed. Enough of the depth stays for the checks of
documents to refuse it, since they allow far less.
"""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from itertools import compress, count
from typing import Any

import aiohttp

__all__ = ["DEEPEST", "Response", "cut_deep", "decode", "split_lines"]

DEEPEST = 400
"""Levels that are kept. Documents may have 200; the rest is for what stands around them in an object."""

_LINES_AT_ONCE = 1024

_QUOTE, _OPENING = b'"'[0], frozenset(b"[{")
_MARKS = b'"[]{}'
_IS_MARK = bytes(byte in _MARKS for byte in range(256))
_OTHERS = bytes(byte for byte in range(256) if byte not in _MARKS)


def decode(raw: bytes) -> Any:
    """Parse a document; what lies deeper than ``DEEPEST`` levels is null.

    Raises:
        ValueError: it is not JSON.
    """
    collecting = gc.isenabled()
    gc.disable()  # each new array would have the collector look at all the others again
    try:
        return json.loads(raw)
    except RecursionError:
        return json.loads(cut_deep(raw))
    finally:
        if collecting:
            gc.enable()


def cut_deep(raw: bytes) -> bytes:
    """Put null in the place of every array and object below ``DEEPEST`` levels; most documents stay as they are.

    Takes time linear in the size, and next to none for documents with few brackets.
    """
    if raw.count(b"[") + raw.count(b"{") <= DEEPEST:
        return raw
    # Of the same length, and without quotes that are part of a string.
    bare = raw.replace(b"\\\\", b"..").replace(b'\\"', b"..")
    places = compress(count(), bare.translate(_IS_MARK))
    parts: list[bytes] = []
    depth, kept, in_string = 0, 0, False
    for place, mark in zip(places, bare.translate(None, _OTHERS), strict=True):
        if mark == _QUOTE:
            in_string = not in_string
        elif in_string:
            continue
        elif mark in _OPENING:
            depth += 1
            if depth == DEEPEST + 1:
                parts.append(raw[kept:place])
        else:
            if depth == DEEPEST + 1:
                parts.append(b"null")
                kept = place + 1
            depth -= 1
    if not parts:
        return raw
    # A document that is cut off within such a place is not JSON, and ends there.
    return b"".join([*parts, raw[kept:] if depth <= DEEPEST else b""])


async def split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Split at line ends; a line may be longer than any buffer (an output of 900 kB is one line)."""
    parts: list[bytes] = []
    async for chunk in chunks:
        first, *others = chunk.split(b"\n")
        parts.append(first)
        for number, part in enumerate(others, 1):
            yield b"".join(parts) + b"\n"
            parts = [part]
            if number % _LINES_AT_ONCE == 0:  # the next chunk may be there already, and none of this waits
                await asyncio.sleep(0)
    if rest := b"".join(parts):
        yield rest


class Response(aiohttp.ClientResponse):
    """An answer of the API server that anybody can parse, kopf too."""

    async def start(self, connection: Any) -> "Response":
        """Receive the headers; of a watch, the body then comes in whole events."""
        await super().start(connection)
        if "watch" in self.url.query:
            self.content = _Events(self.content)  # type: ignore[assignment]  # stands in for it
        return self

    async def json(self, **_: Any) -> Any:
        """Read and parse the body."""
        return decode(await self.read())


class _Events:
    """The body of a watch, an event a line; in all else the stream itself."""

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield whole events."""
        async for line in split_lines(self._stream.iter_chunked(size)):
            yield cut_deep(line)
