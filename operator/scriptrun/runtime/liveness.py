"""Whether a process still can do its work: what only a restart can mend makes `/healthz` fail."""

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

__all__ = ["Liveness", "explain_silence"]

_SILENT_SECONDS = 420.0  # a quiet watch is ended by the server, and begun anew, sooner than that
_HEARTBEAT_SECONDS = 15.0


def explain_silence(last_contact: float) -> str:
    """Say that a process's watches are dead; empty when they are not.

    Args:
        last_contact: when the most silent of them heard from the API server, by the monotonic clock.
    """
    silent = time.monotonic() - last_contact
    return f"the watches are dead: nothing heard for {silent:.0f} s" if silent > _SILENT_SECONDS else ""


class _Watch(Protocol):
    """What hears from the API server.

    Attributes:
        last_contact: when it last did, by the monotonic clock.
    """

    last_contact: float


class Liveness:
    """Watches the event loop and the watches of a process."""

    def __init__(self, watches: Sequence[_Watch]) -> None:
        self._watches = watches
        self._beat = time.monotonic()

    async def beat(self) -> None:
        """Show for ever that the event loop turns."""
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(_HEARTBEAT_SECONDS)

    def explain(self) -> str:
        """Say what is wrong; empty when nothing is."""
        if time.monotonic() - self._beat > 4 * _HEARTBEAT_SECONDS:
            return "the event loop is stuck"
        return explain_silence(min(watch.last_contact for watch in self._watches))
