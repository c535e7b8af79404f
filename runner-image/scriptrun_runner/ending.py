"""How a script's process ended."""

from __future__ import annotations

__all__ = ["TERMINATED", "TIMEOUT", "Ending"]

TIMEOUT = "Timeout"
TERMINATED = "Terminated"
_SIGKILL = 9


class Ending:
    """How the process ended, and whether the runner made it.

    Attributes:
        exit_code: the script's; 128 + N when signal N ended it.
        cause: why the runner asked the script to end: Timeout or Terminated; "": it did not.
        killed: SIGTERM was not enough.
    """

    __slots__ = ("cause", "exit_code", "killed", "signal")

    def __init__(self, exit_code: int, cause: str = "", *, killed: bool = False) -> None:
        """Take an exit code in Python's manner: -N for signal N."""
        self.signal = max(-exit_code, 0)
        self.exit_code = 128 + self.signal if self.signal else exit_code
        self.cause = cause
        self.killed = killed

    @property
    def by_kernel(self) -> bool:
        """Whether SIGKILL ended the script, and it was not the runner that sent it."""
        return self.signal == _SIGKILL and not self.killed

    def describe(self) -> str:
        """Say how the process ended, in words."""
        if not self.signal:
            return f"exit code {self.exit_code}"
        text = f"ended by signal {self.signal} ({_name_signal(self.signal)})"
        if self.by_kernel:
            text += ", which the runner did not send: most likely the memory limit was reached"
        return text


def _name_signal(number: int) -> str:
    from signal import Signals

    try:
        return Signals(number).name
    except ValueError:
        return "real-time signal"
