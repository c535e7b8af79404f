"""The loop of one Bridge: claims as many tasks as there is room for, and has a lifecycle run for each open run."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import structlog

from scriptrun import metrics
from scriptrun.bridges.bridge_context import BridgeContext, wait_until
from scriptrun.bridges.claiming import Claimer
from scriptrun.bridges.open_runs import OpenRun
from scriptrun.bridges.task_lifecycle import TaskLifecycle
from scriptrun.errors import AnswerTooLarge, Refused, TryLater
from scriptrun.models.facts import Key
from scriptrun.orchestrators.adapter import Task
from scriptrun.runtime.backoff import back_off

__all__ = ["ClaimLoop"]

_log = structlog.get_logger(__name__)
_BATCH = 256
_SOON_SECONDS = 2.0
_EMPTY_SECONDS = 0.2  # a poll that waits for nothing must not be repeated at once
_LAST_WORDS_SECONDS = 5.0


class ClaimLoop:
    """Serves one Bridge.

    Args:
        context: what those who work for it share.
        on_change: told when a run is taken up or let go.
    """

    def __init__(self, context: BridgeContext, on_change: Callable[[], None]) -> None:
        self._context = context
        self._on_change = on_change
        self._claims = False
        self._claimer = Claimer(context)
        self._lifecycles: dict[Key, tuple[TaskLifecycle, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._taking = 0
        self._batch = _BATCH
        self._polling = False
        self._change = asyncio.Event()
        self._stop = asyncio.Event()
        self._ended = False
        self.last_poll_at: datetime | None = None

    @property
    def load(self) -> int:
        """Open runs, and tasks that are about to get one."""
        return len(self._lifecycles) + self._taking

    @property
    def busy(self) -> bool:
        """Whether anything is open here: a run, or a poll that may still bring tasks."""
        return self.load > 0 or self._polling

    def configure(self, *, claims: bool) -> None:
        """Say whether tasks may be claimed, from now on."""
        self._claims = claims
        self._change.set()

    def stop(self) -> None:
        """Claim no more, and end once what was claimed has its run."""
        self._stop.set()
        self._change.set()

    def note_run(self, key: Key) -> None:
        """Take news of one of this Bridge's runs."""
        open_run = self._context.open_runs.get(key)
        if tended := self._lifecycles.get(key):
            tended[0].tell()
        elif open_run is not None and open_run.held and not self._ended:
            # How much of its lease is left is not known; many are taken over at once.
            self._start(open_run, random.uniform(0, _SOON_SECONDS))  # noqa: S311 - no secret

    def resync(self) -> None:
        """Look at every open run again."""
        for open_run in self._context.open_runs.of_bridge(self._context.bridge):
            self.note_run(open_run.key)

    def _start(self, open_run: OpenRun, extend_in: float) -> None:
        lifecycle = TaskLifecycle(self._context, open_run, extend_in)
        self._lifecycles[open_run.key] = lifecycle, self._spawn(self._run_lifecycle(open_run.key, lifecycle))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def run(self) -> None:
        """Serve until stopped; may be cancelled at any moment."""
        try:
            self.resync()
            await self._claim_forever()
            await self._finish()
        finally:
            self._ended = True
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._context.connection.close()

    async def _claim_forever(self) -> None:
        loop, failures = asyncio.get_running_loop(), 0
        while not self._stop.is_set():
            free = min(self._context.spec.max_concurrent_runs - self.load, self._batch)
            if free <= 0 or not self._claims:
                await wait_until(self._change, None)
                continue
            began = loop.time()
            try:
                tasks = await self._poll(free)
            except TryLater as error:
                failures += 1
                if isinstance(error, AnswerTooLarge):
                    self._batch = max(1, free // 2)
                delay = back_off(failures, refused=isinstance(error, Refused), asked=error.after_seconds)
                _log.warning("nothing claimed", error=str(error), again_seconds=round(delay, 1), **self._facts)
                await self._pause(delay)
                continue
            failures = 0
            self._batch = min(self._batch * 2, _BATCH)
            seconds = loop.time() - began
            self.last_poll_at = self._context.clock()
            metrics.BRIDGE_POLL_SECONDS.labels(*self._context.bridge).observe(seconds)
            if not tasks and seconds < _EMPTY_SECONDS:
                await self._pause(_EMPTY_SECONDS)

    async def _poll(self, limit: int) -> list[Task]:
        """Claim, and begin to take what comes."""
        self._polling = True
        try:
            tasks = await self._context.connection.claim(limit)
            if len(tasks) > limit:
                # Those that are left are handed out again when their leases have lapsed.
                _log.error("more was handed out than asked for", asked=limit, tasks=len(tasks), **self._facts)
            for task in tasks[:limit]:
                self._taking += 1
                self._spawn(self._take(task))
        finally:
            self._polling = False
            self._note_change()
        return tasks

    async def _pause(self, seconds: float) -> None:
        """Pause; cut short when told to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    @property
    def _facts(self) -> dict[str, str]:
        return {"namespace": self._context.bridge[0], "bridge": self._context.bridge[1]}

    async def _take(self, task: Task) -> None:
        try:
            open_run = await self._claimer.take(task)
            if open_run is not None and open_run.key not in self._lifecycles:
                self._start(open_run, self._context.third_of_lease(task.lease_seconds))
            elif open_run is not None:
                self._lifecycles[open_run.key][0].tell()
        except Exception:
            _log.exception("task not taken: its lease lapses and it is handed out again", task=task.id, **self._facts)
        finally:
            self._taking -= 1
            self._note_change()

    async def _run_lifecycle(self, key: Key, lifecycle: TaskLifecycle) -> None:
        done = False
        try:
            await lifecycle.run()
            done = True
        except Exception:
            _log.exception("run not tended until the next look at it", namespace=key[0], run=key[1])
        finally:
            del self._lifecycles[key]
            self._note_change()
        if done:
            self.note_run(key)  # another of its name may have been made

    def _note_change(self) -> None:
        self._change.set()
        self._on_change()

    async def _finish(self) -> None:
        """Let those finish who are in the middle of something; what waits is taken up by whoever comes next."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _LAST_WORDS_SECONDS
        while self._tasks and loop.time() < until:
            for lifecycle, task in self._lifecycles.values():
                if lifecycle.idle:
                    task.cancel()
            await asyncio.wait(self._tasks, timeout=_EMPTY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
