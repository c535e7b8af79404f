"""The C halves of `json`, `signal` and `hashlib`, for what must happen before the script is started.

The modules around them import `re`, `enum` and OpenSSL, and that takes as long as the whole rest of the runner's
start. An interpreter without these halves gets the real modules.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import _Hash
    from typing import Any, Callable

__all__ = ["block_stop_signals", "handle_stop_signals", "make_sha256", "parse_json"]

_SIGINT = 2
_SIGTERM = 15


class _Context:
    """What `json.JSONDecoder` is to its scanner."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012 - only the scanner written in Python would use it


def parse_json(text: str) -> Any:
    """Parse JSON that the operator wrote.

    Raises:
        ValueError: `text` is no JSON document.
    """
    try:
        from _json import make_scanner

        value, end = make_scanner(_Context)(text, 0)  # type: ignore[arg-type]
        if end == len(text):
            return value
    except Exception:  # noqa: S110 - whatever it was, the real parser says it better
        pass
    import json

    return json.loads(text)


def block_stop_signals() -> None:
    """Keep SIGTERM and SIGINT pending until `handle_stop_signals`.

    For PID 1 the kernel discards a signal that is neither blocked nor has a handler. Where `bin/runner` could block
    them already, this changes nothing.
    """
    signals = _load_signals()
    signals.pthread_sigmask(signals.SIG_BLOCK, (_SIGTERM, _SIGINT))


def handle_stop_signals(handler: Callable[..., object]) -> None:
    """Call `handler(number, frame)` in the main thread for each SIGTERM and SIGINT, those that are pending included."""
    signals = _load_signals()
    for number in (_SIGTERM, _SIGINT):
        signals.signal(number, handler)
    signals.pthread_sigmask(signals.SIG_UNBLOCK, (_SIGTERM, _SIGINT))


def _load_signals() -> Any:
    try:
        import _signal  # type: ignore[import-not-found]
    except ImportError:
        import signal

        return signal
    return _signal


def make_sha256(data: bytes = b"") -> _Hash:
    """Make a SHA-256 digest, as `hashlib.sha256` does."""
    for name in ("_sha256", "_sha2"):  # the latter since Python 3.12
        try:
            digest: _Hash = __import__(name).sha256(data)
        except ImportError:
            continue
        return digest
    import hashlib

    return hashlib.sha256(data)
