"""Reads an answer: no more than its cap, unpacked or not, and as what its media type says."""

import base64
import json
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any

from scriptrun_actions.errors import ActionError

__all__ = ["Response", "parse_body", "read_body"]

_UNPACKED_STEP = 65_536
_HIDDEN_HEADERS = frozenset({"set-cookie"})  # whoever has it is signed in


@dataclass(frozen=True, slots=True)
class Response:
    """An answer.

    Attributes:
        status: of HTTP.
        headers: by name, in lower case; several of one name are joined by commas.
        body: JSON; a text; base64 of anything else; None for none.
    """

    status: int
    headers: dict[str, str]
    body: Any

    def document(self) -> dict[str, Any]:
        """As JSON, as steps see it."""
        return {"status": self.status, "headers": self.headers, "body": self.body}


def join_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Join an answer's headers."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        if key not in _HIDDEN_HEADERS:
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


async def read_body(stream: AsyncIterator[bytes], encoding: str, limit_bytes: int) -> bytes:
    """Read a body up to its cap, and unpack it.

    Args:
        stream: what comes.
        encoding: ``Content-Encoding``.
        limit_bytes: cap, of what comes and of what it becomes.

    Raises:
        ActionError: ResponseTooLarge, or InvalidResponse where it can't be unpacked.
    """
    unpack = _choose_unpacker(encoding)
    body, received = bytearray(), 0
    async for chunk in stream:
        received += len(chunk)
        if received > limit_bytes:
            raise _too_large(limit_bytes)
        for piece in unpack.feed(chunk) if unpack else [chunk]:
            body += piece
            if len(body) > limit_bytes:
                raise _too_large(limit_bytes)
    if unpack and received and not unpack.done:
        raise ActionError("InvalidResponse", f"the answer's {encoding} ends too early")
    return bytes(body)


def _too_large(limit_bytes: int) -> ActionError:
    text = f"the answer has more than {limit_bytes} bytes (maxResponseBytes); ask for less, or raise it"
    return ActionError("ResponseTooLarge", text)


class _Unpacker:
    """Unpacks gzip or deflate in steps of bounded size: a few bytes could become very many."""

    def __init__(self, window: int) -> None:
        self._inner = zlib.decompressobj(window)

    @property
    def done(self) -> bool:
        return self._inner.eof

    def feed(self, data: bytes) -> "list[bytes] | Any":
        while data:
            try:
                piece = self._inner.decompress(data, _UNPACKED_STEP)
            except zlib.error as error:
                raise ActionError("InvalidResponse", f"the answer can't be unpacked: {error}") from error
            data = self._inner.unconsumed_tail
            yield piece
            if self._inner.eof:
                return


def _choose_unpacker(encoding: str) -> _Unpacker | None:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip"):
        return _Unpacker(zlib.MAX_WBITS | 16)
    if name == "deflate":
        return _Unpacker(zlib.MAX_WBITS)
    raise ActionError("InvalidResponse", f"the answer is encoded as {name!r}, which was not asked for")


def parse_body(body: bytes, content_type: str) -> Any:
    """Parse a body by its media type: JSON, a text in its charset, base64 of anything else.

    Raises:
        ActionError: InvalidResponse.
    """
    if not body:
        return None
    about = Message()
    about["content-type"] = content_type or "application/octet-stream"
    kind = about.get_content_type()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(body.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise ActionError("InvalidResponse", f"the answer says it is {kind} and is not: {error}") from error
    if kind.startswith("text/") or kind in ("application/xml", "application/x-www-form-urlencoded") or "+xml" in kind:
        charset = about.get_content_charset() or "utf-8"
        try:
            return body.decode(charset)
        except (LookupError, UnicodeDecodeError) as error:
            raise ActionError("InvalidResponse", f"the answer is no text in {charset[:40]}: {error}") from error
    return base64.b64encode(body).decode()
