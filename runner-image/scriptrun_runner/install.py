"""The pod's installer: a container beside the script's that installs the libraries of the run's lock.

It alone knows the index's credentials, and it alone may write to the folder of libraries, which may be a cache that
runs share. So nothing of the script, nor of the libraries, is ever executed here: only wheels are taken, each by its
hash. A folder of libraries appears whole, by rename, under a name that is the hash of its lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from scriptrun_runner.lean import handle_stop_signals
from scriptrun_runner.libraries import DEPENDENCY_ERROR, LOCK_FILE, RESULT_FILE, name_environment, tag_platform
from scriptrun_runner.lock import LockError, dump_lock, hash_lock, parse_lock
from scriptrun_runner.snapshot import check_snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, Sequence

__all__ = ["INDEX_UNAVAILABLE", "InstallError", "explain_failure", "install", "main"]

INDEX_UNAVAILABLE = "IndexUnavailable"
_UV = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "bin", "uv")
_SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"
_PARTIAL = ".partial-"
_RETRIES = "3"  # of one request, with growing pauses
_STALE_SECONDS = 86_400
_SAID_BYTES = 1500
_AWAY = (
    "Failed to fetch",
    "error sending request",
    "HTTP status",
    "401 Unauthorized",
    "403 Forbidden",
    "Failed to download distribution due to network timeout",
)
"""What uv says when the index, and not the lock, is the problem. Its exit code is then 2, but after a refusal 1."""


class InstallError(Exception):
    """The libraries can't be installed.

    Attributes:
        reason: DependencyError, IndexUnavailable or DigestMismatch.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def main(root: str = "/scriptrun") -> int:
    """Install the libraries of this pod's run, and leave a result for the script's container.

    Returns:
        0, whatever came of it: the script's container reports it.
    """
    handle_stop_signals(lambda *_: os._exit(128 + signal.SIGTERM))
    folder = os.path.join(root, "installer")
    _lock(folder)
    result = {"reason": "", "message": "", "platform": ""}
    try:
        result["platform"] = install(root, os.environ)
    except InstallError as error:
        result.update(reason=error.reason, message=str(error))
    except Exception as error:
        result.update(reason=DEPENDENCY_ERROR, message=f"the libraries can't be installed: {error}")
    if result["message"]:
        sys.stderr.write(f"scriptrun: {result['message']}\n")
    _write(os.path.join(folder, RESULT_FILE), json.dumps(result))
    return 0


