"""A worker process, as its parent holds it."""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from scriptrun.runtime.worker import HEAD_BYTES, decode
from scriptrun.settings import WorkerSettings

__all__ = ["WorkerDied", "WorkerLimits", "WorkerProcess", "build_limits"]

_MODULE = "scriptrun.runtime.worker"
_START_SECONDS = 60.0
_PATIENCE = 20
"""So many times its CPU limit a task may take by the clock: a machine that is too busy gets it no CPU."""
_BUFFER_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How much work may be done.

    Attributes:
        processes: workers.
        cpu_seconds: for one task.
        memory_mib: of one worker.
        waiting: tasks of one namespace that may wait.
    """

    processes: int = 2
    cpu_seconds: float = 2.0
    memory_mib: int = 256
    waiting: int = 64


def build_limits(settings: WorkerSettings) -> WorkerLimits:
    """Build the limits that a process is given by its settings."""
    return WorkerLimits(settings.worker_processes, settings.worker_cpu_seconds, settings.worker_memory_mib)


class WorkerDied(Exception):  # noqa: N818 - it is what happened
    """A worker process ended before it had answered.

    Attributes:
        code: its exit code; of one that a signal ended, minus the signal's number.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


class WorkerProcess:
    """A worker process that was started."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        requests: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        patience_seconds: float,
    ) -> None:
        self._process = process
        self._requests = requests
        self._answers = answers
        self._patience_seconds = patience_seconds

    @classmethod
    async def start(cls, limits: WorkerLimits, modules: Sequence[str]) -> "WorkerProcess":
        """Start one, and wait until it is ready.

        Raises:
            OSError: it can't be started.
            WorkerDied: it ended instead.
            TimeoutError: it takes too long.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", _MODULE, str(limits.cpu_seconds), str(limits.memory_mib), *modules),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_build_environment(),
            start_new_session=True,
            limit=_BUFFER_BYTES,
        )
        if process.stdin is None or process.stdout is None:
            raise OSError("a process without pipes")
        made = cls(process, process.stdin, process.stdout, _PATIENCE * limits.cpu_seconds)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await made._read()
        except BaseException:
            await made.end()
            raise
        return made

    @property
    def alive(self) -> bool:
        """Whether it runs, as far as is known."""
        return self._process.returncode is None

    async def ask(self, request: bytes) -> dict[str, Any]:
        """Send a request, wait for its answer.

        Raises:
            WorkerDied: it ended before.
            TimeoutError: it got no CPU for a long time.
        """
        async with asyncio.timeout(self._patience_seconds):
            with suppress(BrokenPipeError, ConnectionResetError):  # it died: reading says of what
                self._requests.write(request)
                await self._requests.drain()
            return await self._read()

    async def _read(self) -> dict[str, Any]:
        try:
            head = await self._answers.readexactly(HEAD_BYTES)
            message: dict[str, Any] = decode(await self._answers.readexactly(int.from_bytes(head, "big")))
        except asyncio.IncompleteReadError:
            raise WorkerDied(await self._process.wait()) from None
        return message

    async def end(self) -> None:
        """End it at once; nothing of it is left."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._requests.close()
        await self._process.wait()


def _build_environment() -> dict[str, str]:
    """Build the environment of a worker: where Python and its modules are. The parent's own holds secrets."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "PYTHONHOME") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C.UTF-8"}
