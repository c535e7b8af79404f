"""A cache of answers that are good for a few seconds."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["ShortCache"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ShortCache(Generic[K, V]):
    """Keeps answers for some seconds, at most so many; who asks while an answer is on its way waits for that one.

    Args:
        seconds: how long an answer is good.
        size: how many are kept.
        clock: seconds that only go forward.
    """

    def __init__(self, seconds: float, size: int = 4096, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._asked: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """Give the kept answer, or ask for one. What asking raises is not kept."""
        kept = self._kept.get(key)
        if kept and kept[0] > self._clock():
            return kept[1]
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.ensure_future(self._ask(key, ask))
            task.add_done_callback(lambda done: (self._asked.pop(key, None) and done.cancelled()) or done.exception())
        # One caller who hangs up must not end the question of the others.
        return await asyncio.shield(task)

    async def _ask(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        value = await ask()
        self._kept.pop(key, None)
        self._kept[key] = (self._clock() + self._seconds, value)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return value
