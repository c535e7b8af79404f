"""The server of a script pipeline, as far as a scheduler sees it: scripts behind tickets, and who asked for what."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


@dataclass
class Asked:
    """One request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """Its body, which is JSON."""
        return json.loads(self.body)


@dataclass
class ScriptServer:
    """What it serves, and what it was asked.

    Attributes:
        port: Of loopback.
        asked: Every request.
        scripts: By path.
        locations: Redirects, by path.
        statuses: Answers without a body, by path; taken one after the other.
        slow: Seconds between two bytes, by path.
        headers: Further headers of an answer, by path.
        collect: Told of each POST; returns the answer's status.
    """

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    scripts: dict[str, bytes] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    collect: Callable[[Asked], int] = lambda _asked: 200

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def add(self, path: str, script: str | bytes) -> str:
        """Add a script; returns its address."""
        self.scripts[path] = script.encode() if isinstance(script, str) else script
        return self.url + path

    def posted(self, path: str) -> list[Any]:
        """Bodies that were posted to a path."""
        return [item.document for item in self.asked if item.method == "POST" and item.path == path]


@contextmanager
def serve_scripts(host: str = "127.0.0.1") -> Iterator[ScriptServer]:
    """Serve until the block ends."""
    state = ScriptServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._note()
            path = unquote(self.path)
            if state.statuses.get(path):
                self._answer(state.statuses[path].pop(0), b"")
            elif path in state.locations:
                self._answer(302, b"", {"Location": state.locations[path]})
            elif path in state.scripts:
                self._answer(200, state.scripts[path], state.headers.get(path), state.slow.get(path, 0))
            else:
                self._answer(404, b"no such script")

        def do_POST(self) -> None:
            self._answer(state.collect(self._note()), b"{}")

        def _note(self) -> Asked:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, dict(self.headers.items()), body)
            state.asked.append(asked)
            return asked

        def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, pause: float = 0) -> None:
            given = headers or {}
            self.send_response(status)
            for name, value in given.items():
                self.send_header(name, value)
            if given.get("Transfer-Encoding") != "chunked":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self._write(body, pause, chunked=given.get("Transfer-Encoding") == "chunked")
            except OSError:
                self.close_connection = True  # the caller has had enough

        def _write(self, body: bytes, pause: float, *, chunked: bool) -> None:
            if chunked:
                for start in range(0, len(body), 65_536):
                    part = body[start : start + 65_536]
                    self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                self.wfile.write(b"0\r\n\r\n")
            elif pause:
                for number in range(len(body)):
                    self.wfile.write(body[number : number + 1])
                    self.wfile.flush()
                    time.sleep(pause)
            else:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
