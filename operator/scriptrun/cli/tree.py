"""Reads the files of a script that is a folder, and finds the one to start."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scriptrun.errors import UsageError

__all__ = ["ENTRY_POINTS", "NOT_SOURCE", "find_entry_point", "is_within", "read_tree"]

ENTRY_POINTS = ("__main__.py", "main.py", "index.js", "main.sh")
"""What is started of a folder for which `scripts.yaml` names nothing: the first of these that is in it."""

NOT_SOURCE = {"__pycache__", "node_modules", "venv"}
"""Folders that tools make; hidden ones are no source either."""
_FILES = 1024
_BYTES = 64 * 1024 * 1024


def find_entry_point(folder: Path, fields: Mapping[str, Any]) -> str:
    """Find the file to start: as the folder's fields in `scripts.yaml` say, else by its name; "" when there is none.

    Raises:
        UsageError: the one that is named is not in the folder.
    """
    named = fields.get("entryPoint")
    if named is None:
        return next((name for name in ENTRY_POINTS if (folder / name).is_file()), "")
    path = folder / str(named)
    if not is_within(path, folder) or not path.is_file():
        raise UsageError(f"{folder.name}: entryPoint {str(named)!r} is no file in this folder")
    return path.relative_to(folder).as_posix()


def read_tree(folder: Path) -> tuple[dict[str, bytes], list[str]]:
    """Read the files of a folder and of all folders in it.

    Returns:
        What they hold by their paths, and what was left out, with the reason: hidden files, links that lead out of the
        folder, and folders that tools make (`__pycache__`, `node_modules`, `venv`).

    Raises:
        UsageError: there are too many, or they are far too large.
        OSError: one can't be read.
    """
    files: dict[str, bytes] = {}
    left_out: list[str] = []
    room = _BYTES
    for path in _walk(folder, left_out):
        if len(files) == _FILES:
            raise UsageError(f"{folder.name} has more than {_FILES:,} files: put it into an image of your own")
        room -= path.stat().st_size
        if room < 0:
            raise UsageError(f"{folder.name} has more than {_BYTES:,} bytes: put it into an image of your own")
        files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return dict(sorted(files.items())), left_out


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path leads into a folder; a link may lead nowhere, or to itself."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _walk(folder: Path, left_out: list[str]) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):  # does not follow links to folders
        kept = []
        for name in sorted(folders):
            path = Path(place, name)
            if name.startswith(".") or name in NOT_SOURCE:
                continue
            if path.is_symlink():
                left_out.append(f"{path.relative_to(folder.parent).as_posix()}: a link to a folder")
            else:
                kept.append(name)
        folders[:] = kept
        for name in sorted(names):
            path = Path(place, name)
            if name.startswith("."):
                continue
            if not is_within(path, folder):
                left_out.append(f"{path.relative_to(folder.parent).as_posix()}: a link that leads out of the folder")
            elif not path.is_file():
                left_out.append(f"{path.relative_to(folder.parent).as_posix()}: no file")
            else:
                yield path
