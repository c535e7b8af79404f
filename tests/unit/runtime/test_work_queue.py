"""The work queue keeps its promises: no key twice, no two workers on one, nothing lost, retries that grow apart."""

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scriptrun.runtime.work_queue import WorkQueue


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


def _by_first_letter(key: str) -> str:
    return key[0]


async def _take_all(queue: WorkQueue[str]) -> list[str]:
    taken = []
    while (key := await _take(queue)) is not None:
        taken.append(key)
        queue.done(key)
    return taken


async def test_flows_take_turns_and_within_one_the_first_comes_first() -> None:
    queue: WorkQueue[str] = WorkQueue(flow_of=_by_first_letter)
    for key in ("a1", "a2", "a3", "b1", "c1", "b2"):
        queue.add(key)
    assert await _take_all(queue) == ["a1", "b1", "c1", "a2", "b2", "a3"]


async def test_a_key_waits_for_one_key_of_each_other_flow_however_many_those_have() -> None:
    queue: WorkQueue[str] = WorkQueue(flow_of=_by_first_letter)
    for number in range(5000):
        queue.add(f"a{number}")
        queue.add(f"b{number}")
    queue.add("c")
    assert [await _take(queue) for _ in range(3)] == ["a0", "b0", "c"]


async def test_a_flow_has_no_more_workers_than_it_may_and_goes_on_once_one_is_done() -> None:
    queue: WorkQueue[str] = WorkQueue(flow_of=_by_first_letter, busy_per_flow=2)
    for key in ("a1", "a2", "a3", "a4"):
        queue.add(key)
    assert [await _take(queue) for _ in range(3)] == ["a1", "a2", None]
    queue.add("b1")
    assert await _take(queue) == "b1"
    queue.add("a1")  # asked for while it is worked on: comes once more
    queue.done("a1")
    assert [await _take(queue) for _ in range(2)] == ["a3", None]
    queue.done("a2")
    queue.done("a3")
    assert [await _take(queue) for _ in range(3)] == ["a4", "a1", None]


@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "get", "done"]), st.sampled_from(["a1", "a2", "a3", "b1"])), max_size=60
    ),
    st.sampled_from([1, 2, None]),
)
def test_with_flows_nothing_is_lost_and_none_has_too_many_workers(
    steps: list[tuple[str, str]], busy_per_flow: int | None
) -> None:
    async def play() -> None:
        queue: WorkQueue[str] = WorkQueue(flow_of=_by_first_letter, busy_per_flow=busy_per_flow)
        asked: set[str] = set()
        busy: set[str] = set()

        def list_due() -> set[str]:
            full = {flow for flow in "ab" if sum(key[0] == flow for key in busy) == busy_per_flow}
            return {key for key in asked - busy if key[0] not in full}

        for step, key in steps:
            if step == "add":
                queue.add(key)
                asked.add(key)
            elif step == "done" and key in busy:
                queue.done(key)
                busy.discard(key)
            elif step == "get" and (due := list_due()):
                async with asyncio.timeout(1):
                    taken = await queue.get()
                assert taken in due
                asked.discard(taken)
                busy.add(taken)
        for key in busy:
            queue.done(key)
        assert sorted(await _take_all(queue)) == sorted(asked)

    asyncio.run(play())


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
