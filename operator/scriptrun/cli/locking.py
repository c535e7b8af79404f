"""Locks the libraries of a folder's scripts with uv, for the runner image's Python and not for this machine's.

A lock is kept beside its script, as `report.py.lock.txt`, and made anew when the script asks for something else.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scriptrun.cli.render import Overrides
from scriptrun.cli.requirements import read_requirements
from scriptrun.cli.sources import ScriptFile, ScriptFolder
from scriptrun.errors import UsageError
from scriptrun.policies.dependencies import (
    RUNNER_PYTHON_VERSION,
    RequirementError,
    check_requirement,
    find_lock_fault,
)

__all__ = ["LOCK_ENDING", "Locker", "lock_scripts"]

LOCK_ENDING = ".lock.txt"
_PLATFORM = "x86_64-manylinux_2_36"  # of the runner image; hashes of wheels for others are in the lock, too
_HEADER = "# Locked by scriptrun"


@dataclass(frozen=True, slots=True)
class Locker:
    """How locks are made.

    Attributes:
        folder: of the scripts.
        upgrade: make all locks anew, with the newest versions.
        index_url: package index to lock from; "": uv's own setting.
        say: told of each lock that was made.
    """

    folder: Path
    upgrade: bool = False
    index_url: str = ""
    say: Callable[[str], object] = print

    def lock(self, name: str, requirements: list[str], python_version: str) -> str:
        """Return the lock of one script: the one that is kept, or a new one.

        Raises:
            UsageError: it can't be made, or not be kept.
        """
        path = self.folder / f"{name}{LOCK_ENDING}"
        header = f"{_HEADER} for Python {python_version}: {', '.join(' '.join(text.split()) for text in requirements)}"
        try:
            kept = path.read_text(encoding="utf-8") if path.is_file() else ""
            if kept and not self.upgrade and _fits(kept, header, requirements, python_version):
                return kept
            made = self._compile(name, requirements, python_version, kept)
            lock = f"{header}\n{made}"
            path.write_text(lock, encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: {error}") from error
        self.say(f"{name}: its libraries were locked in {path.name}")
        return lock

    def _compile(self, name: str, requirements: list[str], python_version: str, kept: str) -> str:
        with tempfile.TemporaryDirectory(prefix="scriptrun-") as folder:
            wanted, lock = Path(folder, "requirements.in"), Path(folder, "lock.txt")
            wanted.write_text("\n".join(requirements) + "\n", encoding="utf-8")
            if kept and not self.upgrade:
                lock.write_text(kept, encoding="utf-8")  # uv keeps the versions in it where it can
            command = [
                _find_uv(),
                *("pip", "compile", "--quiet", "--color=never", "--no-header", "--no-annotate", "--no-emit-index-url"),
                *("--generate-hashes", "--only-binary=:all:", f"--python-version={python_version}"),
                *(f"--python-platform={_PLATFORM}", f"--output-file={lock}", str(wanted)),
                *([f"--default-index={self.index_url}"] if self.index_url else ()),
            ]
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)  # noqa: S603 - uv
            if done.returncode:
                raise UsageError(f"{name}: its libraries can't be locked: {done.stderr.strip()}")
            return lock.read_text(encoding="utf-8")


def _fits(kept: str, header: str, requirements: list[str], python_version: str) -> bool:
    first = kept.partition("\n")[0].rstrip()
    if first.startswith(_HEADER) and first != header:
        return False
    return not find_lock_fault(kept, requirements, python_version)


def _find_uv() -> str:
    beside = os.path.join(os.path.dirname(sys.executable), "uv")
    found = beside if os.access(beside, os.X_OK) else shutil.which("uv")
    if found is None:
        raise UsageError("to lock libraries, uv is needed: pip install 'scriptrun[lock]'")
    return found


def lock_scripts(scripts: Iterable[ScriptFile | ScriptFolder], overrides: Overrides, locker: Locker) -> Overrides:
    """Lock what each script asks for, and add it to the fields of its Script.

    Raises:
        UsageError: it can't be understood or locked.
    """
    entries = dict(overrides.entries)
    for script in scripts:
        fields = overrides.of(script.name)
        if dependencies := _lock_script(script, fields, locker):
            entries[script.name] = {**entries.get(script.name, {}), "dependencies": dependencies}
    return replace(overrides, entries=entries)


def _lock_script(script: ScriptFile | ScriptFolder, fields: Mapping[str, Any], locker: Locker) -> dict[str, Any] | None:
    given = fields.get("dependencies") or {}
    if not isinstance(given, Mapping) or given.get("lock") or (fields.get("image") and not given):
        return None  # a wrong field is refused with the others; an image of its own has what its script asks for
    own = given.get("requirements") or []
    if not isinstance(own, list) or not all(isinstance(item, str) for item in own):
        return None
    try:
        asked = read_requirements(script) if _is_python(script, fields) else []
        requirements = list(dict.fromkeys([*own, *asked]))
        for text in requirements:
            check_requirement(text)
    except RequirementError as error:
        raise UsageError(f"{script.name}: {error}") from error
    if not requirements:
        return None
    version = str(given.get("pythonVersion") or RUNNER_PYTHON_VERSION)
    return {**given, "lock": locker.lock(script.name, requirements, version)}


def _is_python(script: ScriptFile | ScriptFolder, fields: Mapping[str, Any]) -> bool:
    if fields.get("handler") or fields.get("command"):
        return fields.get("handler") == "python"
    return script.file_name.lower().endswith(".py")
