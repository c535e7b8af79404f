"""Callers who send more, or slower, than a request's headers may be."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from scriptrun.api.middleware.guarded_protocol import HEAD_LIMIT_BYTES, GuardedProtocol

FAR_MORE = 512 * HEAD_LIMIT_BYTES  # than the buffers of both ends hold
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


async def _answer(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the size of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


async def _refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer before the body has come."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(params=[_answer, _refuse], ids=["reads", "refuses"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    protocol = type("Protocol", (GuardedProtocol,), {"header_seconds": 0.3})
    config = uvicorn.Config(request.param, http=protocol, lifespan="off", log_config=None)
    server, listener = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server._serve([listener]))
    yield listener.getsockname()[1]
    server.should_exit = True
    await task


async def _send(port: int, *parts: bytes) -> tuple[int, bytes]:
    """Send, until hung up on; returns how much was sent, and the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent, answer = 0, b""
    with suppress(ConnectionError):
        for part in parts:
            writer.write(part)
            await writer.drain()
            sent += len(part)
        async with asyncio.timeout(5):
            answer = await reader.read()
    writer.close()
    return sent, answer


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"GET / HTTP/1.1\r\nX-Long: ", b"a" * 16_384),
        (b"GET / HTTP/1.1\r\n", b"X-Many: " + b"a" * 16_374 + b"\r\n"),
        (b"GET /", b"a" * 16_384),
        (CHUNKED + b"1\r\nx\r\n0\r\nX-Trailer: ", b"a" * 16_384),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"X-Trailer: " + b"a" * 16_371 + b"\r\n"),
    ],
    ids=["a header", "headers", "a path", "a trailer", "trailers"],
)
async def test_what_never_ends_is_cut_off(port: int, start: bytes, piece: bytes) -> None:
    sent, answer = await _send(port, start, *[piece] * (FAR_MORE // len(piece)))
    assert not answer.startswith(b"HTTP/1.1 200")
    assert sent < FAR_MORE


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX-Slow: a"])
async def test_who_does_not_get_their_headers_sent_is_hung_up_on(port: int, start: bytes) -> None:
    assert await _send(port, start) == (len(start), b"")


async def test_bodies_have_limits_elsewhere_and_connections_are_used_again(port: int) -> None:
    piece = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    chunked = CHUNKED + piece * 40 + b"0\r\n\r\n"
    plain = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"a" * 200_000
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    _sent, answer = await _send(port, chunked, plain, last.replace(b"Host", b"X-Fine: " + b"a" * 60_000 + b"\r\nHost"))
    assert answer.count(b"HTTP/1.1 ") == 3
    assert b"163840" in answer or b"401" in answer


async def test_who_takes_nothing_of_the_answer_is_hung_up_on() -> None:
    ended = asyncio.Event()

    async def stream(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        gone = asyncio.create_task(receive())
        while not gone.done() or gone.result()["type"] != "http.disconnect":
            if gone.done():
                gone = asyncio.create_task(receive())
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)
        ended.set()

    protocol = type("Protocol", (GuardedProtocol,), {"send_seconds": 0.2})
    config = uvicorn.Config(stream, http=protocol, lifespan="off", log_config=None)
    server, listener = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server._serve([listener]))
    with socket.create_connection(listener.getsockname()) as stalled:
        stalled.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(20):
            await ended.wait()
    server.should_exit = True
    await task
