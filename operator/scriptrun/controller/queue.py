"""The work queue: each key at most once in it, at most one worker on a key, retries that grow apart.

The same promises as client-go's workqueue, on one event loop.
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["WorkQueue"]

K = TypeVar("K", bound=Hashable)

_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 60.0


class WorkQueue(Generic[K]):
    """A queue of keys that are to be reconciled.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ready: deque[K] = deque()
        self._waiting: set[K] = set()  # in _ready, or to be put there once its worker is done
        self._busy: set[K] = set()
        self._later: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._failures: dict[K, int] = {}
        self._sequence = 0
        self._wakeup = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: K) -> None:
        """Ask for a key to be reconciled; asking twice before it is, is asking once."""
        if key in self._waiting:
            return
        self._waiting.add(key)
        if key not in self._busy:
            self._ready.append(key)
            self._wakeup.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Ask for a key after a while; of several such wishes the earliest counts."""
        if seconds <= 0:
            self.add(key)
            return
        due = self._clock() + seconds
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        self._sequence += 1
        heapq.heappush(self._later, (due, self._sequence, key))
        self._wakeup.set()

    def retry(self, key: K) -> float:
        """Ask for a key again after a failure; each one in a row doubles the wait. Returns the wait in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay: float = min(_FIRST_RETRY_SECONDS * 2 ** min(failures, 16), _LONGEST_RETRY_SECONDS)
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """Start counting failures anew."""
        self._failures.pop(key, None)

    def done(self, key: K) -> None:
        """Say that the worker on a key is done; it comes again if it was asked for meanwhile."""
        self._busy.discard(key)
        if key in self._waiting:
            self._ready.append(key)
            self._wakeup.set()

    def close(self) -> None:
        """Give out no more keys: workers end when they are done with theirs."""
        self._closed = True
        self._wakeup.set()

    async def get(self) -> K | None:
        """Wait for a key that no other worker is on, ``done`` must follow; None once the queue is closed."""
        while not self._closed:
            self._promote()
            if self._ready:
                key = self._ready.popleft()
                self._waiting.discard(key)
                self._busy.add(key)
                if self._ready:
                    self._wakeup.set()
                return key
            self._wakeup.clear()
            await self._sleep()
        self._wakeup.set()
        return None

    async def _sleep(self) -> None:
        if not self._later:
            await self._wakeup.wait()
            return
        try:
            async with asyncio.timeout(max(0.0, self._later[0][0] - self._clock())):
                await self._wakeup.wait()
        except TimeoutError:
            return

    def _promote(self) -> None:
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            due, _sequence, key = heapq.heappop(self._later)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)
