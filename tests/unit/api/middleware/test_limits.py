"""How often, and how long an answer is good."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.api.auth.short_cache import ShortCache
from scriptrun.api.middleware.limits import TokenBuckets


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(st.floats(0.5, 50), st.integers(1, 20), st.lists(st.floats(0, 5, allow_nan=False), min_size=1, max_size=60))
def test_nobody_gets_more_than_the_rate_and_one_burst(rate: float, burst: int, pauses: list[float]) -> None:
    clock = Clock()
    buckets = TokenBuckets(rate, burst, clock)
    allowed = 0
    for pause in pauses:
        clock.now += pause
        wait = buckets.take(b"one")
        allowed += wait == 0
        if wait:  # who waits as long as they were told gets through
            clock.now += wait + 1e-6
            assert buckets.take(b"one") == 0
            allowed += 1
    assert allowed <= burst + (clock.now - 1000) * rate + 1e-3
    assert buckets.take(b"another") == 0


def test_callers_who_are_many_are_not_all_remembered() -> None:
    buckets = TokenBuckets(1, 1)
    for number in range(20_000):
        buckets.take(str(number).encode())
    assert len(buckets._levels) == 10_000


async def test_an_answer_is_asked_for_once_however_many_wait() -> None:
    asked = 0
    gate = asyncio.Event()

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await gate.wait()
        return asked

    clock = Clock()
    cache: ShortCache[str, int] = ShortCache(10, clock=clock)
    waiting = [asyncio.create_task(cache.get("a", ask)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # one who hangs up takes nothing from the others
    gate.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [answer for answer in answers if answer == 1] == [1] * 4
    clock.now += 9.9
    assert await cache.get("a", ask) == 1
    clock.now += 0.2
    assert await cache.get("a", ask) == 2


async def test_a_failure_is_not_kept() -> None:
    results = [RuntimeError("away"), 7]

    async def ask() -> int:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    cache: ShortCache[str, int] = ShortCache(10)
    with pytest.raises(RuntimeError):
        await cache.get("a", ask)
    assert await cache.get("a", ask) == 7


async def test_the_oldest_answers_are_forgotten() -> None:
    cache: ShortCache[int, int] = ShortCache(10, size=3)

    async def ask() -> int:
        return 1

    for number in range(10):
        await cache.get(number, ask)
    assert len(cache._kept) == 3
