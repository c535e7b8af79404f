"""The loop of ``worker exec``: claim tasks, execute each on this machine, report how it ended. No Kubernetes.

What it knows it has in memory only: when it dies, its tasks are handed out again once their claims have run out.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from scriptrun.errors import Gone, Refused, Rejected, TaskError, TryLater
from scriptrun.models.reasons import Reason
from scriptrun.orchestrators.adapter import Adapter, Handle, Outcome, Task, TaskFailure
from scriptrun.runtime.backoff import back_off
from scriptrun_runner.stop import Stop

__all__ = ["Execute", "Worker"]

Execute = Callable[[Task, Stop], Outcome]
"""Executes a task to its end; called in threads."""

_log = structlog.get_logger(__name__)
T = TypeVar("T")
_LEASE_SECONDS = 60.0
_LAST_REPORT_SECONDS = 30.0
_SHORTEST_POLL_SECONDS = 0.05


@dataclass(slots=True)
class _Work:
    """One task at work.

    Attributes:
        task: as it was handed out first.
        handle: of its latest delivery.
        deliveries: how often it was handed out.
        stop: ends its program.
        gone: why nobody waits for it any more.
    """

    task: Task
    handle: Handle
    deliveries: int = 1
    stop: Stop = field(default_factory=Stop)
    gone: str = ""


class Worker:
    """Works on as many tasks at one time as it may, and claims no more than that.

    Args:
        adapter: to the orchestrator; it stays open.
        execute: what is done for a task.
        at_once: tasks at one time.
    """

    def __init__(self, adapter: Adapter, execute: Execute, at_once: int) -> None:
        self._adapter = adapter
        self._execute = execute
        self._at_once = at_once
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="task")
        self._works: dict[str, _Work] = {}
        self._news = asyncio.Event()
        self._failures = 0
        self._stopping = False
        self._give_up_at: float | None = None

    def stop(self) -> None:
        """Claim nothing more, and finish what runs; the second time end what runs, and report it as failed."""
        if self._stopping and self._give_up_at is None:
            _log.warning("ending what runs", tasks=len(self._works))
            self._give_up_at = time.monotonic() + _LAST_REPORT_SECONDS
            for work in self._works.values():
                work.stop.request()
        elif not self._stopping:
            _log.info("finishing what runs; another signal ends it", tasks=len(self._works))
            self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Work until told to stop."""
        async with asyncio.TaskGroup() as group:
            while not self._stopping:
                if (room := self._at_once - len(self._works)) <= 0:
                    await self._wait()
                    continue
                began = time.monotonic()
                tasks = await self._claim(room)
                for task in tasks:
                    self._take(task, group)
                if not tasks:
                    await self._pause(began + _SHORTEST_POLL_SECONDS - time.monotonic())
        self._threads.shutdown()

    async def _claim(self, room: int) -> list[Task]:
        """Poll once; after an error pause."""
        try:
            tasks = await _safely(self._adapter.claim(room))
        except TryLater as error:
            self._failures += 1
            delay = back_off(self._failures, refused=isinstance(error, Refused), asked=error.after_seconds)
            _log.error("polling failed, will be tried again", error=str(error), again_seconds=round(delay, 1))
            await self._pause(delay)
            return []
        self._failures = 0
        return tasks

    async def _wait(self) -> None:
        """Wait until a task has ended, or until told to stop."""
        await self._news.wait()
        self._news.clear()

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until told to stop."""
        until = time.monotonic() + seconds
        while not self._stopping and (left := until - time.monotonic()) > 0:
            try:
                await asyncio.wait_for(self._wait(), left)
            except TimeoutError:
                return

    def _take(self, task: Task, group: asyncio.TaskGroup) -> None:
        if known := self._works.get(task.identity):
            known.handle, known.deliveries = task.handle, known.deliveries + 1
            _log.warning("task handed out again, it goes on", task=task.id)
            return
        work = _Work(task, task.handle)
        if self._give_up_at is not None:
            work.stop.request()
        self._works[task.identity] = work
        group.create_task(self._work(work))

    async def _work(self, work: _Work) -> None:
        """See one task from its claim to its report."""
        task, began = work.task, time.monotonic()
        _log.info("task started", task=task.id, workflow=task.workflow_id)
        keeper = asyncio.create_task(self._keep(work))
        try:
            outcome = await asyncio.get_running_loop().run_in_executor(self._threads, self._execute, task, work.stop)
        except Exception as error:
            _log.exception("executing failed", task=task.id)
            failure = TaskFailure(Reason.SCRIPT_FAILED, f"the worker itself failed: {error}")
            outcome = Outcome(status="FAILED", failure=failure)
        _log.info("task ended", seconds=round(time.monotonic() - began, 3), **_describe(work, outcome))
        keeper.cancel()
        await self._report(work, outcome)
        del self._works[task.identity]
        self._news.set()

    async def _keep(self, work: _Work) -> None:
        """Keep the claim while the program runs; end the program when nobody waits for it any more."""
        third = min(work.task.lease_seconds or _LEASE_SECONDS, _LEASE_SECONDS) / 3
        failures, wait = 0, third
        while True:
            await asyncio.sleep(wait * random.uniform(0.8, 1.0))  # noqa: S311 - no secret
            try:
                await _safely(self._adapter.extend(work.handle))
                failures, wait = 0, third
            except Gone as error:
                _log.warning("task is gone, its program is ended", task=work.task.id, error=str(error))
                work.gone = str(error)
                work.stop.request()
                return
            except TryLater as error:
                failures += 1
                wait = min(back_off(failures, asked=error.after_seconds), third)
                _log.warning("claim not extended yet", task=work.task.id, error=str(error))

    async def _report(self, work: _Work, outcome: Outcome) -> None:
        """Report until it is confirmed, or nobody waits for it."""
        task, failures, unanswered = work.task, 0, False
        while not work.gone:
            deliveries = work.deliveries
            try:
                said = await _safely(self._adapter.report(work.handle, outcome))
            except Gone as error:
                event = "task reported, but not confirmed" if unanswered else "report dropped"
                _log.warning(event, task=task.id, error=str(error))
                return
            except Rejected as error:
                _log.error("report not accepted", task=task.id, error=str(error))
                if (substitute := outcome.reduce(str(error))) is None:
                    return
                outcome = substitute
                continue
            except TryLater as error:
                failures, unanswered = failures + 1, True
                delay = back_off(failures, refused=isinstance(error, Refused), asked=error.after_seconds)
                if self._give_up_at is not None:
                    delay = min(delay, 1.0)
                    if time.monotonic() > self._give_up_at:
                        _log.error("report given up", task=task.id, error=str(error))
                        return
                _log.warning("not reported yet", task=task.id, error=str(error), again_seconds=round(delay, 1))
                await asyncio.sleep(delay)
                continue
            if work.deliveries == deliveries:  # else it was handed out again meanwhile, and waits for an answer to that
                _log.info("task reported", task=task.id, status=outcome.status, confirmed=said)
                return


async def _safely(act: Awaitable[T]) -> T:
    """Take a defect of an adapter, or an answer that nobody foresaw, for trouble that passes."""
    try:
        return await act
    except TaskError:
        raise
    except Exception as error:
        _log.exception("the adapter failed")
        raise TryLater(f"{type(error).__name__}: {error}") from error


def _describe(work: _Work, outcome: Outcome) -> dict[str, str]:
    facts = {"task": work.task.id, "status": outcome.status}
    if outcome.failure is not None:
        facts |= {"reason": outcome.failure.reason, "message": outcome.failure.message}
    return facts
