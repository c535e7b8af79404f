"""One of several workers on a work queue; for those that need no more than that."""

from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

from scriptrun.runtime.work_queue import WorkQueue

__all__ = ["work_off"]

K = TypeVar("K", bound=Hashable)


async def work_off(
    queue: WorkQueue[K], reconcile: Callable[[K], Awaitable[None]], on_failure: Callable[[K, Exception], None]
) -> None:
    """Take keys off a queue and reconcile each, until the queue is closed.

    Args:
        queue: where keys come from; however many workers it has, a key is with one of them at most.
        reconcile: one pass over a key.
        on_failure: called with what a pass raised; asks for the key again, or leaves it.
    """
    while (key := await queue.get()) is not None:
        try:
            await reconcile(key)
            queue.forget(key)
        except Exception as error:
            on_failure(key, error)
        finally:
            queue.done(key)
