"""Asking a running script to stop."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

__all__ = ["Stop"]


class Stop:
    """A request to end the script early, from any thread or from a signal handler.

    It takes no lock, since a signal handler interrupts the very thread that might hold it.

    Attributes:
        requested_at: `time.monotonic()` of the first request; None before it.
    """

    def __init__(self) -> None:
        self.requested_at: float | None = None
        self._notify: Callable[[], object] | None = None

    def request(self, *_signal: object) -> None:
        """Ask once; asking again changes nothing. The signature is also that of a signal handler."""
        if self.requested_at is None:
            self.requested_at = time.monotonic()
            if self._notify is not None:
                self._notify()

    def subscribe(self, notify: Callable[[], object]) -> None:
        """Call `notify` when asked, or now if that has happened; it may be called twice."""
        self._notify = notify
        if self.requested_at is not None:
            notify()
