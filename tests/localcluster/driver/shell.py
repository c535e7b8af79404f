"""Runs other programs with their output in a log, and nothing of it lost when they fail."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import CommandFailedError


def run_logged(
    argv: Sequence[str | Path],
    log: Path,
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    advice: str = "",
) -> None:
    """Runs a program to its end; its output goes to ``log``.

    Args:
        argv: Program and arguments.
        log: File to write; its folder is made.
        cwd: Working folder.
        environ: Variables to add to the present ones.
        advice: What the reader can do when it fails.

    Raises:
        CommandFailedError: With the end of the log, when the program does not exit 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        done = subprocess.run(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(environ or {})},
            check=False,
        )
    if done.returncode != 0:
        raise CommandFailedError(Path(str(argv[0])).name, done.returncode, log, advice)


def succeeds(*argv: str | Path) -> bool:
    """Runs a program silently and tells whether it exited 0. A missing program is a no."""
    try:
        done = subprocess.run([str(part) for part in argv], capture_output=True, stdin=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def read_output(*argv: str | Path) -> str:
    """Runs a program and returns its standard output, or an empty string when it fails."""
    try:
        done = subprocess.run([str(part) for part in argv], capture_output=True, stdin=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""
