"""Takes keys from the work queue and has each reconciled, a limited number at the same time."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from scriptrun import metrics
from scriptrun.controller.informer import WorkItem
from scriptrun.errors import KubeError, WorkersBusy
from scriptrun.runtime.work_queue import WorkQueue

__all__ = ["Workers", "namespace_of"]

_log = structlog.get_logger(__name__)


def namespace_of(item: WorkItem) -> str:
    """The namespace of a work item: namespaces share the workers fairly."""
    return item[1]


class Workers:
    """Works the queue off.

    Args:
        queue: where keys come from.
        reconcile: one pass over a key; may fail, and is then called again later.
        count: passes at the same time.
    """

    def __init__(
        self, queue: WorkQueue[WorkItem], reconcile: Callable[[WorkItem], Awaitable[None]], count: int
    ) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._free = asyncio.Semaphore(count)

    async def run(self) -> None:
        """Work until the queue is closed and every pass under way is done; cancelling cancels those as well."""
        passes: set[asyncio.Task[None]] = set()
        try:
            while True:
                await self._free.acquire()
                if (item := await self._queue.get()) is None:
                    break
                task = asyncio.create_task(self._pass(item))
                passes.add(task)
                task.add_done_callback(passes.discard)
            if passes:
                await asyncio.wait(passes)
        finally:
            for task in passes:
                task.cancel()
            await asyncio.gather(*passes, return_exceptions=True)

    @asynccontextmanager
    async def step_aside(self) -> AsyncIterator[None]:
        """Let another pass be done meanwhile: this one waits for something that has a limit of its own."""
        self._free.release()
        try:
            yield
        finally:
            await self._free.acquire()

    async def _pass(self, item: WorkItem) -> None:
        started = time.monotonic()
        try:
            await self._reconcile(item)
            self._queue.forget(item)
        except Exception as error:
            metrics.RECONCILE_ERRORS.labels(item[0]).inc()
            _log_failure(item, error, self._queue.retry(item))
        finally:
            metrics.RECONCILE_SECONDS.labels(item[0]).observe(time.monotonic() - started)
            self._queue.done(item)
            self._free.release()


def _log_failure(item: WorkItem, error: Exception, delay: float) -> None:
    facts = {"namespace": item[1], item[0]: item[2], "again_seconds": delay}
    if isinstance(error, KubeError | WorkersBusy):
        _log.warning("reconcile failed, will be tried again", error=str(error), **facts)
    else:
        _log.error("reconcile failed, will be tried again", exc_info=error, **facts)
