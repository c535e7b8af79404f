"""What can go wrong, said so that the reader knows what to do.

LocalClusterError
└── CommandFailedError   a program ended with an error; carries the end of its log
"""

from pathlib import Path

TAIL_LINES = 25


class LocalClusterError(Exception):
    """Base of every error the driver reports as one message instead of a traceback."""


class CommandFailedError(LocalClusterError):
    """A program the driver ran did not succeed."""

    def __init__(self, what: str, exit_code: int, log: Path, advice: str = "") -> None:
        tail = read_tail(log)
        lines = [f"{what} failed (exit code {exit_code}).", f"The end of {log}:", tail]
        if advice:
            lines.append(advice)
        super().__init__("\n".join(lines))


def read_tail(log: Path, lines: int = TAIL_LINES) -> str:
    """Returns the last ``lines`` lines of a log, indented for display."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        text = ""
    tail = text.splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in tail) or "    (empty)"
