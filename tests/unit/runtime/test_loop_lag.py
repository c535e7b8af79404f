"""The event loop's lag is measured, and a piece of work that held the loop is told by its name."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from scriptrun import metrics
from scriptrun.api import metrics as api_metrics
from scriptrun.runtime.loop_lag import watch_loop_lag
from scriptrun.runtime.metrics import LOOP_LAG
from scriptrun.runtime.steps import Steps


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    yield capture.entries
    structlog.configure(**before)


def _count_above(seconds: float) -> float:
    """Samples above a bound of the histogram."""
    [family] = LOOP_LAG.collect()
    buckets = {sample.labels.get("le"): sample.value for sample in family.samples if sample.name.endswith("_bucket")}
    return buckets["+Inf"] - buckets[str(seconds)]


async def _hold(seconds: float) -> None:
    """Hold the loop, as a computation does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


async def test_who_held_the_loop_is_logged_once_and_the_rest_is_counted(logged: list[Any]) -> None:
    steps = Steps()
    steps.install()
    before = _count_above(0.1)
    watch = asyncio.create_task(watch_loop_lag(steps))
    await asyncio.sleep(0)
    for number in range(3):
        await asyncio.create_task(steps.follow(f"run space/hello-{number}", _hold(0.3)))
        await asyncio.sleep(0.06)  # the watch's own pause: it wakes once in between
    watch.cancel()
    assert _count_above(0.1) - before >= 3
    [entry] = [entry for entry in logged if entry["event"] == "the event loop was held"]
    assert entry["longest_step"] == "run space/hello-0"
    assert entry["longest_step_seconds"] >= 0.3
    assert entry["lag_seconds"] >= 0.2


async def test_a_loop_that_is_free_is_measured_too() -> None:
    [before] = [sample.value for sample in LOOP_LAG.collect()[0].samples if sample.name.endswith("_count")]
    watch = asyncio.create_task(watch_loop_lag(Steps()))
    await asyncio.sleep(0.3)
    watch.cancel()
    [after] = [sample.value for sample in LOOP_LAG.collect()[0].samples if sample.name.endswith("_count")]
    assert after > before


@pytest.mark.parametrize("registry", [metrics.REGISTRY, api_metrics.REGISTRY], ids=["operator and bridge", "api"])
def test_every_process_shows_it(registry: Any) -> None:
    assert "scriptrun_event_loop_lag_seconds" in {family.name for family in registry.collect()}
