"""The work queue keeps its promises: no key twice, no two workers on one, nothing lost, retries that grow apart."""

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scriptrun.controller.queue import WorkQueue


async def _take(queue: WorkQueue[str]) -> str | None:
    try:
        async with asyncio.timeout(0.05):
            return await queue.get()
    except TimeoutError:
        return None


async def test_asking_twice_is_asking_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.add("a")
    assert await _take(queue) == "a"
    assert await _take(queue) is None


async def test_a_key_under_work_comes_again_only_once_it_is_done() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert await _take(queue) == "a"
    queue.add("a")
    assert await _take(queue) is None
    queue.done("a")
    assert await _take(queue) == "a"


async def test_of_several_times_the_earliest_counts() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 60)
    queue.add_after("a", 0.01)
    queue.add_after("a", 30)
    assert await _take(queue) == "a"
    queue.done("a")
    assert await _take(queue) is None


async def test_each_failure_doubles_the_wait_up_to_a_minute() -> None:
    queue: WorkQueue[str] = WorkQueue()
    delays = [queue.retry("a") for _ in range(12)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == 60
    queue.forget("a")
    assert queue.retry("a") == 0.1


async def test_closing_lets_every_worker_go() -> None:
    queue: WorkQueue[str] = WorkQueue()
    workers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.close()
    async with asyncio.timeout(1):
        assert await asyncio.gather(*workers) == [None, None, None]


@given(st.lists(st.tuples(st.sampled_from(["add", "get", "done"]), st.sampled_from("abc")), max_size=60))
def test_whatever_happens_nothing_is_lost_and_nothing_is_doubled(steps: list[tuple[str, Any]]) -> None:
    async def play() -> None:
        queue: WorkQueue[str] = WorkQueue()
        asked: set[str] = set()
        busy: set[str] = set()
        for step, key in steps:
            if step == "add":
                queue.add(key)
                asked.add(key)
            elif step == "done" and key in busy:
                queue.done(key)
                busy.discard(key)
            elif step == "get" and asked - busy:
                async with asyncio.timeout(1):
                    taken = await queue.get()
                assert taken in asked - busy
                asked.discard(taken)
                busy.add(taken)
        assert len(queue) == len(asked)

    asyncio.run(play())
