"""What the tests of the worker pool have computed: well and badly."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

__all__ = [
    "abort",
    "add_mark",
    "backtrack",
    "crash_once",
    "describe",
    "double",
    "fail",
    "fill_memory",
    "kill_itself",
    "sleep",
]


def double(text: str) -> str:
    """The text twice."""
    print("a word on stdout")  # noqa: T201 - must not get between the answers
    return text * 2


def describe() -> dict[str, object]:
    """What a computation sees of its process."""
    return {
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "modules": sorted(sys.modules),
        "nice": os.nice(0),
        "oom": Path("/proc/self/oom_score_adj").read_text().strip(),
    }


def backtrack() -> bool:
    """Native code that holds Python's lock, practically for ever."""
    return re.match("^(a+)+$", "a" * 60 + "!") is not None


def fill_memory() -> int:
    """Ask for more and more memory."""
    kept = []
    while True:
        kept.append(bytearray(10**6))


def abort() -> None:
    """Crash, as native code does when it finds itself in the wrong."""
    os.abort()


def crash_once(path: str) -> str:
    """Crash the first time."""
    if not os.path.exists(path):
        Path(path).touch()
        os.abort()
    return "well"


def kill_itself() -> None:
    """Be killed, as by the kernel when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(secret: str) -> None:
    """Fail with a message that must not be shown."""
    raise ValueError(secret)


def sleep(seconds: float) -> str:
    """Take time, but no CPU."""
    time.sleep(seconds)
    return "slept"


def add_mark(path: str, mark: str) -> str:
    """Leave a mark in a file, and take some time."""
    with open(path, "a") as file:
        file.write(f"{mark}\n")
    time.sleep(0.1)
    return mark
