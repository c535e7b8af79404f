"""How long to wait after a failure: twice as long after each in a row, up to a limit."""

import random
from dataclasses import dataclass

__all__ = ["Backoff", "back_off"]

_MOST_DOUBLINGS = 16
_REFUSED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff.

    Attributes:
        first_seconds: wait after the first failure.
        longest_seconds: wait at most.
    """

    first_seconds: float
    longest_seconds: float

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row (from 1)."""
        return min(self.first_seconds * 2.0 ** min(failures - 1, _MOST_DOUBLINGS), self.longest_seconds)


_REMOTE = Backoff(0.2, 15.0)


def back_off(tries: int, *, refused: bool = False, asked: float | None = None) -> float:
    """Seconds to wait before another server is asked again, with jitter.

    Args:
        tries: failures in a row (from 1).
        refused: whether only a person can mend it.
        asked: how long the other side asked to wait.
    """
    wait = _REFUSED_SECONDS if refused else _REMOTE.delay(tries)
    return max(wait * random.uniform(0.7, 1.0), asked or 0.0)  # noqa: S311 - no secret
