"""A server on loopback that answers as an API server might."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Answer:
    """What to answer to one request."""

    def __init__(
        self, status: int, message: str = "", *, headers: dict[str, str] | None = None, chunked: bool = False
    ) -> None:
        self.status = status
        self.headers = headers or {}
        self.chunked = chunked
        self.body = json.dumps({"kind": "Status", "status": "Failure", "message": message, "code": status}).encode()


CREATED = Answer(201)
HANG_UP = Answer(0)


class Request:
    """A request that came."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path = path
        self.headers = headers
        self.document: dict[str, Any] = json.loads(body)
        self.at = time.monotonic()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.requests.append(Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            answer = self.server.answers.pop(0) if self.server.answers else CREATED
        self.close_connection = True
        if answer is HANG_UP:
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header(
            *(("Transfer-Encoding", "chunked") if answer.chunked else ("Content-Length", str(len(answer.body))))
        )
        self.end_headers()
        if answer.chunked:
            half = len(answer.body) // 2
            for part in (answer.body[:half], answer.body[half:], b""):
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        else:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.context = context
        self.lock = threading.Lock()
        self.answers: list[Answer] = []
        self.requests: list[Request] = []
        self.connections = 0
        self.drop = 0

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        try:
            secured = self.context.wrap_socket(request, server_side=True)
        except OSError:
            return  # a client that left, or does not trust us
        with secured:
            if self.drop:
                self.drop -= 1
                return
            super().finish_request(secured, client_address)


class ApiServer:
    """An HTTPS server that takes POSTs; each answer is used once, then everything is created.

    Attributes:
        answers: what to answer to the next requests.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._port = 0
        self._server: _Server
        self.start()
        self.answers = self._server.answers

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def requests(self) -> list[Request]:
        return self._server.requests

    def drop_connections(self, count: int) -> None:
        """Close the next connections as soon as they are there."""
        self._server.drop = count

    @property
    def connections(self) -> int:
        return self._server.connections

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = _Server(self._port, self._context)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Go away: connections are refused."""
        self._server.shutdown()
        self._server.server_close()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that is its own authority."""
    certificate, key = folder / "ca.crt", folder / "server.key"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=kubernetes", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", *kind, *name, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
