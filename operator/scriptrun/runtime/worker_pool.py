"""Worker processes for computations on what anybody may have written, away from the event loop and under limits.

Native code holds Python's lock, and a single call of it can't be interrupted from within its process: what may take
long has to be done in another one. The tasks of a namespace wait for each other: it can't keep all workers busy.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

import structlog

from scriptrun.errors import WorkersBusy, WorkTooLarge
from scriptrun.runtime import metrics
from scriptrun.runtime.work_queue import WorkQueue
from scriptrun.runtime.worker import OUT_OF_MEMORY, encode
from scriptrun.runtime.worker_process import WorkerDied, WorkerLimits, WorkerProcess

__all__ = ["WorkerPool"]

_log = structlog.get_logger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

_PAUSE_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class _Task:
    """What is to be computed, and for which namespace."""

    namespace: str
    function: str
    request: bytes
    answer: asyncio.Future[Any]
    deaths: int = 0


class WorkerPool:
    """A few worker processes, started together with it.

    Args:
        limits: how much they may do.
        functions: what they will be asked for; their modules are imported before the first task.
    """

    def __init__(self, limits: WorkerLimits, functions: Sequence[Callable[..., Any]] = ()) -> None:
        self._limits = limits
        self._modules = sorted({function.__module__ for function in functions})
        self._queue: WorkQueue[_Task] = WorkQueue(flow_of=lambda task: task.namespace, busy_per_flow=1)
        self._waiting: Counter[str] = Counter()
        self._workers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start the workers; they need not be ready to be given tasks."""
        self._workers = [
            asyncio.create_task(self._work_forever(), name=f"worker {number}")
            for number in range(self._limits.processes)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers, also in the middle of a task."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def run(self, namespace: str, function: Callable[P, R], *arguments: P.args, **_none: P.kwargs) -> R:
        """Compute a function of a module in a worker.

        Args:
            namespace: whose work it is.
            function: pure, and found in its module by name.
            arguments: JSON values, as its result must be.

        Raises:
            WorkTooLarge: it took more CPU or memory than it may; it always would.
            WorkersBusy: too much of this namespace waits, or the workers can't work: try again later.
        """
        if self._waiting[namespace] >= self._limits.waiting:
            metrics.WORKER_TASKS.labels(function.__name__, "busy").inc()
            raise WorkersBusy(f"{self._waiting[namespace]} computations of namespace {namespace} wait already")
        request = encode([function.__module__, function.__name__, arguments])
        task = _Task(namespace, function.__name__, request, asyncio.get_running_loop().create_future())
        self._waiting[namespace] += 1
        self._queue.add(task)
        try:
            result: R = await task.answer
        finally:
            task.answer.cancel()  # nobody waits for it any more
            self._waiting[namespace] -= 1
            if not self._waiting[namespace]:
                del self._waiting[namespace]
        return result

    async def _work_forever(self) -> None:
        """Keep one worker process, and give it one task after the other."""
        process: WorkerProcess | None = None
        try:
            while True:
                if process is None or not process.alive:
                    process = await self._start()
                if (task := await self._queue.get()) is None:
                    return
                if not await self._do(process, task):
                    await process.end()
        finally:
            if process is not None:
                await process.end()

    async def _start(self) -> WorkerProcess:
        while True:
            try:
                return await WorkerProcess.start(self._limits, self._modules)
            except (OSError, WorkerDied, TimeoutError) as error:
                _log.error("worker process not started, will be tried again", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _do(self, process: WorkerProcess, task: _Task) -> bool:
        """Have a task computed; says whether the process can take another one."""
        outcome, usable = "abandoned", True
        try:
            if not task.answer.done():
                outcome, usable = await self._attempt(process, task)
        finally:
            if outcome == "again":
                self._queue.add(task)
            else:
                metrics.WORKER_TASKS.labels(task.function, outcome).inc()
            self._queue.done(task)
        return usable

    async def _attempt(self, process: WorkerProcess, task: _Task) -> tuple[str, bool]:
        """Have a task computed; returns what became of it, and whether the process can take another one."""
        try:
            with metrics.WORKER_SECONDS.time():
                answer = await process.ask(task.request)
        except WorkerDied as death:
            return self._judge_death(task, death.code), False
        except TimeoutError:
            _settle(task, WorkersBusy(f"{task.function} got no CPU in a worker process: the machine is too busy"))
            return "starved", False
        if "error" in answer:
            _settle(task, RuntimeError(f"{task.function} failed in a worker process: {answer['error']}"))
            return "failed", True
        if not task.answer.done():
            task.answer.set_result(answer["result"])
        return "done", True

    def _judge_death(self, task: _Task, code: int) -> str:
        """Decide what a task comes to that its worker did not survive."""
        limits = self._limits
        if code == -signal.SIGPROF:
            _settle(task, WorkTooLarge(f"took more than {limits.cpu_seconds:g} s of CPU"))
            return "cpu"
        if code == OUT_OF_MEMORY:
            _settle(task, WorkTooLarge(f"took more than {limits.memory_mib} MiB of memory"))
            return "memory"
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        _log.warning("worker process died", function=task.function, namespace=task.namespace, code=name)
        task.deaths += 1
        # Each worker may have died while it had nothing to do, which nobody has noticed yet.
        if task.deaths <= limits.processes:
            return "again"
        if code == -signal.SIGKILL:
            _settle(task, WorkersBusy(f"{task.function}: somebody kills the worker processes; is memory short?"))
            return "killed"
        _settle(task, WorkTooLarge(f"crashed the process that computed it ({name})"))
        return "crash"


def _settle(task: _Task, error: Exception) -> None:
    if not task.answer.done():
        task.answer.set_exception(error)
