"""A hostile HTTP server: it plays orchestrators and script servers, and gives each case the answer that it describes.

The first segment of a path names the case. Requests that the case is not about, such as a bridge's report, are answered
as the real server would.
"""

import json
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from hostile.corpus.case import Reply

_ENDLESS_SECONDS = 20.0
_SLOW_SECONDS = 0.5


@dataclass
class HostileServer:
    """What the server answers, and what it was told.

    Attributes:
        port: Of loopback.
        replies: By the name of the case.
        asked: How often a case was asked for its answer.
        reports: What was reported of the tasks of a case: reason and message.
        updates: The last update of a case's task in Conductor.
    """

    port: int = 0
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reports: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    updates: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}"


@contextmanager
def serve_hostile_answers() -> Iterator[HostileServer]:
    """Serve until the block ends."""
    state = HostileServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    server.daemon_threads = True
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: HostileServer

    def handle(self) -> None:
        with suppress(OSError):  # the caller closed the connection
            super().handle()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name, _, rest = self.path.lstrip("/").partition("?")[0].partition("/")
        if name == "api" and "run-script" in rest:  # asks where a script is
            self._reply(unquote(rest.split("/")[4]))
        elif name not in self.state.replies:
            self._send(404, b"")
        elif "activation" in rest or "poll" in rest or not rest.startswith(("v2", "api")):
            self._reply(name)
        else:
            self._take_report(name, rest, body)

    do_GET = do_POST = do_PATCH = _serve  # noqa: N815 - names of http.server

    def _take_report(self, name: str, path: str, body: bytes) -> None:
        """Keep the report of a task, and give it back when the task is read."""
        if self.command == "GET":
            self._send(200, json.dumps(self.state.updates.get(name, {"status": "RUNNING"})).encode())
            return
        said = json.loads(body or b"{}")
        if path.startswith("api"):
            self.state.updates[name] = said
        text = said.get("errorMessage") or said.get("reasonForIncompletion") or said.get("status")
        if text and text != "IN_PROGRESS":
            self.state.reports[name].append(str(text))
        self._send(204 if path.startswith("v2") else 200, b"")

    def _reply(self, name: str) -> None:
        reply = self.state.replies.get(name)
        self.state.asked[name] += 1
        if reply is None:
            self._send(404, b"")
            return
        url = f"http://{self.headers.get('Host')}{self.path}"
        headers = {key: value.replace("{self}", url) for key, value in reply.headers.items()}
        body = reply.body()
        match reply.framing:
            case "raw":
                self.wfile.write(body)
                self.close_connection = True
            case "length" if len(headers) > 100:
                self._send_by_hand(reply.status, body, headers)
            case "length":
                self._send(reply.status, body, headers)
            case "short":
                self._send(reply.status, body, headers, length=len(body) + 1000)
                time.sleep(_ENDLESS_SECONDS)
            case "slow":
                self._send(reply.status, b"", headers, length=len(body))
                self._drip(body)
            case _:
                self._send(reply.status, b"", {**headers, "Transfer-Encoding": "chunked"}, length=None)
                self._flood(body)

    def _send(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, *, length: int | None = -1
    ) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        if length is not None and status != 204:
            self.send_header("Content-Length", str(len(body) if length == -1 else length))
        self.end_headers()
        self.wfile.write(body)

    def _send_by_hand(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        self.wfile.write(f"HTTP/1.1 {status} OK\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def _drip(self, body: bytes) -> None:
        for number in range(len(body)):
            self.wfile.write(body[number : number + 1])
            time.sleep(_SLOW_SECONDS)

    def _flood(self, chunk: bytes) -> None:
        until = time.monotonic() + _ENDLESS_SECONDS
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < until:
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""
