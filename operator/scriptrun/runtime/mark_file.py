"""A file that says what the process is working on this moment, and still says it after the process was killed.

What is written to a file that is mapped into memory is the kernel's from then on: it outlives the process, however that
ends (a crash of native code, the kernel's OOM killer, a probe). It costs no system call, so that each step of each
piece of work can be noted.
"""

import fcntl
import mmap
import os
from pathlib import Path

from scriptrun.errors import ScriptRunError

__all__ = ["MarkFile"]

_NAME = "under-way"
_BYTES = 4096
_HEAD = 2


class MarkFile:
    """Notes one piece of work at a time.

    Args:
        folder: of the file, for this process alone; it has to outlive the process.

    Raises:
        ScriptRunError: the folder can't be written to, or another process uses it.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / _NAME
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, _BYTES)
            self._map = mmap.mmap(descriptor, _BYTES)
        except BlockingIOError as error:
            raise ScriptRunError(f"another process uses {path}: give each its own SCRIPTRUN_STATE_DIR") from error
        except OSError as error:
            raise ScriptRunError(f"{path} can't be used: {error.strerror}. See SCRIPTRUN_STATE_DIR") from error
        self._descriptor = descriptor

    def begin(self, work: str) -> None:
        """Note that a step of this work begins."""
        text = work.encode()[: _BYTES - _HEAD]
        self._map[_HEAD : _HEAD + len(text)] = text
        self._map[:_HEAD] = len(text).to_bytes(_HEAD, "big")  # last: a note counts when it is complete

    def end(self) -> None:
        """Note that the step has ended."""
        self._map[:_HEAD] = b"\0\0"

    def read(self) -> str:
        """Read what was under way when the file was last written; "" when nothing was."""
        size = int.from_bytes(self._map[:_HEAD], "big")
        return self._map[_HEAD : _HEAD + min(size, _BYTES - _HEAD)].decode(errors="replace")

    def close(self) -> None:
        """Let another process have the file."""
        self._map.close()
        os.close(self._descriptor)