def _lock(folder: str) -> None:
    """Hold a lock until this process ends, in whatever way; it is held by the time the file can be seen."""
    path = os.path.join(folder, LOCK_FILE)
    descriptor = os.open(f"{path}~", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.rename(f"{path}~", path)


def _write(path: str, text: str) -> None:
    with open(f"{path}~", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(f"{path}~", path)


def install(root: str, environ: Mapping[str, str]) -> str:
    """Install the lock that is in the run's input, unless that has been done.

    Args:
        root: folder with `input`, `libraries` and `installer`.
        environ: what the operator says of the index.

    Returns:
        The platform that the libraries are for.

    Raises:
        InstallError: they can't be had.
        OSError: no room, or a folder that can't be written.
    """
    source = os.path.join(root, "input")
    if problem := check_snapshot(source, environ.get("SCRIPTRUN_INPUT_SHA256", "")):
        raise InstallError("DigestMismatch", problem)
    with open(os.path.join(source, "run.json"), encoding="utf-8") as file:
        run = json.load(file)
    with open(os.path.join(source, "lock"), encoding="utf-8") as file:
        text = file.read()
    try:
        pins = parse_lock(text)
    except LockError as error:
        raise InstallError(DEPENDENCY_ERROR, f"dependencies.lock: {error}") from error
    python_version = str(run["dependencies"].get("pythonVersion") or "")
    platform = tag_platform(python_version)
    libraries = os.path.join(root, "libraries")
    target = os.path.join(libraries, name_environment(hash_lock(pins), platform))
    if os.path.isdir(target):
        return platform
    partial = os.path.join(libraries, f"{_PARTIAL}{environ.get('SCRIPTRUN_POD', '')}")
    shutil.rmtree(partial, ignore_errors=True)
    os.mkdir(partial)
    try:
        _write(os.path.join(partial, "requirements.txt"), dump_lock(pins))
        _run_uv(
            partial,
            _build_command(partial, python_version),
            _build_environment(partial, str(run["namespace"]), environ),
            environ,
        )
        _publish(os.path.join(partial, "libraries"), target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        _remove_stale(libraries)
    return platform


def _build_command(partial: str, python_version: str) -> list[str]:
    version = [f"--python-version={python_version}"] if python_version else []
    return [
        _UV,
        *("pip", "install", "--quiet", "--no-config", "--no-progress", "--color=never"),
        # Nothing but what is in the lock, each file by its hash, and nothing that would have to be built.
        *("--no-deps", "--require-hashes", "--only-binary=:all:"),
        *("--python", sys.executable, "--no-python-downloads", *version, "--compile-bytecode"),
        *("--target", os.path.join(partial, "libraries"), "--requirement", os.path.join(partial, "requirements.txt")),
    ]


def _build_environment(partial: str, namespace: str, environ: Mapping[str, str]) -> dict[str, str]:
    url, secret = environ.get("SCRIPTRUN_INDEX_URL", ""), environ.get("SCRIPTRUN_INDEX_SECRET", "")
    if not url:
        raise InstallError(DEPENDENCY_ERROR, "the cluster has no package index: set dependencies.indexUrl in the chart")
    settings = {
        "PATH": os.defpath,
        "HOME": partial,
        "TMPDIR": partial,
        "UV_CACHE_DIR": os.path.join(partial, "cache"),
        "UV_DEFAULT_INDEX": f"scriptrun={url}",
        "UV_HTTP_TIMEOUT": "20",
        "UV_HTTP_RETRIES": _RETRIES,
    }
    if secret:
        user, password = environ.get("SCRIPTRUN_INDEX_USERNAME"), environ.get("SCRIPTRUN_INDEX_PASSWORD")
        if user is None or password is None:
            raise InstallError(
                DEPENDENCY_ERROR,
                f'Secret "{secret}" in namespace "{namespace}" with the keys username and password is missing: '
                "the chart's dependencies.credentialsSecret names it",
            )
        settings.update(UV_INDEX_SCRIPTRUN_USERNAME=user, UV_INDEX_SCRIPTRUN_PASSWORD=password)
    if authorities := environ.get("SCRIPTRUN_INDEX_CA", ""):
        settings["SSL_CERT_FILE"] = _write_authorities(partial, authorities)
    return settings


def _write_authorities(partial: str, authorities: str) -> str:
    """Write the index's certificate authorities beside the image's own."""
    path = os.path.join(partial, "ca.crt")
    try:
        with open(_SYSTEM_CA, encoding="utf-8") as file:
            own = file.read()
    except OSError:
        own = ""
    _write(path, f"{own}\n{authorities}\n")
    return path


def _run_uv(partial: str, command: Sequence[str], settings: Mapping[str, str], environ: Mapping[str, str]) -> None:
    seconds = float(environ.get("SCRIPTRUN_INSTALL_SECONDS") or 300)
    started = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603 - the image's own program, with arguments made here
            command, env=settings, cwd=partial, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds
        )
    except FileNotFoundError as error:
        raise InstallError(
            DEPENDENCY_ERROR, f"the runner image has no {command[0]}: build it from this version's"
        ) from error
    except subprocess.TimeoutExpired as error:
        said = f"installing took longer than dependencies.timeoutSeconds ({seconds:g} s)"
        raise InstallError(INDEX_UNAVAILABLE, said) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")
        for secret in (settings.get("UV_INDEX_SCRIPTRUN_PASSWORD"), settings.get("UV_INDEX_SCRIPTRUN_USERNAME")):
            said = said.replace(secret, "***") if secret else said
        raise explain_failure(done.returncode, said)
    sys.stderr.write(f"scriptrun: libraries installed in {time.monotonic() - started:.2f} s\n")


def explain_failure(code: int, said: str) -> InstallError:
    """Explain why uv failed: whether the index is the problem, or the lock.

    Args:
        code: uv's exit code.
        said: its stderr, without secrets.
    """
    words = " ".join(said.split())
    if len(words) > _SAID_BYTES:
        words = f"{words[:_SAID_BYTES]}…"
    if "Hash mismatch" in said:
        text = "the index has other files than the lock was made of; review what changed, then lock anew"
        return InstallError(DEPENDENCY_ERROR, f"{text}: {words}")
    if any(mark in said for mark in _AWAY):
        return InstallError(INDEX_UNAVAILABLE, f"the package index does not answer as it should: {words}")
    return InstallError(DEPENDENCY_ERROR, f"the lock can't be installed (uv's exit code {code}): {words}")


def _publish(folder: str, target: str) -> None:
    """Let the libraries appear, whole; another pod may have been quicker."""
    os.makedirs(folder, exist_ok=True)  # of an empty lock, or one whose markers leave nothing
    try:
        os.rename(folder, target)
    except OSError:
        if not os.path.isdir(target):
            raise


def _remove_stale(libraries: str) -> None:
    """Remove what installers that were killed have left in a shared cache."""
    for name in os.listdir(libraries):
        path = os.path.join(libraries, name)
        if name.startswith(_PARTIAL):
            try:
                if time.time() - os.stat(path).st_mtime > _STALE_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)
            except OSError:
                pass  # its owner was quicker
