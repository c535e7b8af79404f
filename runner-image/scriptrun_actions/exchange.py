"""One request and its answer, redirects followed."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, urljoin, urlsplit

import httpcore

from scriptrun_actions.build import File, Request
from scriptrun_actions.errors import ActionError
from scriptrun_actions.response import Response, join_headers, parse_body, read_body

__all__ = ["Exchange", "Sent"]

_REDIRECTS = 5
_REDIRECT_STATUS = (301, 302, 303, 307, 308)
_CONNECT_SECONDS = 10.0
_USER_AGENT = "scriptrun"


@dataclass(slots=True)
class Sent:
    """Whether any of a request may have reached a server."""

    started: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """Sends requests of one call.

    Attributes:
        pool: connections.
        base_url: of the Connection.
        allowed_hosts: hosts that redirects may lead to: (pattern, host, port) decides.
        timeout_seconds: of one request with its redirects, from connecting to the end of the answer.
        limit_bytes: cap of an answer's body.
    """

    pool: httpcore.AsyncConnectionPool
    base_url: str
    allowed_hosts: tuple[str, ...]
    timeout_seconds: float
    limit_bytes: int
    headers: dict[str, str] = field(default_factory=lambda: {"user-agent": _USER_AGENT, "accept-encoding": "gzip"})

    async def send(self, request: Request, credentials: Request, sent: Sent) -> Response:
        """Send a request and read its answer.

        Args:
            request: without credentials: what follows a redirect to another origin.
            credentials: the same with credentials.
            sent: is told once something is under way.

        Raises:
            ActionError: there is no answer, or it can't be read.
        """
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return await self._follow(request, credentials, sent)
        except TimeoutError:
            raise ActionError(
                "Timeout", f"no whole answer within timeoutMs ({self.timeout_seconds * 1000:g} ms)"
            ) from None

    async def post_form(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Post a form to the base URL itself; redirects are not followed, since they would take credentials along.

        Raises:
            ActionError: there is no answer.
        """
        try:
            async with asyncio.timeout(self.timeout_seconds):
                status, _, data = await self._exchange("POST", self.base_url, {**self.headers, **headers}, body, Sent())
        except TimeoutError:
            raise ActionError("Timeout", f"{_where(self.base_url)} did not answer in time") from None
        return status, data

    async def _follow(self, request: Request, credentials: Request, sent: Sent) -> Response:
        url = self.base_url.rstrip("/") + credentials.target()
        method, content, files = request.method, request.content, request.files
        headers = dict(credentials.headers)
        for _ in range(_REDIRECTS + 1):
            body, extra = _encode_body(content, files)
            status, got, data = await self._exchange(method, url, {**self.headers, **headers, **extra}, body, sent)
            location = got.get("location", "")
            if status not in _REDIRECT_STATUS or not location:
                return Response(status, got, parse_body(data, got.get("content-type", "")))
            target = urljoin(url, location)
            if not self._stays(url, target):
                headers = dict(request.headers)
            url = target
            if status == 303 or (status in (301, 302) and method == "POST"):  # as browsers do; RFC 9110, 15.4
                method, content, files = ("HEAD" if method == "HEAD" else "GET"), None, ()
                headers = {name: value for name, value in headers.items() if not name.startswith("content-")}
        raise ActionError("TooManyRedirects", f"more than {_REDIRECTS} redirects")

    def _stays(self, url: str, target: str) -> bool:
        """Whether a redirect stays at the origin.

        Raises:
            ActionError: it may not be followed.
        """
        old, new = urlsplit(url), urlsplit(target)
        if new.scheme not in ("http", "https") or new.username or new.password:
            raise ActionError(
                "AddressNotAllowed", f"a redirect leads to {new.scheme or 'no'} URL, which is not followed"
            )
        if old.scheme == "https" and new.scheme == "http":
            raise ActionError("AddressNotAllowed", f"a redirect leads from https to http ({new.hostname})")
        if _origin(old) == _origin(new):
            return True
        base = urlsplit(self.base_url)
        host, port = new.hostname or "", _port(new)
        if _origin(new) != _origin(base) and not any(_matches(item, host, port) for item in self.allowed_hosts):
            raise ActionError(
                "AddressNotAllowed", f"a redirect leads to {host}:{port}, which is not in the Connection's allowedHosts"
            )
        return False

    async def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, sent: Sent
    ) -> tuple[int, dict[str, str], bytes]:
        timeouts = {
            "connect": min(_CONNECT_SECONDS, self.timeout_seconds),
            "read": self.timeout_seconds,
            "write": self.timeout_seconds,
            "pool": self.timeout_seconds,
        }
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        raw.insert(0, (b"host", _host_header(urlsplit(url)).encode()))
        if body is not None:
            raw.append((b"content-length", str(len(body)).encode()))
        outgoing = httpcore.Request(
            method, url, headers=raw, content=_Body(body, sent), extensions={"timeout": timeouts, "trace": _tell(sent)}
        )
        try:
            answer = await self.pool.handle_async_request(outgoing)
            try:
                got = join_headers(answer.headers)
                data = b""
                if method != "HEAD":
                    data = await read_body(answer.aiter_stream(), got.get("content-encoding", ""), self.limit_bytes)
                return answer.status, got, data
            finally:
                await answer.aclose()
        except (httpcore.ConnectTimeout, httpcore.PoolTimeout) as error:
            raise ActionError("Timeout", f"{_where(url)} could not be connected to in time") from error
        except httpcore.TimeoutException as error:
            raise ActionError("Timeout", f"{_where(url)} is silent for too long") from error
        except (httpcore.ConnectError, httpcore.ProxyError, OSError) as error:
            raise ActionError("ConnectFailed", f"{_where(url)} can't be connected to: {error}") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise ActionError("ConnectionBroken", f"the connection to {_where(url)} broke: {error}") from error
        except (httpcore.UnsupportedProtocol, UnicodeError, ValueError) as error:
            raise ActionError("InvalidAction", f"{_where(url)} is no URL that can be called: {error}") from error


