"""A hostile HTTP server: it plays orchestrators and script servers, and gives each case the answer that it describes.

The first segment of a path names the case. Requests that the case is not about, such as a bridge's report, are answered
as the real server would.
"""

import json
import socket
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import loopback
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
    with loopback.serve(type("Handler", (_Handler,), {"state": state})) as state.port:
        yield state


class _Handler(loopback.Handler):
    state: HostileServer

    def respond(self) -> None:
        body = self.read_body()
        name, _, rest = self.path.lstrip("/").partition("?")[0].partition("/")
        if name == "api" and "run-script" in rest:  # asks where a script is
            self._reply(unquote(rest.split("/")[4]))
        elif name not in self.state.replies:
            self.answer(404)
        elif "activation" in rest or "poll" in rest or not rest.startswith(("v2", "api")):
            self._reply(name)
        else:
            self._take_report(name, rest, body)

    def _take_report(self, name: str, path: str, body: bytes) -> None:
        """Keep the report of a task, and give it back when the task is read."""
        if self.command == "GET":
            self.answer(200, json.dumps(self.state.updates.get(name, {"status": "RUNNING"})).encode())
            return
        said = json.loads(body or b"{}")
        if path.startswith("api"):
            self.state.updates[name] = said
        text = said.get("errorMessage") or said.get("reasonForIncompletion") or said.get("status")
        if text and text != "IN_PROGRESS":
            self.state.reports[name].append(str(text))
        self.answer(204 if path.startswith("v2") else 200)

    def _reply(self, name: str) -> None:
        reply = self.state.replies.get(name)
        self.state.asked[name] += 1
        if reply is None:
            self.answer(404)
            return
        url = f"http://{self.headers.get('Host')}{self.path}"
        headers = {key: value.replace("{self}", url) for key, value in reply.headers.items()}
        body = reply.body()
        match reply.framing:
            case "raw":
                self.wfile.write(body)
                self.close_connection = True
            case "short":
                self.send_head(reply.status, headers, len(body) + 1000)
                self.wfile.write(body)
                time.sleep(_ENDLESS_SECONDS)
            case "slow":
                self.send_head(reply.status, headers, len(body))
                self.drip(body, _SLOW_SECONDS)
            case "endless":
                self.send_head(reply.status, {**headers, "Transfer-Encoding": "chunked"})
                self._flood(body)
            case _:
                self.answer(reply.status, body, headers)

    def _flood(self, chunk: bytes) -> None:
        until = time.monotonic() + _ENDLESS_SECONDS
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < until:
            self.send_chunk(chunk)
        self.close_connection = True
