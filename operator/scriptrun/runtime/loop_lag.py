"""How late the event loop gets to its work: measured all the time, and logged when a single piece of work held it."""

import asyncio
import time

import structlog

from scriptrun.runtime.metrics import LOOP_LAG
from scriptrun.runtime.steps import Steps

__all__ = ["watch_loop_lag"]

_log = structlog.get_logger(__name__)

_SAMPLE_SECONDS = 0.05
_WARN_SECONDS = 0.1
"""No single piece of work may hold the loop for longer; what may be larger goes to a worker process."""
_WARN_EVERY_SECONDS = 10.0


async def watch_loop_lag(steps: Steps) -> None:
    """Sleep for a moment again and again, and note how late the loop wakes up.

    A lag above 100 ms is logged with the longest step meanwhile, at most once in 10 s. Where ``cpu_seconds`` is much
    less than ``lag_seconds``, no work of the process held the loop: it did not get the CPU, so its node or its CPU
    limit is too small.

    Args:
        steps: what is being done in this process.
    """
    loop = asyncio.get_running_loop()
    warned_at, unsaid = -_WARN_EVERY_SECONDS, 0
    while True:
        due, cpu_before = loop.time() + _SAMPLE_SECONDS, time.thread_time()
        await asyncio.sleep(_SAMPLE_SECONDS)
        lag = max(0.0, loop.time() - due)
        LOOP_LAG.observe(lag)
        longest = steps.take_longest()
        if lag < _WARN_SECONDS:
            continue
        if loop.time() - warned_at < _WARN_EVERY_SECONDS:
            unsaid += 1
            continue
        _log.warning(
            "the event loop was held",
            lag_seconds=round(lag, 3),
            cpu_seconds=round(time.thread_time() - cpu_before, 3),
            longest_step=longest.work,
            longest_step_seconds=round(longest.seconds, 3),
            not_logged_before=unsaid,
        )
        warned_at, unsaid = loop.time(), 0
