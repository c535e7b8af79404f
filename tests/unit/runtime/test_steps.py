"""Steps: each is told of under the name of its work, and what comes of a coroutine stays what it is."""

import asyncio
import inspect
import time

import pytest

from scriptrun.runtime.steps import Steps


class _Told:
    """What was told of steps, in order: `name` where one begins, "" where one ends."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.current = ""
        self.steps = Steps(self._begin, self._end)

    def _begin(self, work: str) -> None:
        self.current = work
        self.events.append(work)

    def _end(self) -> None:
        self.current = ""
        self.events.append("")


@pytest.fixture
def told() -> _Told:
    return _Told()


async def test_only_the_one_that_executes_is_named_not_those_that_wait(told: _Told) -> None:
    seen: list[tuple[str, str]] = []

    async def work(name: str) -> str:
        for _ in range(3):
            seen.append((name, told.current))
            await asyncio.sleep(0)
        return name

    results = await asyncio.gather(*(told.steps.follow(name, work(name)) for name in ("a", "b")))
    assert results == ["a", "b"]
    assert seen == [("a", "a"), ("b", "b")] * 3
    assert told.current == ""
    assert told.events == ["a", "", "b", ""] * 4  # the fourth ends it


async def test_tasks_that_work_starts_are_named_like_it_and_others_are_not(told: _Told) -> None:
    told.steps.install()
    seen: list[str] = []

    async def part() -> None:
        seen.append(told.current)
        await asyncio.sleep(0)
        seen.append(told.current)

    async def work() -> None:
        await asyncio.gather(part(), part())

    await told.steps.follow("a", work())
    await asyncio.create_task(part())
    assert seen == ["a"] * 4 + [""] * 2


async def test_work_within_work_is_named_by_the_inner_and_then_by_the_outer_again(told: _Told) -> None:
    async def inner() -> None:
        assert told.current == "inner"

    async def outer() -> str:
        await told.steps.follow("inner", inner())
        return told.current

    assert await told.steps.follow("outer", outer()) == "outer"
    assert told.events == ["outer", "inner", "outer", ""]


async def test_an_error_and_a_cancellation_arrive_where_they_would(told: _Told) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await told.steps.follow("a", fail())
    cleaned: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cleaned.append(told.current)
            raise

    task = asyncio.create_task(told.steps.follow("b", wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == ["b"]
    assert told.current == ""


async def test_an_error_may_be_caught_within(told: _Told) -> None:
    async def survive() -> str:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(LookupError("gone"))
        try:
            await future
        except LookupError as error:
            await asyncio.sleep(0)
            return str(error)
        return ""

    assert await told.steps.follow("a", survive()) == "gone"


async def test_a_followed_task_looks_like_its_coroutine(told: _Told) -> None:
    told.steps.install()

    async def work() -> None:
        await asyncio.sleep(0.01)

    task = asyncio.create_task(work())
    assert inspect.getcoroutinestate(task.get_coro()) == inspect.CORO_CREATED  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert inspect.getcoroutinestate(task.get_coro()) == inspect.CORO_SUSPENDED  # type: ignore[arg-type]
    assert "work" in repr(task)
    await task


async def test_a_coroutine_may_be_closed_before_its_end(told: _Told) -> None:
    cleaned = []

    async def work() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            cleaned.append(told.current)

    followed = told.steps.follow("a", work())
    followed.send(None)
    followed.close()
    assert cleaned == ["a"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that pass only when something is done to them."""
    seconds = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: seconds[0])
    return seconds


async def test_the_longest_step_is_known_by_its_name_and_without_what_it_waited_for(
    told: _Told, clock: list[float]
) -> None:
    async def work(*seconds: float) -> None:
        for one in seconds:
            clock[0] += one
            await asyncio.sleep(0)

    async def outer() -> None:
        clock[0] += 1
        await told.steps.follow("inner", work(3))
        clock[0] += 1

    await asyncio.gather(told.steps.follow("short", work(1, 1, 1)), told.steps.follow("long", work(1, 2)))
    longest = told.steps.take_longest()
    assert (longest.work, longest.seconds) == ("long", 2)
    await told.steps.follow("outer", outer())
    longest = told.steps.take_longest()
    assert (longest.work, longest.seconds) == ("inner", 3)
    assert told.steps.take_longest().work == ""


async def test_work_without_a_name_is_known_by_its_coroutine(told: _Told, clock: list[float]) -> None:
    told.steps.install()

    async def nameless() -> None:
        clock[0] += 1

    await asyncio.create_task(nameless())
    assert told.steps.take_longest().work.endswith("nameless")
    assert told.events == []
