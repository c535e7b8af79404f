"""Asks an ASGI application without a network."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message


@dataclass(frozen=True)
class Reply:
    """What it said."""

    status: int
    headers: Mapping[str, str]
    text: str
    read: int

    @property
    def body(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.text)


async def ask(
    app: ASGIApp, method: str, target: str, body: bytes = b"", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Reply:
    """Ask; ``read`` of the reply says how many bytes of the body were asked for."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": list(headers),
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Message] = []
    parts = [body[start : start + 65_536] for start in range(0, len(body), 65_536)] or [b""]
    read = 0

    async def receive() -> Message:
        nonlocal read
        if not parts:
            return {"type": "http.disconnect"}
        part = parts.pop(0)
        read += len(part)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    found = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    text = b"".join(message.get("body", b"") for message in sent[1:]).decode()
    return Reply(sent[0]["status"], found, text, read)
