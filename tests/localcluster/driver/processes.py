"""Starts the components and ends them again, sure that it is them.

A pid alone proves nothing: machines are restarted and pids are used again. So a process is remembered
with its start time and its argv, and only a process that still has all three counts as ours.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .settings import Settings

STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Identity:
    """What tells one process from every other.

    Attributes:
        pid: Its number.
        start_ticks: Field 22 of ``/proc/PID/stat``: clock ticks after boot at which it started.
        argv: Its command line.
    """

    pid: int
    start_ticks: int
    argv: tuple[str, ...]


def parse_start_ticks(stat: str) -> int:
    """Reads the start time from ``/proc/PID/stat``, whose second field may hold spaces and parentheses."""
    return int(stat.rpartition(")")[2].split()[19])


def parse_argv(cmdline: bytes) -> tuple[str, ...]:
    """Splits ``/proc/PID/cmdline``."""
    return tuple(part.decode(errors="replace") for part in cmdline.split(b"\0")[:-1])


def observe_process(pid: int, proc: Path = Path("/proc")) -> Identity | None:
    """Returns who ``pid`` is now; None when it is gone or has ended and waits to be reaped."""
    folder = proc / str(pid)
    try:
        stat = (folder / "stat").read_text()
        cmdline = (folder / "cmdline").read_bytes()
    except OSError:
        return None
    if stat.rpartition(")")[2].split()[0] in {"Z", "X"}:
        return None
    return Identity(pid, parse_start_ticks(stat), parse_argv(cmdline))


def is_same_process(remembered: Identity, proc: Path = Path("/proc")) -> bool:
    """Tells whether the remembered process still runs (and not another under its pid)."""
    return observe_process(remembered.pid, proc) == remembered


def list_processes(proc: Path = Path("/proc")) -> list[Identity]:
    """Returns every process that can be read."""
    seen = (observe_process(int(entry.name), proc) for entry in proc.iterdir() if entry.name.isdigit())
    return [process for process in seen if process is not None]


class Processes:
    """The components' pid files and logs in the state folder."""

    def __init__(self, settings: Settings) -> None:
        self._pids = settings.state / "pid"
        self._logs = settings.logs

    def start(self, name: str, argv: Sequence[str | Path]) -> None:
        """Starts a component in a session of its own, its output in ``log/NAME.log``."""
        self._pids.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
            )
        (self._pids / f"{name}.json").write_text(json.dumps(asdict(_observe_started(child.pid))))

    def recall(self, name: str) -> Identity | None:
        """Reads a component's pid file."""
        try:
            document = json.loads((self._pids / f"{name}.json").read_text())
            return Identity(document["pid"], document["start_ticks"], tuple(document["argv"]))
        except (OSError, ValueError, KeyError):
            return None

    def is_running(self, name: str) -> bool:
        """Tells whether a component that was started still runs."""
        remembered = self.recall(name)
        return remembered is not None and is_same_process(remembered)

    def stop(self, names: Iterable[str]) -> None:
        """Ends components, all at once, and forgets them."""
        remembered = {name: self.recall(name) for name in names}
        end_processes(process for process in remembered.values() if process is not None)
        for name in remembered:
            (self._pids / f"{name}.json").unlink(missing_ok=True)


def _observe_started(pid: int) -> Identity:
    """Waits out the instant in which the kernel has begun the program and not yet laid out its command line."""
    while (identity := observe_process(pid)) is not None:
        if identity.argv:
            return identity
    return Identity(pid, 0, ())


def end_processes(processes: Iterable[Identity], seconds: float = STOP_SECONDS) -> None:
    """Asks processes to end, and kills those that have not after ``seconds``."""
    waiting = _signal_all(processes, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while waiting and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        waiting = [process for process in waiting if is_same_process(process)]
    for process in _signal_all(waiting, signal.SIGKILL):
        while is_same_process(process):
            time.sleep(_POLL_SECONDS)


def _signal_all(processes: Iterable[Identity], number: signal.Signals) -> list[Identity]:
    reached = []
    for process in processes:
        if is_same_process(process):
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                continue
            reached.append(process)
    return reached
