"""An event loop whose clock jumps: whoever sleeps wakes at once, and hours pass in milliseconds."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["Stuck", "run_virtually"]

T = TypeVar("T")


class Stuck(Exception):  # noqa: N818 - it is what happened
    """Everybody waits and nobody will ever come."""


class _NoIo(selectors.DefaultSelector):
    """Waits for nothing; instead of waiting, the clock is moved."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stuck
        self.now += max(0.0, timeout)
        return []


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._no_io = _NoIo()
        super().__init__(self._no_io)

    def time(self) -> float:
        return self._no_io.now


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end as `asyncio.run` does, starting at second 0.

    Raises:
        Stuck: every task waits for another.
    """
    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        return runner.run(main)
