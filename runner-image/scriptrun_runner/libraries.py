"""The libraries of a script: where they are, and waiting until the pod's installer has put them there.

The installer is a container of its own in the pod (`install.py`). To the script's container its folder is read-only.
"""

from __future__ import annotations

import os
import sys
import time

from scriptrun_runner.handlers import CANNOT_EXECUTE, StartError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

    from scriptrun_runner.paths import Paths
    from scriptrun_runner.spec import RunSpec
    from scriptrun_runner.stop import Stop

__all__ = ["DEPENDENCY_ERROR", "LOCK_FILE", "RESULT_FILE", "add_libraries", "name_environment", "tag_platform"]

DEPENDENCY_ERROR = "DependencyError"
LOCK_FILE = "running"
"""In the installer's folder: locked (flock) by the installer for as long as it lives."""
RESULT_FILE = "result.json"
"""In the installer's folder: `reason` ("" when all went well), `message`, and `platform` that it installed for."""
_POLL_SECONDS = 0.005, 0.05
_TERMINATED_BY_SIGTERM = 128 + 15


def tag_platform(python_version: str = "") -> str:
    """Tag what compiled libraries depend on: Python's version, the machine, and the C library.

    Args:
        python_version: such as 3.12; "": this interpreter's.
    """
    version = python_version or f"{sys.version_info[0]}.{sys.version_info[1]}"
    try:
        libc = "gnu" if os.confstr("CS_GNU_LIBC_VERSION") else "musl"
    except (OSError, ValueError):
        libc = "musl"
    return f"python{version}-{os.uname().machine}-{libc}"


def name_environment(lock_sha256: str, platform: str) -> str:
    """Name the folder that a lock is installed into: by what is in it, so that nothing else ever is."""
    return f"{lock_sha256}-{platform}"


def add_libraries(spec: RunSpec, paths: Paths, environment: dict[str, str], stop: Stop) -> None:
    """Wait until the libraries are there, and let Python find them by PYTHONPATH and PATH.

    Args:
        spec: what to run.
        paths: the run's folders.
        environment: of the script; is changed.
        stop: ends the waiting early.

    Raises:
        StartError: they can't be had, and why.
    """
    if spec.dependencies is None:
        return
    platform = tag_platform(str(spec.dependencies.get("pythonVersion") or ""))
    folder = os.path.join(paths.libraries, name_environment(str(spec.dependencies.get("lockSha256")), platform))
    if not os.path.isdir(folder):
        _await_installer(paths.installer, float(spec.dependencies.get("startSeconds") or 0), platform, stop)
    if not os.path.isdir(folder):
        raise StartError(CANNOT_EXECUTE, "the installer ended well but left no libraries", DEPENDENCY_ERROR)
    # Behind the Script's own, and behind the image's programs: a library must not take the place of either.
    _append(environment, "PYTHONPATH", folder)
    _append(environment, "PATH", os.path.join(folder, "bin"))


def _append(environment: dict[str, str], name: str, folder: str) -> None:
    present = environment.get(name) or (os.defpath if name == "PATH" else "")
    environment[name] = f"{present}{os.pathsep}{folder}" if present else folder


def _await_installer(folder: str, start_seconds: float, platform: str, stop: Stop) -> None:
    started, pause = time.monotonic(), _POLL_SECONDS[0]
    while True:
        lives = _is_alive(os.path.join(folder, LOCK_FILE))
        if (result := _read_result(folder)) is not None:  # what it left before it ended
            return _check_result(result, platform)
        if lives is False:
            said = (
                "the installer was killed, most likely for its memory limit: raise dependencies.resources in the chart"
            )
            raise StartError(CANNOT_EXECUTE, said, DEPENDENCY_ERROR)
        if lives is None and time.monotonic() - started > start_seconds:
            said = (
                f"the container that installs libraries did not start within {start_seconds:g} s: see the pod's events"
            )
            raise StartError(CANNOT_EXECUTE, said, DEPENDENCY_ERROR)
        if stop.requested_at is not None:
            said = "the pod was told to stop before the script's libraries were installed"
            raise StartError(_TERMINATED_BY_SIGTERM, said)
        time.sleep(pause)
        pause = min(pause * 1.5, _POLL_SECONDS[1])


def _is_alive(path: str) -> bool | None:
    """Tell whether the installer is at work; None: it has not started."""
    import fcntl

    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _read_result(folder: str) -> Mapping[str, Any] | None:
    import json

    try:
        with open(os.path.join(folder, RESULT_FILE), encoding="utf-8") as file:
            document = json.load(file)
    except FileNotFoundError:
        return None
    return document if isinstance(document, dict) else {}


def _check_result(result: Mapping[str, Any], platform: str) -> None:
    if reason := str(result.get("reason") or ""):
        raise StartError(CANNOT_EXECUTE, str(result.get("message") or ""), reason)
    if (installed := str(result.get("platform") or "")) != platform:
        raise StartError(
            CANNOT_EXECUTE,
            f"the libraries were installed for {installed}, this image is {platform}: set dependencies.pythonVersion "
            "to the image's, or build the libraries into the image",
            DEPENDENCY_ERROR,
        )
