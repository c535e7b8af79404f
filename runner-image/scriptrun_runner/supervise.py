"""Watching over a started script until it and all it started have ended."""

from __future__ import annotations

import os
import time
from queue import Empty, SimpleQueue
from threading import Thread

from scriptrun_runner.ending import TERMINATED, TIMEOUT, Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scriptrun_runner.process import Child
    from scriptrun_runner.pumps import Pumps
    from scriptrun_runner.spec import RunSpec
    from scriptrun_runner.stop import Stop

__all__ = ["reserve_seconds", "supervise"]

_SIGKILL = 9
_SIGTERM = 15
_TIMEOUT_GRACE_SECONDS = 5.0
_UNKILLABLE_SECONDS = 1.0
_LEFTOVER_SECONDS = 0.2
_DRAIN_SECONDS = 1.0


def reserve_seconds(grace_seconds: float) -> float:
    """Decide how much of the pod's grace period is kept for writing the result."""
    return min(5.0, grace_seconds / 4)


def supervise(child: Child, pumps: Pumps, spec: RunSpec, stop: Stop) -> Ending:
    """Wait for the script's end; bring it about when the deadline passes or somebody asks.

    Afterwards nothing that the script started runs any more: in a pod because the runner is PID 1, on a workstation
    as far as it stayed in the script's process group.
    """
    watch = _Watch(child.pid, spec)
    Thread(target=_await_exit, args=(child.pid, watch.mailbox), daemon=True).start()
    stop.subscribe(watch.ask_to_stop)
    ending = watch.run()
    # Whoever still holds the pipes may be writing the last lines, as `tee` in `exec > >(tee log)` does.
    pumps.wait(_LEFTOVER_SECONDS)
    _signal_group(child.pid, _SIGKILL)
    if os.getpid() == 1:
        _signal_all(_SIGKILL)
    pumps.wait(_DRAIN_SECONDS)
    pumps.close()
    return ending


class _Watch:
    """The state of waiting: what happens comes in by `mailbox`, an exit code or None for a request to stop."""

    def __init__(self, pid: int, spec: RunSpec) -> None:
        self.mailbox: SimpleQueue[int | None] = SimpleQueue()  # its put is reentrant: signal handlers may use it
        self._pid = pid
        self._stop_seconds = spec.grace_period_seconds - reserve_seconds(spec.grace_period_seconds)
        seconds = spec.attempt_deadline_seconds
        self._next_at = None if seconds is None else time.monotonic() + seconds
        self._next = self._time_out
        self._cause = ""
        self._killed = False
        self._given_up = False

    def ask_to_stop(self) -> None:
        """Have the script stopped; from any thread."""
        self.mailbox.put(None)

    def run(self) -> Ending:
        """Wait for the end."""
        while not self._given_up:
            seconds = None if self._next_at is None else max(self._next_at - time.monotonic(), 0)
            try:
                exit_code = self.mailbox.get(timeout=seconds)
            except Empty:
                self._next()
                continue
            if exit_code is not None:
                return Ending(exit_code, self._cause, killed=self._killed)
            if self._cause != TERMINATED and not self._killed:
                self._terminate(self._cause or TERMINATED, self._stop_seconds)
        return Ending(-_SIGKILL, self._cause, killed=True)

    def _time_out(self) -> None:
        self._terminate(TIMEOUT, _TIMEOUT_GRACE_SECONDS)

    def _terminate(self, cause: str, seconds: float) -> None:
        """Send SIGTERM, and SIGKILL in `seconds` unless that is due earlier already."""
        due = time.monotonic() + seconds
        if self._cause and self._next_at is not None:
            due = min(due, self._next_at)
        self._cause, self._next_at, self._next = cause, due, self._kill
        _signal_group(self._pid, _SIGTERM)

    def _kill(self) -> None:
        _signal_group(self._pid, _SIGKILL)
        self._killed = True
        self._next_at, self._next = time.monotonic() + _UNKILLABLE_SECONDS, self._give_up

    def _give_up(self) -> None:
        """A process stuck in the kernel, as on a dead network disk, outlives even SIGKILL."""
        self._given_up = True


def _await_exit(pid: int, mailbox: SimpleQueue[int | None]) -> None:
    """Put the script's exit code; as PID 1 also bury the orphans that Linux hands over."""
    anybody = -1 if os.getpid() == 1 else pid
    while True:
        ended, status = os.waitpid(anybody, 0)
        if ended == pid:
            mailbox.put(os.waitstatus_to_exitcode(status))
            return


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # none left, or none of ours


def _signal_all(number: int) -> None:
    try:
        os.kill(-1, number)
    except (ProcessLookupError, PermissionError):
        pass
