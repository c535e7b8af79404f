"""Working on tasks until a signal comes."""

import asyncio
import os
import signal
import socket
import sys
from dataclasses import dataclass

import structlog

from scriptrun.orchestrators.adapter import Adapter, Outcome, Task
from scriptrun.policies.text import escape_controls
from scriptrun.runtime.logging import configure_logs
from scriptrun.runtime.process import SIGNALS, on_signals
from scriptrun.worker.init_process import run_below
from scriptrun.worker.loop import Worker
from scriptrun.worker.program import Contract, Program
from scriptrun.worker.server import SERVERS, Server
from scriptrun_runner.stop import Stop

__all__ = ["Wishes", "execute"]

_log = structlog.get_logger("scriptrun.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The arguments and options of `worker exec`, as typed."""

    task_type: str
    command: list[str]
    worker_id: str = ""
    domain: str = ""
    poll_timeout_milliseconds: int = 100
    exec_timeout_seconds: int = 0
    count: int = 1
    back_off_seconds: int = 10
    server: str = ""
    auth_key: str = ""
    auth_secret: str = ""
    orchestrator: str = "conductor"
    contract: Contract | None = None


def execute(wishes: Wishes) -> int:
    """Work until told to stop; return the exit code.

    Raises:
        Refused: the server's address or the credentials can't be used.
        UsageError: options that do not go together.
    """
    if os.getpid() == 1:
        return run_below([sys.executable, "-m", "scriptrun", *sys.argv[1:]])
    configure_logs("info", "auto")
    asyncio.run(_work(wishes))
    return 0


async def _work(wishes: Wishes) -> None:
    server = Server(
        url=wishes.server,
        key=wishes.auth_key,
        secret=wishes.auth_secret,
        task_type=wishes.task_type,
        domain=wishes.domain,
        worker_id=wishes.worker_id or socket.gethostname(),
        poll_seconds=wishes.poll_timeout_milliseconds / 1000,
        back_off_seconds=wishes.back_off_seconds,
    )
    adapter = SERVERS[wishes.orchestrator].open(server, os.environ)
    try:
        await _work_with(adapter, wishes, server)
    finally:
        await adapter.close()


async def _work_with(adapter: Adapter, wishes: Wishes, server: Server) -> None:
    program = Program(
        tuple(wishes.command),
        wishes.contract or SERVERS[wishes.orchestrator].contract,
        wishes.exec_timeout_seconds or None,
        wishes.back_off_seconds,
    )

    def execute_task(task: Task, stop: Stop) -> Outcome:
        return program.execute(task, stop, lambda line: _log.info("script", task=task.id, line=escape_controls(line)))

    worker = Worker(adapter, execute_task, wishes.count)
    _stop_on_signals(worker)
    _log.info(
        "worker started",
        task_type=wishes.task_type,
        command=wishes.command,
        worker_id=server.worker_id,
        at_once=wishes.count,
        **({"domain": wishes.domain} if wishes.domain else {}),
    )
    await worker.run()
    _log.info("worker ended")


def _stop_on_signals(worker: Worker) -> None:
    """Tell the worker of the first two signals; the third ends this process at once."""
    received = 0

    def note() -> None:
        nonlocal received
        received += 1
        worker.stop()
        if received == 2:
            give_up()
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)

    give_up = on_signals(note)
