"""The server of a script pipeline, as far as a scheduler sees it: scripts behind tickets, and who asked for what."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import loopback


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
    with loopback.serve(type("Handler", (_Handler,), {"state": state}), host) as state.port:
        yield state


class _Handler(loopback.Handler):
    state: ScriptServer

    def respond(self) -> None:
        asked = Asked(self.command, self.path, dict(self.headers.items()), self.read_body())
        self.state.asked.append(asked)
        state, path = self.state, unquote(self.path)
        if asked.method == "POST":
            self.answer(state.collect(asked), b"{}")
        elif state.statuses.get(path):
            self.answer(state.statuses[path].pop(0))
        elif path in state.locations:
            self.answer(302, headers={"Location": state.locations[path]})
        elif path in state.scripts:
            self._send_script(state.scripts[path], state.headers.get(path, {}), state.slow.get(path, 0))
        else:
            self.answer(404, b"no such script")

    def _send_script(self, script: bytes, headers: dict[str, str], pause: float) -> None:
        if headers.get("Transfer-Encoding") == "chunked":
            self.send_head(200, headers)
            for start in range(0, len(script), 65_536):
                self.send_chunk(script[start : start + 65_536])
            self.send_chunk(b"")
        elif pause:
            self.send_head(200, headers, len(script))
            self.drip(script, pause)
        else:
            self.answer(200, script, headers)
