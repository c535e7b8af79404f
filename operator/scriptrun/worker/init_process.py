"""Being a container's first process: let another one do the work, pass signals on, bury orphans."""

import os
import signal
from types import FrameType

__all__ = ["run_below"]


def run_below(command: list[str]) -> int:
    """Run a command below this process; return its exit code, 128 + N when signal N ended it.

    The runner, which executes the scripts, takes a process 1 for the pod's own, where nothing else runs: there it
    waits for every process, and kills them all once its one script has ended.

    Args:
        command: argv; the first word is a path.
    """
    child = 0

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if not child:
            os._exit(128 + number)
        os.kill(child, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    # In a group of its own: Ctrl-C on the container's terminal would else reach it twice.
    child = os.posix_spawn(command[0], command, os.environ, setpgroup=0, setsigdef=[signal.SIGINT, signal.SIGTERM])
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
