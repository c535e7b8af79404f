"""What of a script will not work in a pod as its author expects, seen before it is applied."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from posixpath import dirname

from scriptrun.cli.sources import ScriptFile, ScriptFolder

__all__ = ["find_pitfalls", "with_fixed_lines"]

_SHELL_ENDINGS = (".sh", ".bash")
_SHELLS = (b"sh", b"bash")


def find_pitfalls(script: ScriptFile | ScriptFolder) -> Iterator[str]:
    """Find Windows line endings where a shell or the kernel reads them, and modules that hide Python's own."""
    for path, content in _files(script):
        if _has_windows_lines(path, content):
            yield f"{path} has Windows line endings: save it with LF, or render with --fix-line-endings"
    if isinstance(script, ScriptFolder) and script.entry_point.endswith(".py"):
        folder = dirname(script.entry_point)
        for path in script.files:
            if path != script.entry_point and dirname(path) == folder and _hides_module(path):
                yield f"{script.name}/{path}: Python imports it instead of its own module of that name; rename it"


def with_fixed_lines(script: ScriptFile | ScriptFolder) -> ScriptFile | ScriptFolder:
    """Put LF in the place of CR LF where a shell or the kernel reads it."""
    if isinstance(script, ScriptFile):
        return replace(script, content=_fix(script.name, script.content))
    return replace(script, files={path: _fix(path, content) for path, content in script.files.items()})


def _files(script: ScriptFile | ScriptFolder) -> Iterator[tuple[str, bytes]]:
    if isinstance(script, ScriptFile):
        yield script.name, script.content
    else:
        for path, content in script.files.items():
            yield f"{script.name}/{path}", content


def _fix(path: str, content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n") if _has_windows_lines(path, content) else content


def _has_windows_lines(path: str, content: bytes) -> bool:
    """Tell whether it has CR LF where that counts as a part of the last word: in a shell script, or a `#!` line."""
    first = content.split(b"\n", 1)[0]
    words = first[2:].split() if first.startswith(b"#!") else []
    if path.endswith(_SHELL_ENDINGS) or any(word.rsplit(b"/", 1)[-1] in _SHELLS for word in words):
        return b"\r\n" in content
    return bool(words) and first.endswith(b"\r")


def _hides_module(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return name.endswith(".py") and name.removesuffix(".py") in sys.stdlib_module_names
