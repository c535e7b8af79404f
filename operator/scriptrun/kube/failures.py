"""From an HTTP answer to one of this project's errors."""

import json

from scriptrun.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    QuotaExceeded,
    TooLarge,
    Unavailable,
)

__all__ = ["error_of_answer"]

_BY_STATUS: dict[int, type[KubeError]] = {
    400: Invalid,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: Invalid,
    429: Unavailable,
}

_TOO_LARGE = ("etcdserver: request is too large", "trying to send message larger than max")
"""etcd's own words for what it will never take: the API server passes them on as 500."""


def _pick(status: int, reason: str, message: str) -> type[KubeError]:
    if reason == "AlreadyExists":
        return AlreadyExists
    if status == 403 and "exceeded quota" in message:
        return QuotaExceeded
    if status >= 500 and any(words in message for words in _TOO_LARGE):
        return TooLarge
    if status == 422 and "metadata.uid: Invalid value" in message:
        return Conflict  # the object of that name is another one
    return _BY_STATUS.get(status, Unavailable if status >= 500 else KubeError)


def error_of_answer(status: int, body: bytes) -> KubeError:
    """Build the error for an answer of 400 and above; its message is the API server's own."""
    reason, message = "", body[:500].decode(errors="replace")
    try:
        document = json.loads(body)
        reason, message = str(document.get("reason") or ""), str(document.get("message") or message)
    except (ValueError, AttributeError, RecursionError):
        pass  # a proxy's page, not the API server's Status: shown as it is
    return _pick(status, reason, message)(message or f"HTTP {status}", status, reason)
