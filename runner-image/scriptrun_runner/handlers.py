"""What executes a source: its argv, and what is wrong when it can't be executed.

Exit codes are the shell's (POSIX, 2.8.2): 127 when there is nothing to execute, 126 when it can't be executed.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scriptrun_runner.spec import RunSpec

__all__ = ["CANNOT_EXECUTE", "NOT_FOUND", "StartError", "build_command"]

CANNOT_EXECUTE = 126
NOT_FOUND = 127
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class StartError(Exception):
    """The script could not be started.

    Attributes:
        exit_code: 126 or 127.
        reason: why, in one word of the operator's; "": the script itself is at fault.
    """

    def __init__(self, exit_code: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.reason = reason


def build_command(spec: RunSpec, script: str | None, search_path: str) -> list[str]:
    """Build argv up to, and without, the contract's arguments.

    Args:
        spec: the run.
        script: path of the source's copy; None when there is none.
        search_path: folders to look for programs in, as in PATH.

    Raises:
        StartError: it can't be executed, and why.
    """
    if spec.handler == "exec" and spec.command:
        if script is None and any("{script}" in word for word in spec.command):
            raise _no_source(spec)
        program, *words = [word.replace("{script}", script or "") for word in spec.command]
        return [_find(program, search_path), *words]
    if script is None:
        raise _no_source(spec)
    start = _read_start(script)
    if start.startswith(_UTF_16):
        raise StartError(CANNOT_EXECUTE, f"{script} is UTF-16, by its byte order mark: save it as UTF-8 without one")
    if spec.handler == "python":
        return [_find("python3", search_path), script]
    if spec.handler == "node":
        if start.startswith(_BYTE_ORDER_MARK + b"#!"):  # to Node.js a first line only where it is the first
            raise _byte_order_mark(script)
        return [_find("node", search_path), script]
    if start.startswith(_BYTE_ORDER_MARK):
        raise _byte_order_mark(script)
    if spec.handler == "shell" and not start.startswith(b"#!"):
        _check_line_end(script, start)
        return [_find("bash", search_path, "sh"), script]
    # A first line like `#!/bin/bash -eu` decides more than which shell it is: the kernel reads it best.
    return [_check_executable(script)]


def _byte_order_mark(script: str) -> StartError:
    return StartError(CANNOT_EXECUTE, f"{script} begins with a byte order mark: save it as UTF-8 without one")


def _no_source(spec: RunSpec) -> StartError:
    return StartError(NOT_FOUND, f"Script {spec.script!r} has no source to execute with handler {spec.handler!r}")


def _find(program: str, search_path: str, otherwise: str = "") -> str:
    """Find a program as execvp would, but say what is missing."""
    if "/" in program:
        return _check_executable(program)
    for folder in search_path.split(os.pathsep):
        candidate = os.path.join(folder or ".", program)
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return _check_executable(candidate)
    if otherwise:
        return _find(otherwise, search_path)
    raise StartError(NOT_FOUND, f"{program!r} is not in the image: none of PATH={search_path} has it")


def _check_executable(path: str) -> str:
    """Look for what makes execve fail with no word on which of two files was meant."""
    if os.path.isdir(path):
        raise StartError(CANNOT_EXECUTE, f"{path} is a folder")
    if not os.path.exists(path):
        raise StartError(NOT_FOUND, f"{path} does not exist in the image")
    if not os.access(path, os.X_OK):
        raise StartError(CANNOT_EXECUTE, f"{path} is not executable: its mode lacks x")
    start = _read_start(path)
    if start.startswith(b"#!"):
        words = start[2:].split(b"\n", 1)[0].split(None, 1)
        interpreter = os.fsdecode(words[0]) if words else ""
        _check_line_end(path, start)
        if not os.path.isfile(interpreter):
            raise StartError(CANNOT_EXECUTE, f"{path}: bad interpreter {interpreter!r}: not in the image")
    return path


def _check_line_end(path: str, start: bytes) -> None:
    """Refuse what the kernel and shells misread: to them CR is a part of the last word of its line."""
    if start.split(b"\n", 1)[0].endswith(b"\r"):
        raise StartError(CANNOT_EXECUTE, f"{path} has Windows line endings: save it with LF, not CR LF")


def _read_start(path: str) -> bytes:
    """Read the first bytes; none of a program that may be executed but not read."""
    try:
        with open(path, "rb") as file:
            return file.read(256)
    except PermissionError:
        return b""
