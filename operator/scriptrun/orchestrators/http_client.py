"""HTTP to an orchestrator: one address, its TLS, credentials, bounded answers, and errors that people understand."""

import io
import json
import os
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
from yarl import URL

from scriptrun.errors import (
    AddressNotAllowed,
    AnswerTooLarge,
    Gone,
    Refused,
    Rejected,
    TaskError,
    TryLater,
)
from scriptrun.net.http_client import is_compressed, open_session, read_body
from scriptrun.net.json_body import JsonTooLargeError, parse_json
from scriptrun.policies.address_policy import AddressPolicy
from scriptrun.policies.masking import hide_text
from scriptrun.policies.text import escape_controls, shorten

__all__ = ["Answer", "Credentials", "Http", "build_error"]

ANSWER_LIMIT_BYTES = 16 * 1024 * 1024
"""Longest answer that is read. One task is far below, and of a batch that is above fewer are asked for."""

ERROR_LIMIT_BYTES = 64 * 1024
"""Longest answer that is read of one that is no success; the rest of it is left."""

REQUEST_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
_MESSAGE_CHARACTERS = 500
_HIDDEN = "[hidden]"
_LONGEST_WAIT_SECONDS = 300.0
_EXPLANATIONS = ("detail", "message", "error_description", "error", "title")
_UNTRUSTED = {18, 19, 20, 21}  # OpenSSL's X509_V_ERR_…: no way from the certificate to an authority that is trusted
_OTHER_NAME = {62, 64}


class Credentials(Protocol):
    """What makes a request ours."""

    async def build_headers(self) -> Mapping[str, str]:
        """Build the headers to send; may ask for a token first, and so raise ``TryLater`` or ``Refused``."""
        ...

    def forget(self, headers: Mapping[str, str]) -> bool:
        """Take note that these headers were refused; says whether something fresh can be had."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said; never HTML.

    Attributes:
        status: HTTP status.
        text: the body; "" where it is no UTF-8. Not for people: anything may stand in it.
        document: the body parsed; None where it is empty or no JSON.
        where: method and URL without query, for messages.
        retry_after_seconds: how long the server asked to wait, 300 s at most; None when it did not say.
        hidden: texts that ``message`` leaves out, should the server have sent them back.
    """

    status: int
    text: str
    document: Any
    where: str
    retry_after_seconds: float | None = None
    hidden: frozenset[str] = frozenset()

    @property
    def ok(self) -> bool:
        """Whether it is a success."""
        return 200 <= self.status < 300

    @property
    def reason(self) -> str:
        """The server's own word for the error (``title`` of Zeebe), or ""."""
        return _shorten(self._read("title"), self.hidden)

    @property
    def message(self) -> str:
        """The server's own words, shortened, without secrets: the only part of an answer to show to people.

        Those of an error as orchestrators describe one, and nothing else: what any other server has to say is not for
        everybody who may name its address.
        """
        found = next((text for name in _EXPLANATIONS if (text := self._read(name))), "")
        return _shorten(found, self.hidden) or "no explanation"

    def _read(self, name: str) -> str:
        value = self.document.get(name) if isinstance(self.document, dict) else None
        return value if isinstance(value, str) else ""


def build_error(answer: Answer) -> TaskError:
    """Build the error that an unwelcome answer means, where the adapter knows nothing better.

    401 and 403 are Refused; 404 and 410 are Gone; 429 and everything from 500 is TryLater; the rest is Rejected.
    """
    text = f"{answer.where} answered {answer.status}: {answer.message}"
    if answer.status == 401:
        return Refused(f"{text}. The credentials are missing, wrong or expired (credentialsSecret)")
    if answer.status == 403:
        return Refused(f"{text}. These credentials lack a permission: grant it, or use others")
    if answer.status in (404, 410):
        return Gone(text)
    if answer.status in (408, 425, 429) or answer.status >= 500:
        return TryLater(text, answer.retry_after_seconds)
    return Rejected(text)


