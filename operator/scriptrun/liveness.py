"""Whether a process still can do its work: what only a restart can mend makes `/healthz` fail."""

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

__all__ = ["Liveness"]

_SILENT_SECONDS = 420.0  # a quiet watch is ended by the server, and begun anew, sooner than that
_HEARTBEAT_SECONDS = 15.0


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
        now = time.monotonic()
        if now - self._beat > 4 * _HEARTBEAT_SECONDS:
            return "the event loop is stuck"
        silent = now - min(watch.last_contact for watch in self._watches)
        return f"the watches are dead: nothing heard for {silent:.0f} s" if silent > _SILENT_SECONDS else ""
