"""The worker pool: computes elsewhere, under limits, fairly, and leaves nothing behind."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scriptrun.errors import WorkersBusy, WorkTooLarge
from scriptrun.runtime.metrics import WORKER_TASKS
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits
from unit.runtime import computations

MEMORY_MIB = 96
LIMITS = WorkerLimits(processes=2, cpu_seconds=0.5, memory_mib=MEMORY_MIB, waiting=5)


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    async with WorkerPool(LIMITS, [computations.double]) as pool:
        yield pool


def _count(function: str, outcome: str) -> float:
    return WORKER_TASKS.labels(function, outcome)._value.get()  # type: ignore[no-any-return]


def _is_there(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def _wait_until_gone(*pids: int) -> None:
    async with asyncio.timeout(30):
        while any(map(_is_there, pids)):  # noqa: ASYNC110 - nobody tells of the end of a foreign process
            await asyncio.sleep(0.05)


async def test_large_texts_go_both_ways_as_they_are(pool: WorkerPool) -> None:
    text = "käse \U0001f9c0 \ud83d half a pair\n\0" * 60_000
    assert len(text.encode(errors="surrogatepass")) > 1_500_000
    assert await pool.run("space", computations.double, text) == text * 2


async def test_what_takes_too_much_cpu_ends_while_the_loop_goes_on_and_others_are_computed(pool: WorkerPool) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.01)

    turning = asyncio.create_task(turn())
    hanging = asyncio.create_task(pool.run("bad", computations.backtrack))
    assert await pool.run("good", computations.double, "x") == "xx"
    with pytest.raises(WorkTooLarge, match=r"^took more than 0\.5 s of CPU$"):
        await hanging
    turning.cancel()
    assert turns > 5  # with the lock held by this process there would be one
    assert await pool.run("bad", computations.double, "x") == "xx"


async def test_what_takes_too_much_memory_ends(pool: WorkerPool) -> None:
    with pytest.raises(WorkTooLarge, match=rf"^took more than {MEMORY_MIB} MiB of memory$"):
        await pool.run("space", computations.fill_memory)
    assert await pool.run("space", computations.double, "x") == "xx"


async def test_what_crashes_its_process_is_tried_once_more_in_another(pool: WorkerPool, tmp_path: Path) -> None:
    assert await pool.run("space", computations.crash_once, str(tmp_path / "crashed")) == "well"
    with pytest.raises(WorkTooLarge, match=r"^crashed the process that computed it \(SIGABRT\)$"):
        await pool.run("space", computations.abort)
    assert await pool.run("space", computations.double, "x") == "xx"


async def test_a_process_that_is_killed_from_outside_is_no_fault_of_its_task(pool: WorkerPool) -> None:
    with pytest.raises(WorkersBusy, match="is memory short"):
        await pool.run("space", computations.kill_itself)


async def test_a_process_that_was_killed_between_two_tasks_is_replaced(pool: WorkerPool) -> None:
    for _ in range(2 * LIMITS.processes):
        pid = (await pool.run("space", computations.describe))["pid"]
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)
    assert await pool.run("space", computations.double, "x") == "xx"


async def test_a_process_that_gets_no_cpu_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scriptrun.runtime.worker_process._PATIENCE", 0.5)
    async with WorkerPool(LIMITS) as pool:
        with pytest.raises(WorkersBusy, match="got no CPU"):
            await pool.run("space", computations.sleep, 60)


async def test_a_defect_is_told_by_its_place_and_not_in_its_words(pool: WorkerPool) -> None:
    with pytest.raises(RuntimeError, match=r"^fail failed in a worker process: ValueError at computations\.py:\d+$"):
        await pool.run("space", computations.fail, "secret")
    assert await pool.run("space", computations.double, "x") == "xx"


async def test_a_worker_knows_no_secret_yields_to_its_parent_and_imports_no_more_than_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCRIPTRUN_HISTORY_URL", "postgresql://user:password@db")
    async with WorkerPool(LIMITS) as pool:
        seen = await pool.run("space", computations.describe)
    assert set(seen["environment"]) <= {"PYTHONPATH", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME"}  # type: ignore[call-overload]
    assert seen["nice"] > 0  # type: ignore[operator]
    assert seen["oom"] == "1000"
    assert not {"kopf", "kubernetes", "aiohttp", "pydantic", "asyncio"} & set(seen["modules"])  # type: ignore[call-overload]


async def test_a_namespace_has_one_task_computed_at_a_time_and_others_come_in_between(
    pool: WorkerPool, tmp_path: Path
) -> None:
    path = tmp_path / "marks"
    crowd = [asyncio.create_task(pool.run("crowd", computations.add_mark, str(path), f"crowd {n}")) for n in range(5)]
    await asyncio.sleep(0)
    await pool.run("other", computations.add_mark, str(path), "other")
    await asyncio.gather(*crowd)
    marks = path.read_text().splitlines()
    assert [mark for mark in marks if mark != "other"] == [f"crowd {n}" for n in range(5)]
    assert marks.index("other") < 4  # in turn it would be the last; where a worker gets no CPU, its mark comes late


async def test_no_more_tasks_of_a_namespace_wait_than_may(pool: WorkerPool) -> None:
    crowd = [asyncio.create_task(pool.run("crowd", computations.sleep, 0.1)) for _ in range(LIMITS.waiting)]
    await asyncio.sleep(0)
    with pytest.raises(WorkersBusy, match="5 computations of namespace crowd wait already"):
        await pool.run("crowd", computations.double, "x")
    assert await pool.run("other", computations.double, "x") == "xx"
    assert await asyncio.gather(*crowd) == ["slept"] * LIMITS.waiting
    assert await pool.run("crowd", computations.double, "x") == "xx"


async def test_what_nobody_waits_for_any_more_is_not_computed(pool: WorkerPool, tmp_path: Path) -> None:
    path = tmp_path / "marks"
    before = _count("add_mark", "abandoned")
    first = asyncio.create_task(pool.run("space", computations.sleep, 0.2))
    await asyncio.sleep(0)
    second = asyncio.create_task(pool.run("space", computations.add_mark, str(path), "mark"))
    await asyncio.sleep(0)
    second.cancel()
    assert await first == "slept"
    assert await pool.run("space", computations.double, "x") == "xx"
    assert not path.exists()
    assert _count("add_mark", "abandoned") == before + 1


async def test_a_worker_that_can_not_start_ends_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scriptrun.runtime.worker_pool._PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("scriptrun.runtime.worker_process._MODULE", "scriptrun.no_such_module")
    async with WorkerPool(LIMITS) as pool:
        waiting = asyncio.create_task(pool.run("space", computations.double, "x"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        monkeypatch.undo()
        assert await waiting == "xx"


async def test_nothing_is_left_when_the_pool_ends_in_the_middle_of_a_task() -> None:
    async with WorkerPool(LIMITS) as pool:
        pid = (await pool.run("space", computations.describe))["pid"]
        busy = [asyncio.create_task(pool.run(str(number), computations.sleep, 600)) for number in range(2)]
        await asyncio.sleep(0.1)
    assert isinstance(pid, int)
    await _wait_until_gone(pid)
    for task in busy:
        task.cancel()
    await asyncio.gather(*busy, return_exceptions=True)


PARENT = """
import asyncio, sys
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits
from unit.runtime import computations

async def main():
    async with WorkerPool(WorkerLimits(processes=2, cpu_seconds=1)) as pool:
        first = await pool.run("a", computations.describe)
        busy = asyncio.create_task(pool.run("b", computations.backtrack))
        await asyncio.sleep(0.2)
        print(first["pid"], *open(f"/proc/self/task/{__import__('os').getpid()}/children").read().split(), flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_nothing_is_left_when_the_parent_is_killed() -> None:
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert parent.stdout is not None
    pids = [int(word) for word in (await parent.stdout.readline()).split()]
    assert len(set(pids)) == 2
    parent.kill()
    await parent.wait()
    await _wait_until_gone(*pids)
