"""What of a script's source is executed: one file, and what lies beside it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from scriptrun.models.source import FolderConfigMap, FolderFiles

__all__ = ["FolderError", "Missing", "Source", "assemble_folder", "find_file_as_folder", "hash_files"]


@dataclass(frozen=True, slots=True)
class Missing:
    """Something a run refers to that does not exist (yet), in words."""

    what: str


class FolderError(ValueError):
    """The files of a folder can't be laid out together; says why."""


@dataclass(frozen=True, slots=True)
class Source:
    """A script's source.

    Attributes:
        content: of the file that is started.
        beside: what else is laid out, by its path relative to the same folder.
        entry_point: path of the file that is started in a folder; "" for one that is no folder, whose name the Script
            decides.
    """

    content: bytes
    beside: Mapping[str, bytes] = field(default_factory=dict)
    entry_point: str = ""

    @property
    def sha256(self) -> str:
        """What a Script's pin is compared with: of the file, or of all files of a folder; in hex."""
        if not self.entry_point:
            return hashlib.sha256(self.content).hexdigest()
        return hash_files({**self.beside, self.entry_point: self.content})


def hash_files(files: Mapping[str, bytes]) -> str:
    """Hash files: of each its path, NUL, its length in decimal, NUL and its bytes, in order of paths; in hex."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{len(files[path])}\0".encode())
        digest.update(files[path])
    return digest.hexdigest()


def assemble_folder(
    folder: FolderFiles, held: Iterable[tuple[FolderConfigMap, Mapping[str, bytes]]]
) -> Source | Missing:
    """Assemble a folder from its ConfigMaps.

    Args:
        folder: as the Script or the run describes it.
        held: each of its ConfigMaps, with what its keys hold.

    Raises:
        FolderError: two files have one path, or one is a folder of another.
    """
    files: dict[str, bytes] = {}
    for config_map, content in held:
        paths = {item.key: item.path for item in config_map.items} or {key: key for key in content}
        for key, path in paths.items():
            if key not in content:
                return Missing(f'key "{key}" in ConfigMap "{config_map.name}"')
            if path in files:
                raise FolderError(f"source.folder has two files {path!r}")
            files[path] = content[key]
    if wrong := find_file_as_folder(files):
        raise FolderError(f"source.folder: {wrong}")
    entry_point = folder.entry_point
    if entry_point not in files:
        names = ", ".join(f'"{item.name}"' for item in folder.config_maps)
        return Missing(f'source.folder.entryPoint "{entry_point}" in ConfigMaps {names}')
    return Source(files.pop(entry_point), files, entry_point)


def find_file_as_folder(paths: Iterable[str]) -> str:
    """Say which path is both a file and a folder; "" when there is none."""
    before = ""
    for path in sorted(paths, key=lambda path: path.replace("/", "\0")):  # what is in a folder comes right after it
        if before and path.startswith(f"{before}/"):
            return f"{before!r} is a file, and {path!r} wants it as a folder"
        before = path
    return ""
