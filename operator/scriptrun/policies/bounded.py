"""A cache with room for so many bytes: what is kept is bounded whatever tenants write."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["BoundedCache"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """Keeps what was used last, up to a number of bytes. Safe to use from several threads.

    Args:
        limit_bytes: how much all values may come to; a value that is larger by itself is made anew each time.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._lock = Lock()
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K, make: Callable[[], tuple[V, int]]) -> V:
        """Get a value, or make it.

        Args:
            key: what it is kept under.
            make: makes the value and estimates its bytes; called outside the lock, so two threads may both make one.
        """
        with self._lock:
            if found := self._kept.get(key):
                self._kept.move_to_end(key)
                return found[0]
        value, size = make()
        with self._lock:
            if size <= self._limit_bytes and key not in self._kept:
                self._kept[key] = value, size
                self._bytes += size
                while self._bytes > self._limit_bytes:
                    _, (_, dropped) = self._kept.popitem(last=False)
                    self._bytes -= dropped
        return value
