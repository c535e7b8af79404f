"""What people have without scriptrun: a worker that polls, and does each task in a process or in a Job of its own.

It speaks to the orchestrator as the bridge does, so that only what becomes of a task makes the difference. It is as
simple as such workers are: it keeps nothing, extends no lease, and what it does is lost when it dies.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from bench.follow import Follower
from bench.site import SCRIPT, SOURCE, build_raw_job
from scriptrun.errors import TryLater
from scriptrun.kube.client import Client
from scriptrun.kube.resources import JOBS
from scriptrun.orchestrators.adapter import Adapter, Outcome, Task

T = TypeVar("T")
Act = Callable[[Task], Awaitable[dict[str, Any]]]
"""Does a task; returns its output."""

_JOB_SECONDS = 240.0
_AGAIN_SECONDS = 0.1


@asynccontextmanager
async def run_worker(adapter: Adapter, act: Act, at_once: int) -> AsyncIterator[None]:
    """Have a worker work while this is open.

    Args:
        adapter: what it claims from; closed afterwards.
        act: does a task.
        at_once: how many tasks it works on at a time.
    """
    try:
        async with asyncio.TaskGroup() as group:
            polling = group.create_task(_poll(adapter, act, at_once, group))
            yield
            polling.cancel()
    finally:
        await adapter.close()


async def _poll(adapter: Adapter, act: Act, at_once: int, group: asyncio.TaskGroup) -> None:
    async def work(task: Task) -> None:
        outcome = Outcome(status="COMPLETED", output=await act(task))
        await _insist(lambda: adapter.report(task.handle, outcome))

    working: set[asyncio.Task[None]] = set()
    while True:
        if len(working) == at_once:
            await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
        for task in await _insist(lambda: adapter.claim(at_once - len(working))):
            begun = group.create_task(work(task))
            working.add(begun)
            begun.add_done_callback(working.discard)


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await ask()
        except TryLater:
            await asyncio.sleep(_AGAIN_SECONDS)


def in_process(folder: Path) -> Act:
    """Do tasks by starting Python with the script, beside the worker.

    Args:
        folder: for the script and the files of its tasks.
    """
    script = folder / SCRIPT
    script.write_text(SOURCE)

    async def act(task: Task) -> dict[str, Any]:
        variables, output = _write_variables(folder, task)
        process = await asyncio.create_subprocess_exec(sys.executable, str(script), str(variables), str(output))
        if code := await process.wait():
            raise RuntimeError(f"the script ended with exit code {code} in task {task.id}")
        return _read_output(output)

    return act


def _write_variables(folder: Path, task: Task) -> tuple[Path, Path]:
    own = Path(tempfile.mkdtemp(dir=folder))
    (own / "variables.json").write_text(json.dumps(task.variables))
    return own / "variables.json", own / "out.json"


def _read_output(path: Path) -> dict[str, Any]:
    output: dict[str, Any] = json.loads(path.read_text())
    return output


def by_job(client: Client, namespace: str, jobs: Follower, job: dict[str, Any]) -> Act:
    """Do tasks by making a raw Job and waiting for its Complete; its output is nowhere but in a log.

    Args:
        client: The administrator's.
        namespace: Of the Jobs.
        jobs: Follows them.
        job: Of a run, whose pod and input the raw Jobs have.
    """

    async def act(task: Task) -> dict[str, Any]:
        name = f"raw-{task.id}"
        await client.create(JOBS, namespace, build_raw_job(name, job))
        await jobs.wait(name, "complete", _JOB_SECONDS)
        return {}

    return act
