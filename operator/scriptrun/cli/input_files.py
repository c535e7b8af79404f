"""Reads what the command line names: variables from JSON files and stdin, merged with those typed."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scriptrun.cli.variables import parse_assignments, parse_object
from scriptrun.errors import UsageError
from scriptrun.policies.exactness import find_inexact

__all__ = ["read_text", "read_variables"]


def read_variables(files: Iterable[str], words: Iterable[str], place: str = "variables") -> dict[str, Any]:
    """Merge the files of --vars and, last, --var.

    Args:
        files: paths of JSON objects; - is stdin. A later one wins.
        words: ``name=text`` and ``name:=json``.
        place: the field they are for, as messages name it.

    Raises:
        UsageError: one can't be read, or Kubernetes would round a number in it.
    """
    merged: dict[str, Any] = {}
    for path in files:
        merged |= parse_object(read_text(path), "stdin" if path == "-" else path)
    variables = merged | parse_assignments(words)
    if wrong := find_inexact(variables, place):
        raise UsageError(wrong)
    return variables


def read_text(path: str) -> str:
    """Read a text file; - is stdin.

    Raises:
        UsageError: it can't be read, or is not UTF-8.
    """
    try:
        # JSON is UTF-8, whatever the locale says.
        return (sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error
