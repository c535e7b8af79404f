"""A lock: the libraries of a script, each with its version and the hashes of its files.

The form is a subset of pip's requirements files. Options, URLs and paths are rejected: whoever writes a lock chooses
libraries of the cluster's index, and not where the installer connects to.
"""

from __future__ import annotations

import hashlib
import re

__all__ = ["LockError", "Pin", "dump_lock", "hash_lock", "normalize", "parse_lock"]

_HASH = " --hash="
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_PIN = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]{0,127})((?:\[[A-Za-z0-9._, -]{1,256}\])?) ?== ?([A-Za-z0-9.!+_-]{1,128})"
)
_MARKER = re.compile(r"[A-Za-z0-9_ '\"<>=!~.,()+-]{1,512}")
_SHOWN = 80


class LockError(ValueError):
    """A line of a lock is not what it may be."""


class Pin:
    """One library.

    Attributes:
        name: as it stands in the lock.
        extras: such as `[socks]`; "" without.
        version: the one version that is installed.
        marker: where it is installed, such as `sys_platform == "linux"`; "": everywhere.
        hashes: `sha256:` and 64 hex digits, of each file that may be installed.
    """

    __slots__ = ("extras", "hashes", "marker", "name", "version")

    def __init__(self, name: str, extras: str, version: str, marker: str, hashes: list[str]) -> None:
        self.name = name
        self.extras = extras
        self.version = version
        self.marker = marker
        self.hashes = hashes


def normalize(name: str) -> str:
    """Normalize a library's name (PEP 503): `Typing.Extensions` is `typing-extensions`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_lock(text: str) -> list[Pin]:
    """Parse a lock, in time linear in its size.

    Raises:
        LockError: names the line, and what is wrong with it.
    """
    pins: dict[tuple[str, str], Pin] = {}
    parts: list[str] = []
    started = 0
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if stripped.startswith("#") or (not stripped and not parts):
            continue
        started = started or number
        parts.append(stripped[:-1].rstrip() if stripped.endswith("\\") else stripped)
        if stripped.endswith("\\"):
            continue
        pin = _parse_pin(" ".join(parts).strip(), started)
        if (normalize(pin.name), pin.marker) in pins:
            raise LockError(f"line {started}: {pin.name} is locked twice")
        pins[normalize(pin.name), pin.marker] = pin
        parts, started = [], 0
    if parts:
        raise LockError(f"line {started}: it ends in the middle of a library")
    return list(pins.values())


def _parse_pin(line: str, number: int) -> Pin:
    head, *hashes = line.split(_HASH)
    requirement, semicolon, marker = head.partition(";")
    match = _PIN.fullmatch(requirement.strip())
    marker = marker.strip()
    if match is None or (semicolon and not _MARKER.fullmatch(marker)):
        shown = head if len(head) <= _SHOWN else f"{head[:_SHOWN]}…"
        raise LockError(f"line {number}: {shown!r} is not name==version with its hashes")
    if not hashes:
        raise LockError(f"line {number}: {match[1]} has no --hash=sha256:…")
    hashes = [text.strip() for text in hashes]
    if not all(map(_SHA256.fullmatch, hashes)):
        raise LockError(f"line {number}: {match[1]} has a hash that is not sha256: and 64 hex digits")
    return Pin(match[1], match[2], match[3], marker, sorted(hashes))


def dump_lock(pins: list[Pin]) -> str:
    """Write a lock: one line per library, in order of names."""
    lines = []
    for pin in sorted(pins, key=lambda pin: (normalize(pin.name), pin.marker)):
        marker = f" ; {pin.marker}" if pin.marker else ""
        lines.append(f"{pin.name}{pin.extras}=={pin.version}{marker}{''.join(_HASH + text for text in pin.hashes)}\n")
    return "".join(lines)


def hash_lock(pins: list[Pin]) -> str:
    """Hash a lock, however its lines are laid out: SHA-256 in hex."""
    return hashlib.sha256(dump_lock(pins).encode()).hexdigest()
