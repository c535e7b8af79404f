"""A stand-in for the API server over real HTTP: says what a test tells it to, and remembers what it was asked."""

import json
import threading
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

RUNS = "/apis/scriptrun.dev/v1alpha1/namespaces/team/scriptruns"
SCRIPTS = "/apis/scriptrun.dev/v1alpha1/namespaces/team/scripts"
PODS = "/api/v1/namespaces/team/pods"
CONFIG_MAPS = "/api/v1/namespaces/team/configmaps"


@dataclass(frozen=True)
class Reply:
    """What to answer.

    Attributes:
        body: an object, or text as it is.
        status: HTTP's.
        cut: the connection breaks at the end of the body.
        held: the connection stays open after the body until the stub is closed, as a watch's does.
    """

    body: Any
    status: int = 200
    cut: bool = False
    held: bool = False

    @property
    def data(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: dict[str, str]
    body: Any


def refuse(status: int, reason: str, message: str = "") -> Reply:
    """Refuse as the API server does."""
    return Reply({"kind": "Status", "reason": reason, "message": message or reason, "code": status}, status)


def list_of(*items: Any) -> Reply:
    """Answer a list."""
    return Reply({"metadata": {"resourceVersion": "7"}, "items": list(items)})


def events(*pairs: tuple[str, Any], held: bool = False) -> Reply:
    """Answer a watch with events, then end it, or hold it open."""
    lines = (json.dumps({"type": type_, "object": item}) + "\n" for type_, item in pairs)
    return Reply("".join(lines), held=held)


class ApiStub:
    """The server, on a port of loopback.

    Attributes:
        asked: every request so far.
    """

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self._replies: dict[str, list[Reply]] = defaultdict(list)
        self._closed = threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_arguments: Any) -> None:
                pass

            def do_GET(self) -> None:
                stub._answer(self)

            def do_POST(self) -> None:
                stub._answer(self)

            def do_PATCH(self) -> None:
                stub._answer(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def on(self, what: str, *replies: Reply) -> None:
        """Answer ``GET path``, ``POST path``, ``PATCH path`` or ``WATCH path``: in turn, the last one ever after."""
        self._replies[what].extend(replies)

    def find(self, method: str, path: str) -> list[Request]:
        """Look up what was asked."""
        return [request for request in self.asked if (request.method, request.path) == (method, path)]

    def write_kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig for it, whose namespace is ``team``."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "stub",
            "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "me", "namespace": "team"}}],
            "clusters": [{"name": "stub", "cluster": {"server": self.url}}],
            "users": [{"name": "me", "user": {"token": "x"}}],
        }
        path.write_text(yaml.safe_dump(document))
        return path

    def close(self) -> None:
        """End every connection."""
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        query = dict(parse_qsl(url.query))
        length = int(handler.headers.get("Content-Length") or 0)
        body = json.loads(handler.rfile.read(length)) if length else None
        method = "WATCH" if query.get("watch") else handler.command
        self.asked.append(Request(method, url.path, query, body))
        replies = self._replies[f"{method} {url.path}"]
        reply = refuse(404, "NotFound", f"{method} {url.path} not found")
        if replies:
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
        handler.send_response(reply.status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        if reply.data:
            handler.wfile.write(f"{len(reply.data):x}\r\n".encode() + reply.data + b"\r\n")
            handler.wfile.flush()
        if reply.held:
            self._closed.wait(30)
        if reply.cut or reply.held:
            handler.close_connection = True
            return
        handler.wfile.write(b"0\r\n\r\n")
