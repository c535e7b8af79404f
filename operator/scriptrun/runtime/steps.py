"""Which piece of work the event loop is executing, and which one held it longest.

Many pieces of work are under way at the same time, and each merely waits most of that time. A step is what one of them
executes between two waits: as long as it lasts, nothing else runs in the process.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

__all__ = ["LongestStep", "Steps"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LongestStep:
    """The longest step of a time.

    Attributes:
        work: what was being done: a name given to it, else the name of the coroutine; "" when nothing was.
        seconds: how long the loop was held by it.
    """

    work: str = ""
    seconds: float = 0.0


class Steps:
    """Follows all work of an event loop step by step, which costs about a microsecond per step.

    Args:
        on_begin: told before each step of work that was given a name, and of the tasks started by such work.
        on_end: told after each such step.
    """

    def __init__(
        self,
        on_begin: Callable[[str], object] = lambda _work: None,
        on_end: Callable[[], object] = lambda: None,
    ) -> None:
        self._on_begin = on_begin
        self._on_end = on_end
        self._current = ""
        self._within = 0.0
        self._longest: tuple[str, object, float] = ("", None, 0.0)

    def install(self) -> None:
        """Follow every task that is started from now on in the running loop."""
        asyncio.get_running_loop().set_task_factory(self._make_task)

    def follow(self, work: str, coroutine: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """Make a coroutine that does the same, and whose steps are followed under a name.

        Args:
            work: what to call it, and the tasks that it starts.
            coroutine: does it.
        """
        return _Followed(self, work, coroutine)

    def take_longest(self) -> LongestStep:
        """Take the longest step since the last call."""
        (work, coroutine, seconds), self._longest = self._longest, ("", None, 0.0)
        return LongestStep(work or getattr(coroutine, "__qualname__", ""), seconds)

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, T] | Generator[Any, None, T],
        **options: Any,
    ) -> asyncio.Task[T]:
        if isinstance(coroutine, Coroutine) and not isinstance(coroutine, _Followed):
            coroutine = _Followed(self, self._current, coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    def _execute(self, followed: "_Followed[Any]", step: Callable[[Any], T], argument: Any) -> T:
        outer, outer_within = self._current, self._within
        self._current, self._within = followed.work, 0.0
        if followed.work:
            self._on_begin(followed.work)
        started = time.perf_counter()
        try:
            return step(argument)
        finally:
            seconds = time.perf_counter() - started
            if seconds - self._within > self._longest[2]:  # what it awaits and is followed itself is not counted twice
                self._longest = followed.work, followed.coroutine, seconds - self._within
            self._current, self._within = outer, outer_within + seconds
            if outer:
                self._on_begin(outer)
            elif followed.work:
                self._on_end()


class _Followed(Coroutine[Any, Any, T]):
    """A coroutine whose steps are followed.

    Attributes:
        work: its name; "" when it was given none.
        coroutine: what is followed.
    """

    def __init__(self, steps: Steps, work: str, coroutine: Coroutine[Any, Any, T]) -> None:
        self._execute = steps._execute
        self.work = work
        self.coroutine = coroutine

    def send(self, value: Any) -> Any:
        """Execute the next step."""
        return self._execute(self, self.coroutine.send, value)

    def throw(self, kind: Any, value: object = None, traceback: TracebackType | None = None) -> Any:
        """Execute the next step: what is done about a failure or cancellation."""
        return self._execute(self, self.coroutine.throw, kind if value is None else value)

    def close(self) -> None:
        """End it where it stands."""
        self._execute(self, lambda _: self.coroutine.close(), None)

    def __getattr__(self, name: str) -> Any:
        """Look like the coroutine to those who examine one (``inspect.getcoroutinestate``, asyncio's repr)."""
        return getattr(self.coroutine, name)

    def __await__(self) -> "_Followed[T]":
        return self

    def __iter__(self) -> "_Followed[T]":
        return self

    def __next__(self) -> Any:
        return self.send(None)
