"""Workers on one queue: each key is with one of them, and a failure ends none."""

import asyncio

from scriptrun.runtime.work_loop import work_off
from scriptrun.runtime.work_queue import WorkQueue


async def test_a_key_that_is_asked_for_again_waits_for_the_worker_on_it() -> None:
    queue: WorkQueue[str] = WorkQueue()
    entered, leave = asyncio.Event(), asyncio.Event()
    passes, at_once, most = 0, 0, 0

    async def reconcile(_key: str) -> None:
        nonlocal passes, at_once, most
        passes, at_once = passes + 1, at_once + 1
        most = max(most, at_once)
        entered.set()
        await leave.wait()
        at_once -= 1
        if passes == 2:
            queue.close()

    workers = [asyncio.create_task(work_off(queue, reconcile, lambda _key, _error: None)) for _ in range(3)]
    queue.add("a")
    await entered.wait()
    queue.add("a")
    leave.set()
    await asyncio.gather(*workers)
    assert (passes, most) == (2, 1)


async def test_a_failure_is_told_and_the_worker_goes_on() -> None:
    queue: WorkQueue[str] = WorkQueue()
    failed: list[tuple[str, str, int]] = []

    async def reconcile(key: str) -> None:
        if key == "bad" and not failed:
            raise ValueError("no")
        if key == "bad":
            queue.close()

    def note(key: str, error: Exception) -> None:
        queue.retry(key)
        failed.append((key, str(error), queue.count_failures(key)))

    queue.add("bad")
    queue.add("good")
    await work_off(queue, reconcile, note)
    assert failed == [("bad", "no", 1)]
    assert queue.count_failures("bad") == 0
