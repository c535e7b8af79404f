"""The base file system of locally built images: Debian from its own mirror."""

import os
import shutil
from pathlib import Path

from .gobuild import compute_key
from .progress import step
from .settings import Settings
from .shell import run_logged

SUITE = "bookworm"
INCLUDE = "ca-certificates,python3"
# What debian:bookworm-slim leaves out too, and what tells this machine's name and network.
LEFT_OUT = (
    *("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man"),
    *("var/cache/apt", "var/lib/apt/lists", "var/log"),
)
OF_THIS_MACHINE = ("etc/hostname", "etc/resolv.conf")


def compute_base_key(mirror: str) -> str:
    """Keys the base by everything that decides what it holds, but for the day it is made."""
    return compute_key(part.encode() for part in (SUITE, INCLUDE, mirror, *LEFT_OUT))


def ensure_base(settings: Settings) -> Path:
    """Returns a folder whose ``rootfs`` is the base file system, made on first use (about a minute)."""
    folder = settings.cache / "base" / compute_base_key(settings.debian_mirror)
    if folder.exists():
        return folder
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
    log = settings.cache / "log" / "debootstrap.log"
    root = unfinished / "rootfs"
    root.mkdir(parents=True)
    command: list[str | Path] = [
        "debootstrap",
        "--variant=minbase",
        f"--include={INCLUDE}",
        SUITE,
        root,
        *([settings.debian_mirror] if settings.debian_mirror else []),  # debootstrap knows Debian's own
    ]
    mirror = settings.debian_mirror or "Debian's own mirror"
    advice = f"Check that this machine reaches {mirror}, or set SCRIPTRUN_DEBIAN_MIRROR to one it does."
    with step("Making the Debian base of the images", note="(the first time only: about a minute)"):
        try:
            run_logged(command, log, advice=advice)
            _slim(root)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _slim(root: Path) -> None:
    for name in LEFT_OUT:
        for entry in (root / name).glob("*"):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    for name in OF_THIS_MACHINE:
        (root / name).unlink(missing_ok=True)
