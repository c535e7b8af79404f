"""How many calls a Connection takes at the same time and per second, in one process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

__all__ = ["Limiter"]


class Limiter:
    """Lets calls in: at most so many at the same time, and evenly spaced."""

    def __init__(
        self, at_once: int, per_second: float, now: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._space = 1 / per_second if per_second > 0 else 0.0
        self._now = now
        self._sleep = sleep
        self._next = 0.0

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        """Wait for one's turn."""
        async with self._slots:
            if self._space:
                start = max(self._next, self._now())
                self._next = start + self._space
                if (wait := start - self._now()) > 0:
                    await self._sleep(wait)
            yield
