"""What may stand before an orchestrator: a proxy that loses answers, asks for credentials, or speaks TLS."""

import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from localcluster.driver.packages import ensure_packages
from localcluster.driver.settings import read_settings

_LIMIT_BYTES = 64 * 1024 * 1024


def _nothing(_request: web.Request) -> bool:
    return False


def _everybody(_request: web.Request) -> web.Response | None:
    return None


@dataclass
class Front:
    """A proxy before one server; what it does may be changed at any time.

    Attributes:
        server: base URL of what is behind it.
        address: its own.
        lose: whether the answer to a request is lost, after the server has done what was asked.
        admit: the answer to give instead of passing a request on; None to pass it on.
        passed: method and path of every request that the server has seen.
    """

    server: str
    address: str = ""
    lose: Callable[[web.Request], bool] = _nothing
    admit: Callable[[web.Request], web.Response | None] = _everybody
    passed: list[tuple[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request, session: aiohttp.ClientSession) -> web.Response:
        """Answer one request."""
        body = await request.read()
        if (refusal := self.admit(request)) is not None:
            return refusal
        headers = {"Content-Type": request.headers.get("Content-Type", "application/json")}
        async with session.request(request.method, self.server + request.path_qs, data=body, headers=headers) as answer:
            reply = web.Response(body=await answer.read(), status=answer.status)
            if answer.headers.get("Content-Type"):
                reply.headers["Content-Type"] = answer.headers["Content-Type"]
        self.passed.append((request.method, request.path))
        if self.lose(request):
            assert request.transport is not None
            request.transport.abort()
        return reply


@asynccontextmanager
async def open_front(server: str, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Front]:
    """Stand before a server, on loopback."""
    front = Front(server)
    async with aiohttp.ClientSession() as session:
        application = web.Application(client_max_size=_LIMIT_BYTES)

        async def handle(request: web.Request) -> web.Response:
            return await front.handle(request, session)

        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        front.address = f"{'https' if tls else 'http'}://{host}:{runner.addresses[0][1]}"
        try:
            yield front
        finally:
            await runner.cleanup()


def lose_first(wanted: Callable[[web.Request], bool], count: int = 1) -> Callable[[web.Request], bool]:
    """Lose only the first that are wanted. aiohttp makes a GET whose connection broke once more by itself."""
    left = iter([True] * count)
    return lambda request: wanted(request) and next(left, False)


class Authority:
    """A certificate authority of a test's own, by openssl.

    Attributes:
        certificate: PEM to trust.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        ensure_packages(read_settings(), {"openssl": "openssl"})
        self._make_key("ca")
        self._run(
            "req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=test authority", "-days", "2", "-out", "ca.crt"
        )
        self.certificate = (folder / "ca.crt").read_text()

    def issue(self, name: str) -> ssl.SSLContext:
        """Make a certificate for a name, such as ``DNS:localhost`` or ``IP:127.0.0.1``, for a server to show."""
        (self._folder / "server.ext").write_text(f"subjectAltName={name}\n")
        self._make_key("server")
        self._run("req", "-new", "-key", "server.key", "-subj", "/CN=server", "-out", "server.csr")
        self._run(
            *("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-days", "2", "-extfile", "server.ext", "-out", "server.crt"),
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._folder / "server.crt", self._folder / "server.key")
        return context

    def _make_key(self, name: str) -> None:
        self._run("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", f"{name}.key")

    def _run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._folder, check=True, capture_output=True)
