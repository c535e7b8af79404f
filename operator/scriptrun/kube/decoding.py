"""JSON from the API server, which keeps objects of up to 10,000 levels: ten times as many as Python's reader takes.

What people may write freely (variables, schemas, a task's payload) can be as deep, and one such object would end every
watch that meets it. So what lies too deep is left out before it is parsed. Enough of the depth stays for the checks of
documents to refuse it, since they allow far less.
"""

import json
import re
from collections.abc import AsyncIterator
from itertools import accumulate
from typing import Any

import aiohttp

__all__ = ["DEEPEST", "Response", "cut_deep", "decode", "split_lines"]

DEEPEST = 400
"""Levels that are kept. Documents may have 200; the rest is for what stands around them in an object."""

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)
_OTHERS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEPS = {byte: 1 if byte in b"[{" else -1 for byte in b"[]{}"}


def decode(raw: bytes) -> Any:
    """Parse a document; what lies deeper than ``DEEPEST`` levels is null.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return json.loads(raw)
    except RecursionError:
        return json.loads(cut_deep(raw))


def cut_deep(raw: bytes) -> bytes:
    """Put null in the place of every array and object below ``DEEPEST`` levels; most documents stay as they are.

    Takes time linear in the size, and next to none for documents with few brackets.
    """
    if raw.count(b"[") + raw.count(b"{") <= DEEPEST or _measure(raw) <= DEEPEST:
        return raw
    parts, depth, kept = [], 0, 0
    for match in _TOKEN.finditer(raw):
        token = match[0]
        if token in b"[{":
            depth += 1
            if depth == DEEPEST + 1:
                parts.append(raw[kept : match.start()])
        elif token in b"]}":
            if depth == DEEPEST + 1:
                parts.append(b"null")
                kept = match.end()
            depth -= 1
    if depth <= DEEPEST:
        parts.append(raw[kept:])
    return b"".join(parts)


def _measure(raw: bytes) -> int:
    """Count the levels of a document."""
    brackets = _STRING.sub(b"", raw).translate(None, _OTHERS)
    return max(accumulate(_STEPS[byte] for byte in brackets), default=0)


async def split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Split at line ends; a line may be longer than any buffer (an output of 900 kB is one line)."""
    parts: list[bytes] = []
    async for chunk in chunks:
        first, *others = chunk.split(b"\n")
        parts.append(first)
        for part in others:
            yield b"".join(parts) + b"\n"
            parts = [part]
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