class Http:
    """Talks to one server.

    Args:
        address: base URL; paths are added to it.
        tls: what to trust, of ``net.tls.build_tls``.
        credentials: None for none.
        secrets: texts that must not show in any message, should the server send them back.
        policy: which addresses may be connected to; None for any.

    Raises:
        Refused: the address is no HTTP address, or has a user or password in it.
    """

    def __init__(
        self,
        address: str,
        tls: ssl.SSLContext | bool = True,
        credentials: Credentials | None = None,
        secrets: Collection[str] = (),
        policy: AddressPolicy | None = None,
    ) -> None:
        self._base = _parse_address(address)
        self._tls = tls
        self._credentials = credentials
        self._policy = policy
        self._secrets = frozenset(text for secret in secrets if (text := secret.strip()))
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        seconds: float = REQUEST_SECONDS,
    ) -> Answer:
        """Send a request and read the answer, whatever its status.

        Args:
            method: such as ``POST``.
            path: below the address, percent-encoded; "" for the address itself.
            body: sent as JSON; a ``str`` is sent as it is, as text.
            query: query parameters.
            form: sent as a form instead of a body.
            seconds: to wait for the whole answer.

        Raises:
            TryLater: no answer, or one that is cut off; the request may have arrived.
            AnswerTooLarge: an answer that is not read to its end, or not parsed.
            Refused: TLS fails, something else than the orchestrator answers, the address may not be connected to, or
                no credentials can be had.
            Rejected: the body can't be sent as JSON, or a proxy does not take one that large.
        """
        payload = _build_payload(body, form)
        url = _add_path(self._base, path).with_query(query)
        own = await self._build_own_headers()
        answer = await self._send(method, url, payload, own, seconds)
        # Nothing was done: a token that ran out, or was withdrawn, is replaced at once.
        if answer.status == 401 and self._credentials is not None and self._credentials.forget(own):
            answer = await self._send(method, url, payload, await self._build_own_headers(), seconds)
        return answer

    async def close(self) -> None:
        """Close connections, those of the credentials too."""
        if self._credentials is not None:
            await self._credentials.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session(
                self._policy,
                headers={"Accept": "application/json, */*;q=0.5"},
                timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
                tls=self._tls,
            )
        return self._session

    async def _build_own_headers(self) -> Mapping[str, str]:
        return await self._credentials.build_headers() if self._credentials is not None else {}

    async def _send(self, method: str, url: URL, payload: "_Payload", own: Mapping[str, str], seconds: float) -> Answer:
        where = f"{method} {url.with_query(None)}"
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS)
        headers = {**payload.headers, **own}
        # Of a large body in one piece aiohttp says that it would hold up the event loop.
        data = io.BytesIO(payload.data) if isinstance(payload.data, bytes) else payload.data
        try:
            async with self._open().request(
                method, url, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                succeeded = 200 <= answer.status < 300
                limit = ANSWER_LIMIT_BYTES if succeeded else ERROR_LIMIT_BYTES
                body, complete = await read_body(answer, limit)
        except AddressNotAllowed as error:
            remedy = "" if error.final else "; to allow it, add it to bridge.settings.allowedAddresses of the chart"
            raise Refused(f"{error}{remedy}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # OSError covers TimeoutError; ValueError is a header that can't be one (a line break in a token).
            raise _explain_failure(error, where, self._base, seconds) from error
        # The secret of a header is its last word, as in "Bearer …".
        hidden = self._secrets | {value.split()[-1] for value in own.values() if value.split()}
        if succeeded and not complete:
            raise AnswerTooLarge(f"{where} answered with more than {limit:,} bytes, which is the most that is read")
        return await _understand(answer, body, where, hidden)


@dataclass(frozen=True, slots=True)
class _Payload:
    data: bytes | Mapping[str, str] | None
    headers: Mapping[str, str]


def _build_payload(body: Any, form: Mapping[str, str] | None) -> _Payload:
    if form is not None:
        return _Payload(dict(form), {})
    if body is None:
        return _Payload(None, {})
    try:
        if isinstance(body, str):
            return _Payload(body.encode(), {"Content-Type": "text/plain; charset=utf-8"})
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return _Payload(text.encode(), {"Content-Type": "application/json"})
    except (ValueError, TypeError, RecursionError) as error:
        raise Rejected(f"this can't be sent as JSON: {error}") from error


def _parse_address(address: str) -> URL:
    try:
        url = URL(address)
    except ValueError as error:
        raise Refused("the address is no URL: give one such as http://zeebe:8080") from error
    if url.user is not None or url.password is not None:
        raise Refused("the address has a user or password in it: put them into the credentialsSecret")
    if url.scheme not in ("http", "https") or not url.host:
        raise Refused(f"{url} is no HTTP address: give one such as http://zeebe:8080")
    return url.with_query(None).with_fragment(None)


def _add_path(base: URL, path: str) -> URL:
    return base.with_path(base.raw_path.rstrip("/") + path, encoded=True) if path else base


async def _understand(answer: aiohttp.ClientResponse, body: bytes, where: str, hidden: frozenset[str]) -> Answer:
    if 300 <= answer.status < 400:
        raise Refused(f"{where} sends us on {_describe_target(answer)}: give the address where it really is")
    if is_compressed(answer):
        raise Refused(f"{where} answered compressed, though it was asked not to: is a proxy before the server?")
    if answer.content_type == "text/html" or body[:1024].lstrip()[:1] == b"<":
        raise _explain_page(answer.status, where)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = ""
    try:
        document = await parse_json(text) if text else None
    except JsonTooLargeError as error:
        raise AnswerTooLarge(f"{where} answered with {error}, which is the most that is parsed") from error
    except ValueError:
        document = None
    seconds = _parse_seconds(answer.headers.get("Retry-After", ""))
    return Answer(answer.status, text, document, where, seconds, hidden)


def _describe_target(answer: aiohttp.ClientResponse) -> str:
    """Describe where a server sends us on to: its origin at most, since anything may stand behind that."""
    try:
        target = answer.url.join(URL(answer.headers.get("Location", "")))
        there = f"to {target.origin()}" if target.origin() != answer.url.origin() else "to another path"
    except ValueError:
        there = "to what is no URL"
    return f"{there} ({answer.status})"


def _shorten(text: str, hidden: frozenset[str]) -> str:
    # Before characters are escaped that may be part of a secret, and after: what is left out may have split one.
    text = escape_controls(hide_text(text, hidden, _HIDDEN))
    text = hide_text(text, hidden | {shown for secret in hidden if (shown := escape_controls(secret))}, _HIDDEN)
    return shorten(" ".join(text.split()), _MESSAGE_CHARACTERS)


def _parse_seconds(text: str) -> float | None:
    if not text.isascii() or not text.isdigit():
        return None
    return min(float(text), _LONGEST_WAIT_SECONDS)


def _explain_page(status: int, where: str) -> TaskError:
    """Explain a page made for people: of a proxy, a login, or another server altogether."""
    said = f"{where} answered {status} with a web page"
    if status == 413:
        return Rejected(
            f"{said}: a proxy before the server takes no request that large; let it take more, or send less"
        )
    if status >= 500 or status == 429:
        return TryLater(f"{said}: a proxy before the server says that it is away")
    return Refused(f"{said} instead of JSON: the address is not that of the REST API, or a login stands before it")


def _explain_failure(error: Exception, where: str, base: URL, seconds: float) -> TryLater:
    server = base.authority
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _explain_certificate(error.certificate_error, server)
    if isinstance(error, aiohttp.ClientSSLError):
        return Refused(f"{server} does not speak TLS as it should ({error.strerror or error}): is it http:// instead?")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return TryLater(f"there is no host {base.host}: is the address right?")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return TryLater(
            f"{server} can't be reached within {_CONNECT_SECONDS:g} s: is the address right, and the server up?"
        )
    if isinstance(error, TimeoutError):
        return TryLater(f"{where} was not answered within {seconds:g} s")
    if isinstance(error, aiohttp.ClientConnectorError):
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        return TryLater(f"{server} can't be reached ({why}): is the address right, and the server up?")
    if isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError):
        return Refused("the credentials hold characters that no HTTP header can: is there a line break in them?")
    return TryLater(f"{where}: the connection broke ({str(error) or type(error).__name__})")


def _explain_certificate(error: Exception, server: str) -> Refused:
    code = getattr(error, "verify_code", 0)
    said = getattr(error, "verify_message", "") or str(error)
    if code in _OTHER_NAME:
        return Refused(
            f"the certificate of {server} is for another name ({said.rstrip('.')}): "
            "use the name that is in it as the address"
        )
    if code in _UNTRUSTED:
        return Refused(f"the certificate of {server} is not trusted ({said}): name its authority's in caConfigMap")
    return Refused(f"the certificate of {server} is not valid ({said})")
