"""HTTP servers on loopback that play a part in a test."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_NONE: Mapping[str, str] = {}


class Handler(BaseHTTPRequestHandler):
    """Handles requests; an answer may be sent in any way, and the caller may close the connection at any time."""

    protocol_version = "HTTP/1.1"

    def respond(self) -> None:
        """Answer a request, whatever its method."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """GET."""
        self.respond()

    def do_POST(self) -> None:
        """POST."""
        self.respond()

    def do_PATCH(self) -> None:
        """PATCH."""
        self.respond()

    def handle(self) -> None:
        """Handle the requests of a connection until its caller has had enough."""
        with suppress(OSError):
            super().handle()

    def read_body(self) -> bytes:
        """Read the body of the request."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send_head(self, status: int, headers: Mapping[str, str] = _NONE, length: int | None = None) -> None:
        """Send everything before the body.

        Args:
            status: HTTP status.
            headers: Sent one by one, however many there are.
            length: That of the body as it is promised; None for a body in chunks, or none at all.
        """
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] = _NONE) -> None:
        """Answer as servers do."""
        self.send_head(status, headers, None if status == 204 else len(body))
        self.wfile.write(body)

    def send_chunk(self, chunk: bytes) -> None:
        """Send a part of a body in chunks; an empty one ends it."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    def drip(self, body: bytes, seconds: float) -> None:
        """Send a body byte by byte.

        Args:
            body: The body.
            seconds: Between two bytes.
        """
        for byte in body:
            self.wfile.write(bytes([byte]))
            time.sleep(seconds)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serve(handler: type[BaseHTTPRequestHandler], host: str = "127.0.0.1") -> Iterator[int]:
    """Serve until the block ends; yields the port."""
    server = ThreadingHTTPServer((host, 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
