"""What the kernel says of a process."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def read_cpu_seconds(pid: int) -> float:
    """Read the CPU time a process has used so far, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def read_rss_mib(pid: int, peak: bool = False) -> float:
    """Read how much memory a process holds, or the most it ever held."""
    name = "VmHWM" if peak else "VmRSS"
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024
