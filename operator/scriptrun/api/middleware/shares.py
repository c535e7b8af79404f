"""What there is room for so many times, and for one caller a part of that: nobody keeps the others out."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Shares"]

_PARTS = 4


class Shares:
    """Counts what goes on for callers.

    Args:
        most: at one time; one caller may have a quarter of it, and one in any case.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.each = max(1, most // _PARTS)
        self._held: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """How much goes on."""
        return self._held.total()

    def is_full(self) -> bool:
        """Whether there is no room for anybody."""
        return self.total >= self._most

    def is_used_up(self, caller: str) -> bool:
        """Whether a caller has their part."""
        return self._held[caller] >= self.each

    @contextmanager
    def hold(self, caller: str) -> Iterator[None]:
        """Count one more for a caller meanwhile."""
        self._held[caller] += 1
        try:
            yield
        finally:
            self._held[caller] -= 1
            if not self._held[caller]:
                del self._held[caller]
