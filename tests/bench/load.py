"""Makes objects by the thousand, at a given pace or as fast as the API server takes them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

_AT_ONCE = 48


async def make_paced(names: Iterable[str], per_second: float, make: Callable[[str], Awaitable[object]]) -> float:
    """Begin to make one after the other at a pace, whether or not those before are done.

    Returns:
        How many were made a second, until the last was there.
    """
    started = time.monotonic()
    tasks = []
    for number, name in enumerate(names):
        await asyncio.sleep(max(0.0, started + number / per_second - time.monotonic()))
        tasks.append(asyncio.create_task(_run(make, name)))
    await asyncio.gather(*tasks)
    return len(tasks) / (time.monotonic() - started)


async def make_all(names: Iterable[str], make: Callable[[str], Awaitable[object]], at_once: int = _AT_ONCE) -> None:
    """Make them all, a few dozen at a time."""
    left = iter(names)

    async def work() -> None:
        for name in left:
            await make(name)

    await asyncio.gather(*(work() for _ in range(at_once)))


async def _run(make: Callable[[str], Awaitable[object]], name: str) -> None:
    await make(name)
