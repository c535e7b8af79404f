"""Windows line endings in shell scripts that have failed: what their own messages say of them helps nobody."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scriptrun_runner.spec import RunSpec

__all__ = ["describe_line_ends"]

_SEARCHED_BYTES = 1_048_576


def describe_line_ends(spec: RunSpec, source: str) -> str:
    """Say where a shell script has its first Windows line ending; "" where it has none, or is no shell script.

    Those of its first line are refused before it starts; but a tool may have put an own first line before the rest.

    Args:
        spec: the run.
        source: path of the script's source.
    """
    try:
        with open(source, "rb") as file:
            text = file.read(_SEARCHED_BYTES)
    except OSError:
        return ""
    if spec.handler != "shell" and not _names_shell(spec.command, text):
        return ""
    before, found, _ = text.partition(b"\r\n")
    if not found:
        return ""
    number = 1 + before.count(b"\n")
    return f"line {number} of the script ends with CR LF, as in Windows, and a shell takes the CR for a part of it"


def _names_shell(command: list[str], text: bytes) -> bool:
    if command:
        return "{script}" in command and _is_shell(command[0])
    words = text[:256].split(b"\n", 1)[0].split()
    return text.startswith(b"#!") and any(_is_shell(os.fsdecode(word)) for word in words)


def _is_shell(program: str) -> bool:
    return os.path.basename(program.lstrip("#!")) in ("sh", "bash", "dash", "ash", "ksh", "zsh")
