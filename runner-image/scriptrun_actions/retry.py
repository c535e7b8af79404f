"""Whether and when a call is made again. Pure."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from scriptrun_actions.errors import ActionError
from scriptrun_actions.model import Action, Retry

__all__ = ["decide_delay", "matches_status", "parse_retry_after"]

_UNKNOWN_STATUS = (502, 504)  # a gateway that got no answer can't know what became of the request
_CLASSES = {"ConnectFailed": "connect", "Timeout": "timeout", "ConnectionBroken": "protocol"}


def matches_status(patterns: tuple[str, ...], status: int) -> bool:
    """Whether a status is among patterns such as ``2xx`` and ``404``."""
    return any(
        pattern == str(status) or (pattern.lower().endswith("xx") and pattern[0] == str(status)[0])
        for pattern in patterns
    )


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Read a ``Retry-After`` (RFC 9110, 10.2.3): seconds, or a date; in seconds from now, None when it is neither."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def is_unknown(action: Action, error: ActionError, *, sent: bool) -> bool:
    """Whether an operation that must not be repeated may have taken place all the same."""
    if action.repeatable or not sent:
        return False
    return error.reason in ("Timeout", "ConnectionBroken") or error.status in _UNKNOWN_STATUS


def decide_delay(
    action: Action, attempt: int, error: ActionError, *, sent: bool, retry_after: float | None, chance: float
) -> float | None:
    """Decide after how many seconds a failed call is made again; None: it is not.

    Args:
        action: the operation.
        attempt: which one failed, from 1.
        error: how it failed.
        sent: whether any of the request may have reached the server.
        retry_after: what the server asked for, in seconds.
        chance: a random number from 0 up to 1: calls that failed together don't come again together.
    """
    retry = action.retry
    if retry.strategy == "NONE" or attempt >= retry.max_attempts or not _is_listed(retry, error):
        return None
    if is_unknown(action, error, sent=sent) and action.on_unknown == "Fail":
        return None
    delay = float(retry.initial_delay_ms)
    if retry.strategy == "EXPONENTIAL":
        delay = min(delay * 2.0 ** min(attempt - 1, 30), float(retry.max_delay_ms))
        delay *= 0.5 + chance / 2
    if retry_after is not None:
        delay = max(delay, retry_after * 1000)
    return min(delay, float(retry.max_delay_ms)) / 1000


def _is_listed(retry: Retry, error: ActionError) -> bool:
    if error.status is not None and error.reason == "HttpError":
        return matches_status(retry.on, error.status)
    return _CLASSES.get(error.reason, "-") in retry.on
