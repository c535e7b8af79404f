"""A package index of the tests' own: wheels that they build, served as PEP 503 asks for it."""

import base64
import hashlib
import ssl
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

__all__ = ["PackageIndex", "Wheel", "build_wheel", "serve_index"]


@dataclass(frozen=True)
class Wheel:
    """A file of the index, and its place there."""

    project: str
    file_name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Hash of the file, in hex."""
        return hashlib.sha256(self.content).hexdigest()


def build_wheel(
    name: str,
    version: str,
    files: Mapping[str, str],
    *,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
) -> Wheel:
    """Build a wheel of these files."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {item}\n" for item in requires)
    about = {
        f"{stem}.dist-info/METADATA": metadata,
        f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record, out = "", BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in {**files, **about}.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(text.encode())}\n"
            archive.writestr(zipfile.ZipInfo(path), text)
        archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/RECORD"), f"{record}{stem}.dist-info/RECORD,,\n")
    return Wheel(name, f"{stem}-{tag}.whl", out.getvalue())


@dataclass
class PackageIndex:
    """What it serves, and what it was asked.

    Attributes:
        url: Where it is.
        wheels: What it has.
        status: Answer to everything instead; 0: what was asked for.
        credentials: `user:password` that it wants; "": none.
        asked: Path of every request.
    """

    url: str = ""
    wheels: list[Wheel] = field(default_factory=list)
    status: int = 0
    credentials: str = ""
    asked: list[str] = field(default_factory=list)

    def lock(self, *names: str) -> str:
        """A lock of these projects, each with what the index has of it."""
        lines = []
        for name in names:
            found = [wheel for wheel in self.wheels if wheel.project == name]
            version = found[0].file_name.removesuffix(".tar.gz").split("-")[1]
            hashes = [f"--hash=sha256:{wheel.sha256}" for wheel in found]
            lines.append(" \\\n    ".join([f"{name}=={version}", *hashes]))
        return "\n".join(lines) + "\n"

    def answer(self, path: str, authorization: str) -> tuple[int, bytes, str]:
        """Status, body and media type of an answer."""
        self.asked.append(path)
        if self.status:
            return self.status, b"", "text/plain"
        if self.credentials and authorization != f"Basic {base64.b64encode(self.credentials.encode()).decode()}":
            return 401, b"", "text/plain"
        kind, _, name = path.strip("/").partition("/")
        if kind == "simple":
            files = [wheel for wheel in self.wheels if wheel.project == name]
            links = "".join(
                f'<a href="/files/{wheel.file_name}#sha256={wheel.sha256}">{wheel.file_name}</a>\n' for wheel in files
            )
            page = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
            return (200, page, "text/html") if files else (404, b"", "text/plain")
        file = next((wheel for wheel in self.wheels if wheel.file_name == name), None)
        return (200, file.content, "application/octet-stream") if file else (404, b"", "text/plain")


@contextmanager
def serve_index(
    host: str = "127.0.0.1", wheels: Sequence[Wheel] = (), tls: ssl.SSLContext | None = None
) -> Iterator[PackageIndex]:
    """Serve an index at a free port of this address."""
    index = PackageIndex(wheels=list(wheels))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, media_type = index.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            if status == 401:
                self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((host, 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    index.url = f"{'https' if tls else 'http'}://{host}:{server.server_port}/simple/"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
