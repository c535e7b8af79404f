"""Whether the kernel killed a process of this container for its memory."""

from __future__ import annotations

__all__ = ["count_oom_kills"]

_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
"""Of the container's own control group: version 2, version 1. The line wanted is `oom_kill N` in both."""


def count_oom_kills(counters: tuple[str, ...] = _COUNTERS) -> int:
    """Count the processes of this container that the kernel killed for its memory limit; 0 where it does not say."""
    for path in counters:
        try:
            with open(path, encoding="ascii") as file:
                lines = [line.split() for line in file]
        except (OSError, ValueError):
            continue
        for line in lines:
            if len(line) == 2 and line[0] == "oom_kill" and line[1].isdigit():
                return int(line[1])
    return 0
