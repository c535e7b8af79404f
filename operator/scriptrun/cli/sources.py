"""A script as it lies in a folder of scripts: a file, or a folder of its own."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scriptrun.errors import UsageError
from scriptrun.models.source import SOURCE_LIMIT_BYTES
from scriptrun.policies.source import Source

__all__ = ["ScriptFile", "ScriptFolder", "is_text"]

_NOT_IN_KEYS, _KEY_LIMIT = re.compile(r"[^-._a-zA-Z0-9]+"), 253
_IMAGE = "into an image made FROM the runner image, and write a Script with image and command"
_NAMED_FILES = 3


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """A file that is a script."""

    name: str
    content: bytes

    @property
    def key(self) -> str:
        """Its key in a ConfigMap: its name, with hyphens for what Kubernetes does not allow in keys."""
        return _build_key(self.name)

    @property
    def file_name(self) -> str:
        """The name that it has in the pod."""
        return self.key

    @property
    def source(self) -> Source:
        """What is executed."""
        return Source(self.content)

    @property
    def names(self) -> tuple[str, ...]:
        """Names by which people ask for it."""
        return (self.name,)

    def build_source(self, config_map: str) -> dict[str, Any]:
        """Build its Script's `source`, pinned."""
        pin = {"name": config_map, "key": self.key, "sha256": hashlib.sha256(self.content).hexdigest()}
        return {"configMap": pin}

    def check(self) -> None:
        """Check that it fits a ConfigMap.

        Raises:
            UsageError: it is empty or too large.
        """
        if not self.content:
            raise UsageError(f"{self.name}: it is empty")
        if len(self.content) > SOURCE_LIMIT_BYTES:
            raise UsageError(
                f"{self.name} has {len(self.content):,} bytes, a ConfigMap takes {SOURCE_LIMIT_BYTES:,}: "
                f"put the program {_IMAGE}"
            )


@dataclass(frozen=True)
class ScriptFolder:
    """A folder that is a script.

    Attributes:
        name: of the folder.
        files: what is in it, by path.
        entry_point: path of the file that is started.
    """

    name: str
    files: Mapping[str, bytes]
    entry_point: str

    @property
    def content(self) -> bytes:
        """What the file that is started holds."""
        return self.files[self.entry_point]

    @property
    def file_name(self) -> str:
        """The path, in the folder, of the file that is started."""
        return self.entry_point

    @cached_property
    def source(self) -> Source:
        """What is executed."""
        beside = {path: content for path, content in self.files.items() if path != self.entry_point}
        return Source(self.content, beside, self.entry_point)

    @property
    def names(self) -> tuple[str, ...]:
        """Names by which people ask for it."""
        return (self.name, f"{self.name}/{self.entry_point}")

    @cached_property
    def keys(self) -> dict[str, str]:
        """The key of each path in a ConfigMap: hyphens for what Kubernetes does not allow, a number if it is taken."""
        keys: dict[str, str] = {}
        taken: set[str] = set()
        for path in self.files:
            key, number = _build_key(path), 1
            while key in taken:
                number += 1
                ending = f"-{number}"
                key = _build_key(path)[-(_KEY_LIMIT - len(ending)) :] + ending
            keys[path] = key
            taken.add(key)
        return keys

    def build_source(self, config_map: str) -> dict[str, Any]:
        """Build its Script's `source`, pinned as a whole."""
        place: dict[str, Any] = {"name": config_map}
        if any(key != path for path, key in self.keys.items()):
            place["items"] = [{"key": key, "path": path} for path, key in self.keys.items()]
        folder = {"configMaps": [place], "entryPoint": self.entry_point, "sha256": self.source.sha256}
        return {"folder": folder}

    def check(self) -> None:
        """Check that it fits a ConfigMap.

        Raises:
            UsageError: the file that is started is empty, or all together are too large; names the largest.
        """
        if not self.content:
            raise UsageError(f"{self.name}/{self.entry_point}: it is empty")
        sizes = {path: len(self.keys[path]) + len(content) for path, content in self.files.items()}
        if (total := sum(sizes.values())) > SOURCE_LIMIT_BYTES:
            largest = sorted(sizes, key=lambda path: -sizes[path])[:_NAMED_FILES]
            named = ", ".join(f"{path} {len(self.files[path]):,}" for path in largest)
            raise UsageError(
                f"{self.name} has {total:,} bytes, a ConfigMap takes {SOURCE_LIMIT_BYTES:,} (largest: {named}): "
                f"put the folder {_IMAGE}"
            )


def _build_key(name: str) -> str:
    return _NOT_IN_KEYS.sub("-", name)[-_KEY_LIMIT:]


def is_text(content: bytes) -> bool:
    """Whether it can be a text in a ConfigMap."""
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False
