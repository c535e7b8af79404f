"""How long to wait after a failure."""

import random

__all__ = ["back_off"]

_FIRST_SECONDS = 0.2
_LONGEST_SECONDS = 15.0
_REFUSED_SECONDS = 30.0


def back_off(tries: int, *, refused: bool = False, asked: float | None = None) -> float:
    """Seconds to wait after so many failures in a row (from 1), with some noise.

    Args:
        tries: failures in a row.
        refused: whether only a person can mend it.
        asked: how long the other side asked to wait.
    """
    if refused:
        wait = _REFUSED_SECONDS
    else:
        wait = min(_FIRST_SECONDS * 2 ** min(tries - 1, 16), _LONGEST_SECONDS)
    return max(wait * random.uniform(0.7, 1.0), asked or 0.0)  # noqa: S311 - no secret
