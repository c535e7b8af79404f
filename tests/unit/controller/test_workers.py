"""The workers: as many passes at the same time as there may be, and namespaces that do not wait for each other."""

import asyncio
from collections import Counter

from scriptrun.controller.informer import WorkItem
from scriptrun.controller.workers import Workers, namespace_of
from scriptrun.errors import Unavailable
from scriptrun.runtime.work_queue import WorkQueue
from unit.controller.virtualtime import run_virtually

PER_NAMESPACE = 16
CROWD = 5000


def _runs(namespace: str, count: int) -> list[WorkItem]:
    return [("run", namespace, f"run-{number}") for number in range(count)]


class _World:
    """A queue, workers, and passes that take a given time in each namespace."""

    def __init__(self, **seconds: float) -> None:
        self.seconds = seconds
        self.begun: dict[WorkItem, float] = {}
        self.ended: list[WorkItem] = []
        self.busy: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.failures = 0
        self.aside_seconds = 0.0
        loop = asyncio.get_running_loop()
        self.queue: WorkQueue[WorkItem] = WorkQueue(loop.time, namespace_of, PER_NAMESPACE)
        self.workers = Workers(self.queue, self._reconcile, 2 * PER_NAMESPACE)
        self.task = loop.create_task(self.workers.run())

    async def _reconcile(self, item: WorkItem) -> None:
        if self.aside_seconds:
            async with self.workers.step_aside():
                await asyncio.sleep(self.aside_seconds)
        self.begun.setdefault(item, asyncio.get_running_loop().time())
        for name in (item[1], "all"):
            self.busy[name] += 1
            self.most[name] = max(self.most[name], self.busy[name])
        try:
            await asyncio.sleep(self.seconds[item[1]])
        finally:
            for name in (item[1], "all"):
                self.busy[name] -= 1
        if self.failures:
            self.failures -= 1
            raise Unavailable("later")
        self.ended.append(item)

    def add(self, items: list[WorkItem]) -> None:
        for item in items:
            self.queue.add(item)

    async def close(self) -> None:
        self.queue.close()
        await self.task


def test_a_crowd_in_one_namespace_delays_another_ones_run_by_no_pass_at_all() -> None:
    async def play() -> tuple[float, int]:
        world = _World(crowd=0.1, other=0.1)
        world.add(_runs("crowd", CROWD))
        await asyncio.sleep(1.05)
        world.add(_runs("other", 1))
        asked = asyncio.get_running_loop().time()
        await asyncio.sleep(1)
        await world.close()
        return world.begun[_runs("other", 1)[0]] - asked, world.most["crowd"]

    assert run_virtually(play()) == (0.0, PER_NAMESPACE)


def test_a_namespace_whose_passes_hang_leaves_workers_to_the_others() -> None:
    async def play() -> tuple[int, float]:
        world = _World(slow=30, quick=0.1)
        world.add(_runs("slow", 100))
        await asyncio.sleep(1)
        world.add(_runs("quick", 160))
        await asyncio.sleep(1.05)
        done = sum(item[1] == "quick" for item in world.ended)
        await world.close()
        return done, world.most["slow"]

    assert run_virtually(play()) == (160, PER_NAMESPACE)


def test_with_many_crowds_a_run_waits_for_one_pass_of_each() -> None:
    crowds = [f"crowd-{number}" for number in range(8)]

    async def play() -> tuple[float, int]:
        world = _World(other=0.1, **dict.fromkeys(crowds, 0.1))
        for crowd in crowds:
            world.add(_runs(crowd, CROWD))
        await asyncio.sleep(1.05)
        asked = asyncio.get_running_loop().time()
        world.add(_runs("other", 1))
        await asyncio.sleep(1)
        delay = world.begun[_runs("other", 1)[0]] - asked
        await world.close()
        return delay, world.most["all"]

    delay, most = run_virtually(play())
    assert delay <= 0.1
    assert most == 2 * PER_NAMESPACE


def test_a_pass_that_failed_comes_again_and_closing_waits_for_those_under_way() -> None:
    async def play() -> tuple[list[WorkItem], list[WorkItem]]:
        world = _World(space=0.1)
        world.failures = 1
        world.add(_runs("space", 1))
        await asyncio.sleep(1)
        before = list(world.ended)
        world.queue.add(("script", "space", "late"))
        await asyncio.sleep(0.01)
        await world.close()
        return before, world.ended

    before, ended = run_virtually(play())
    assert before == _runs("space", 1)
    assert ended == [*before, ("script", "space", "late")]


def test_passes_that_step_aside_leave_their_place_to_others_and_take_one_again() -> None:
    async def play() -> tuple[int, int]:
        world = _World(**{f"space-{number}": 0.1 for number in range(2 * PER_NAMESPACE)}, other=0.1)
        world.aside_seconds = 60
        for number in range(2 * PER_NAMESPACE):
            world.add(_runs(f"space-{number}", 1))
        await asyncio.sleep(1)
        world.aside_seconds = 0
        world.add(_runs("other", 100))
        await asyncio.sleep(1)
        done = sum(item[1] == "other" for item in world.ended)
        await asyncio.sleep(60)
        await world.close()
        return done, world.most["all"]

    done, most = run_virtually(play())
    assert done == 100
    assert most <= 2 * PER_NAMESPACE


def test_cancelling_cancels_the_passes_under_way() -> None:
    async def play() -> int:
        world = _World(space=1000)
        world.add(_runs("space", 3))
        await asyncio.sleep(1)
        world.task.cancel()
        await asyncio.gather(world.task, return_exceptions=True)
        return world.busy["space"]

    assert run_virtually(play()) == 0
