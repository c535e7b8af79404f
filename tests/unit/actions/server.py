"""An HTTP server whose every fault is written down, on loopback: bytes in, bytes out."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import h2.config
import h2.connection
import h2.events


@dataclass
class Received:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


Reply = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def answer(
    status: int = 200, body: Any = None, headers: dict[str, str] | None = None, *, raw: bytes | None = None
) -> bytes:
    """An answer: JSON, or bytes as they are."""
    content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
    lines = {"content-type": "application/json", "content-length": str(len(content)), **(headers or {})}
    head = f"HTTP/1.1 {status} x\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode() + b"\r\n" + content


@dataclass
class Server:
    """Gives one reply after the other; the last one stays.

    Attributes:
        replies: what is answered, or what does it.
        received: every request.
    """

    replies: list[Reply] | Callable[[Received], Reply]
    tls: ssl.SSLContext | None = None
    received: list[Received] = field(default_factory=list)
    port: int = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            security = writer.get_extra_info("ssl_object")
            if security is not None and security.selected_alpn_protocol() == "h2":
                await self._serve_http2(reader, writer)
                return
            while request := await _read(reader):
                self.received.append(request)
                reply = self._choose(request)
                if isinstance(reply, bytes):
                    writer.write(reply)
                    await writer.drain()
                else:
                    await reply(writer)
                    return
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _choose(self, request: Received) -> Reply:
        if callable(self.replies):
            return self.replies(request)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    async def _serve_http2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        wire.initiate_connection()
        writer.write(wire.data_to_send())
        while data := await reader.read(65_536):
            for event in wire.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    names = {name.decode(): value.decode() for name, value in event.headers}
                    self.received.append(Received(names[":method"], names[":path"], names))
                    wire.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/json")])
                    wire.send_data(event.stream_id, b'{"http": 2}', end_stream=True)
            writer.write(wire.data_to_send())
            await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length") or 0))
    return Received(method, target, headers, body)
