"""Reading what a script gave as its output, without trusting it."""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["INVALID_OUTPUT", "OUTPUT_TOO_LARGE", "OutputError", "check_size", "parse_output", "read_output"]

INVALID_OUTPUT = "InvalidOutput"
OUTPUT_TOO_LARGE = "OutputTooLarge"
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_EXCERPT_CHARACTERS = 80


class OutputError(Exception):
    """The output is not what it must be.

    Attributes:
        reason: InvalidOutput or OutputTooLarge.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def read_output(path: str, limit_bytes: int) -> bytes | None:
    """Read the output file.

    Returns:
        The very bytes of a JSON object; None when the script wrote no file.

    Raises:
        OutputError: it is no plain file, too large, or no JSON object.
    """
    try:
        data = _read_plain_file(path, limit_bytes)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(INVALID_OUTPUT, f"output file {path} can't be read: {error.strerror}") from error
    if not data.strip():
        raise OutputError(INVALID_OUTPUT, f"output file {path} is empty: write a JSON object, or no file at all")
    parse_output(f"output file {path}", data)
    return data


def check_size(name: str, size_bytes: int, limit_bytes: int, what: str = "output") -> None:
    """Check a size against its limit.

    Raises:
        OutputError: it is over the limit; names both numbers.
    """
    if size_bytes > limit_bytes:
        message = f"{name} has {size_bytes:,} bytes; the limit is {limit_bytes:,} bytes for the {what}"
        raise OutputError(OUTPUT_TOO_LARGE, f"{message}: write less, or raise the Script's output.limitBytes")


def parse_output(name: str, data: bytes) -> tuple[str, dict[str, Any]]:
    """Parse a JSON object.

    Args:
        name: of the place it comes from, for the message.
        data: UTF-8.

    Returns:
        Its text, and the object (numbers without their value).

    Raises:
        OutputError: it is something else; says what and where.
    """
    from scriptrun_runner.strict_json import parse_strictly

    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise OutputError(INVALID_OUTPUT, f"{name} is not UTF-8: {error.reason} at byte {error.start}") from error
    try:
        value = parse_strictly(text)
    except ValueError as error:
        message = f"{name} is not JSON: {error}; it begins with {text[:_EXCERPT_CHARACTERS]!r}"
        raise OutputError(INVALID_OUTPUT, message) from error
    if not isinstance(value, dict):
        message = f"{name} must be a JSON object, {{…}}; it begins with {text[:_EXCERPT_CHARACTERS]!r}"
        raise OutputError(INVALID_OUTPUT, message)
    return text, value


def _read_plain_file(path: str, limit_bytes: int) -> bytes:
    """Read no link, and nothing that blocks or has no end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OutputError(INVALID_OUTPUT, f"output file {path} is a symbolic link, not a file") from error
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
            raise OutputError(INVALID_OUTPUT, f"output file {path} is {kind}, not a file")
        check_size(f"output file {path}", status.st_size, limit_bytes)
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(limit_bytes + 1)
    finally:
        os.close(descriptor)
    check_size(f"output file {path}", len(data), limit_bytes)
    return data