class _Body:
    """A body that tells when it is asked for."""

    def __init__(self, content: bytes | None, sent: Sent) -> None:
        self._content = content
        self._sent = sent

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._sent.started = True
        if self._content:
            yield self._content


def _tell(sent: Sent) -> object:
    async def trace(event: str, info: object) -> None:
        if event.endswith("send_request_headers.started"):
            sent.started = True

    return trace


def _where(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{_port(parts)}"


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, (parts.hostname or "").rstrip(".").lower(), _port(parts)


def _host_header(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port is None else f"{host}:{parts.port}"


def _matches(pattern: str, host: str, port: int) -> bool:
    name, colon, number = pattern.lower().rpartition(":")
    if not (colon and number.isdigit()):
        name, number = pattern.lower(), ""
    same = host.endswith(name[1:]) and host != name[1:] if name.startswith("*.") else host == name
    return same and (port == int(number) if number else port in (80, 443))


def _encode_body(content: bytes | None, files: tuple[File, ...]) -> tuple[bytes | None, dict[str, str]]:
    """Write the parts of a multipart body (RFC 7578), between boundaries that nobody can guess."""
    if not files:
        return content, {}
    boundary = secrets.token_hex(16)
    parts = []
    for file in files:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_escape(file.name)}"'
        if file.filename:
            head += f'; filename="{_escape(file.filename)}"'
        if file.content_type:
            head += f"\r\nContent-Type: {_escape(file.content_type)}"
        parts.append(head.encode() + b"\r\n\r\n" + file.content + b"\r\n")
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, {"content-type": f"multipart/form-data; boundary={boundary}"}


def _escape(text: str) -> str:
    """As HTML has it (WHATWG, multipart/form-data encoding)."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def with_path(request: Request, url: str, base_url: str) -> Request:
    """The same request for another page of the same server, whose URL an answer named.

    Raises:
        ActionError: it is another origin's.
    """
    target, base = urlsplit(urljoin(base_url.rstrip("/") + request.target(), url)), urlsplit(base_url)
    if _origin(target) != _origin(base):
        raise ActionError("AddressNotAllowed", f"the next page is at {target.hostname}, another server's")
    prefix = base.path.rstrip("/")
    if not target.path.startswith(prefix):
        raise ActionError("AddressNotAllowed", f"the next page is outside of {prefix}, the Connection's baseUrl")
    path = target.path[len(prefix) :]
    return replace(request, path=path + (f"?{target.query}" if target.query else ""), query=())
