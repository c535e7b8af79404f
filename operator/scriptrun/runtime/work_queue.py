"""The work queue: fair between namespaces, each key at most once in it, at most one worker per key, growing retries.

The same promises as client-go's workqueue, on one event loop, and one more: keys belong to flows (namespaces), which
take turns. However many keys one flow adds, a key of another waits only for the passes under way and for one key of
each flow that also waits. API Priority and Fairness does the same for requests to the API server.
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from scriptrun.runtime.backoff import Backoff

__all__ = ["WorkQueue"]

K = TypeVar("K", bound=Hashable)

_RETRIES = Backoff(0.1, 60.0)


@dataclass(slots=True)
class _Flow(Generic[K]):
    """The keys of one flow: those that are ready, and how many are being worked on."""

    ready: deque[K] = field(default_factory=deque)
    busy: int = 0
    in_turn: bool = False


class WorkQueue(Generic[K]):
    """A queue of keys that are to be reconciled. Every operation takes constant time, ``add_after`` logarithmic.

    Args:
        clock: monotonic seconds.
        flow_of: the flow that a key belongs to; by default all keys are one flow, and leave in the order they came.
        busy_per_flow: how many keys of one flow may be worked on at the same time; None for any number. With fewer than
            there are workers, a flow whose passes are slow leaves workers to the others.
        backoff: how long a key waits after a failure.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        flow_of: Callable[[K], Hashable] = lambda _key: None,
        busy_per_flow: int | None = None,
        backoff: Backoff = _RETRIES,
    ) -> None:
        self._clock = clock
        self._flow_of = flow_of
        self._busy_per_flow = busy_per_flow
        self._backoff = backoff
        self._flows: dict[Hashable, _Flow[K]] = {}
        self._turns: deque[_Flow[K]] = deque()  # flows that have a ready key and may have one more worker, each once
        self._waiting: set[K] = set()  # ready, or to be once its worker is done
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
            self._make_ready(key)

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
        self._failures[key] = self.count_failures(key) + 1
        delay = self._backoff.delay(self._failures[key])
        self.add_after(key, delay)
        return delay

    def count_failures(self, key: K) -> int:
        """Count the failures of a key in a row."""
        return self._failures.get(key, 0)

    def forget(self, key: K) -> None:
        """Start counting failures anew."""
        self._failures.pop(key, None)

    def done(self, key: K) -> None:
        """Say that the worker on a key is done; it comes again if it was asked for meanwhile."""
        if key not in self._busy:
            return
        self._busy.discard(key)
        name = self._flow_of(key)
        flow = self._flows[name]
        flow.busy -= 1
        if key in self._waiting:
            self._make_ready(key)
        elif flow.ready:
            self._take_turn(flow)
        elif not flow.busy:
            del self._flows[name]

    def close(self) -> None:
        """Give out no more keys: workers end when they are done with theirs."""
        self._closed = True
        self._wakeup.set()

    async def get(self) -> K | None:
        """Wait for a key that no other worker is on, ``done`` must follow; None once the queue is closed."""
        while not self._closed:
            self._promote()
            if self._turns:
                key = self._take_next()
                if self._turns:
                    self._wakeup.set()
                return key
            self._wakeup.clear()
            await self._sleep()
        self._wakeup.set()
        return None

    def _take_next(self) -> K:
        """Take the next key of the flow whose turn it is; that flow's next turn comes after every other's."""
        flow = self._turns.popleft()
        flow.in_turn = False
        key = flow.ready.popleft()
        flow.busy += 1
        self._waiting.discard(key)
        self._busy.add(key)
        if flow.ready:
            self._take_turn(flow)
        return key

    def _make_ready(self, key: K) -> None:
        flow = self._flows.setdefault(self._flow_of(key), _Flow())
        flow.ready.append(key)
        self._take_turn(flow)

    def _take_turn(self, flow: _Flow[K]) -> None:
        """Let a flow with ready keys stand in line, unless it does so already or has all the workers it may have."""
        if flow.in_turn or (self._busy_per_flow is not None and flow.busy >= self._busy_per_flow):
            return
        flow.in_turn = True
        self._turns.append(flow)
        self._wakeup.set()

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
