"""What every process of the house does alike: who it is, when it stops, and that it ends when one of its parts does."""

import asyncio
import os
import signal
import socket
import uuid
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

__all__ = ["SIGNALS", "build_identity", "on_signals", "run_until_one_ends"]

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What tells a process to stop."""


def build_identity() -> str:
    """Build the name of this process as the holder of a Lease: its pod's, and what tells it from its last life."""
    return f"{os.environ.get('HOSTNAME') or socket.gethostname()}_{uuid.uuid4().hex[:8]}"


def on_signals(act: Callable[[], object]) -> Callable[[], None]:
    """Have something done at each signal to stop, in place of what was done until now.

    Args:
        act: called in the event loop that runs now.

    Returns:
        What gives up the signals again.
    """
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, act)

    def give_up() -> None:
        for number in SIGNALS:
            loop.remove_signal_handler(number)

    return give_up


async def run_until_one_ends(parts: Mapping[str, Coroutine[Any, Any, object]]) -> tuple[str, BaseException | None]:
    """Run all parts of a process until the first ends; then cancel the others, and wait for them.

    Args:
        parts: by name.

    Returns:
        The name of the part that ended, and what it raised.
    """
    tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = next(task for task in tasks if task.done())
        return ended.get_name(), ended.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
