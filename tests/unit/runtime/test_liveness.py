"""When only a restart can help a process."""

import asyncio
from dataclasses import dataclass

import pytest

from scriptrun.runtime import liveness
from scriptrun.runtime.liveness import Liveness


@dataclass
class Watch:
    last_contact: float


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(liveness.time, "monotonic", lambda: now[0])
    return now


async def test_a_loop_that_turns_and_watches_that_hear_are_well(clock: list[float]) -> None:
    watches = [Watch(1000.0), Watch(1000.0)]
    alive = Liveness(watches)
    beating = asyncio.create_task(alive.beat())
    clock[0] += 50
    await asyncio.sleep(0)
    assert alive.explain() == ""
    beating.cancel()


def test_a_loop_that_hangs_is_told_of(clock: list[float]) -> None:
    alive = Liveness([Watch(2000.0)])
    clock[0] += 61
    assert alive.explain() == "the event loop is stuck"


async def test_one_silent_watch_is_enough(clock: list[float]) -> None:
    watches = [Watch(1000.0), Watch(1000.0)]
    alive = Liveness(watches)
    clock[0] += 421
    watches[0].last_contact = clock[0]
    beating = asyncio.create_task(alive.beat())
    await asyncio.sleep(0)
    assert alive.explain() == "the watches are dead: nothing heard for 421 s"
    beating.cancel()
