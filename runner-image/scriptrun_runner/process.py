"""Starting the script: a child process in a process group of its own."""

from __future__ import annotations

import errno
import os

from scriptrun_runner.handlers import CANNOT_EXECUTE, NOT_FOUND, StartError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, Sequence

__all__ = ["STDERR", "STDOUT", "Child", "spawn"]

STDOUT = 1
STDERR = 2
_IGNORED_BY_PYTHON = (13, 25)  # SIGPIPE, SIGXFSZ: a script must find them as usual, `yes | head` ends by one
_ARGUMENT_LIMIT = "one argument may have 131,072 bytes; let the script read the file named in SCRIPTRUN_VARIABLES"


class Child:
    """A script that has been started.

    Attributes:
        pid: of the script and of its process group.
        pipes: read end of each of its streams, by STDOUT and STDERR.
    """

    __slots__ = ("pid", "pipes")

    def __init__(self, pid: int, pipes: dict[int, int]) -> None:
        self.pid = pid
        self.pipes = pipes


def spawn(
    command: Sequence[str], environ: Mapping[str, str], folder: str, stdin: str, *, merge_stderr: bool = False
) -> Child:
    """Start a process and return once it has been executed.

    Args:
        command: argv; the first word is a path.
        environ: its whole environment.
        folder: its working folder.
        stdin: path of a file to read.
        merge_stderr: give both streams one pipe, so that their order is kept.

    Raises:
        StartError: it can't be executed, and why.
    """
    opened: list[int] = []
    try:
        descriptors = [os.open(stdin, os.O_RDONLY | os.O_CLOEXEC)]
        opened.append(descriptors[0])
        pipes: dict[int, int] = {}
        for stream in (STDOUT,) if merge_stderr else (STDOUT, STDERR):
            pipes[stream], write_end = os.pipe()
            opened += [pipes[stream], write_end]
            descriptors.append(write_end)
        if merge_stderr:
            descriptors.append(descriptors[STDOUT])
        pid = _execute(command, environ, folder, descriptors)
    except OSError as error:
        for descriptor in opened:
            os.close(descriptor)
        raise _explain(error, command, stdin) from error
    for descriptor in set(descriptors):
        os.close(descriptor)
    return Child(pid, pipes)


def _execute(command: Sequence[str], environ: Mapping[str, str], folder: str, descriptors: Sequence[int]) -> int:
    if os.path.realpath(folder) == os.getcwd():
        # The way of a pod: no further import, and no copy of this process, however large it is.
        return os.posix_spawn(
            command[0],
            list(command),
            environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in enumerate(descriptors)],
            setpgroup=0,
            setsigdef=_IGNORED_BY_PYTHON,
        )
    import subprocess

    stdin, stdout, stderr = descriptors
    process = subprocess.Popen(  # noqa: S603 - executing what a Script names is the purpose
        command, env=environ, cwd=folder, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
    )
    process.returncode = 0  # whoever supervises the child waits for it
    return process.pid


def _explain(error: OSError, command: Sequence[str], stdin: str) -> StartError:
    if error.errno == errno.E2BIG:
        longest = max(len(os.fsencode(word)) for word in command)
        return StartError(CANNOT_EXECUTE, f"the longest argument has {longest:,} bytes: {_ARGUMENT_LIMIT}")
    if error.errno == errno.ENOEXEC:
        return StartError(
            CANNOT_EXECUTE,
            f"{command[0]} is no program of this machine and has no #! line (exec format error): name a handler or a "
            f"command, or build it for {os.uname().machine}",
        )
    if error.filename == stdin:
        return StartError(CANNOT_EXECUTE, f"no input for the script: {error}")
    if error.errno == errno.ENOENT and os.path.exists(command[0]):
        # What lacks is the ELF interpreter that the program names: glibc's where the image has musl, or the reverse.
        said = f"{command[0]} can't be executed: the dynamic loader that it was linked for is not in the image"
        return StartError(CANNOT_EXECUTE, said)
    code = NOT_FOUND if error.errno == errno.ENOENT else CANNOT_EXECUTE
    return StartError(code, f"{command[0]} can't be executed: {error.strerror}")
