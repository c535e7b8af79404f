"""Reads a folder of scripts, files or folders, and the `scripts.yaml` beside them."""

from pathlib import Path

from scriptrun.cli.locking import LOCK_ENDING
from scriptrun.cli.render import EVERY, Overrides, is_script
from scriptrun.cli.settings_yaml import read_yaml
from scriptrun.cli.sources import ScriptFile, ScriptFolder
from scriptrun.cli.tree import ENTRY_POINTS, NOT_SOURCE, find_entry_point, is_within, read_tree
from scriptrun.errors import UsageError

__all__ = ["SETTINGS_FILE", "read_folder", "read_overrides", "read_script"]

SETTINGS_FILE = "scripts.yaml"
_READ_LIMIT_BYTES = 64 * 1024 * 1024


def read_overrides(folder: Path) -> Overrides:
    """Read `scripts.yaml`; a folder without one has none.

    Raises:
        UsageError: it is no mapping of file names to fields.
    """
    path = folder / SETTINGS_FILE
    if not path.is_file():
        return Overrides()
    try:
        document = read_yaml(path.read_text(encoding="utf-8")) or {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} can't be read: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or not all(isinstance(entry, dict | None) for entry in document.values()):
        raise UsageError(
            f"{path}: file names with fields of a Script's spec are wanted, such as hello.py: {{backoffLimit: 2}}"
        )
    return Overrides({name: entry or {} for name, entry in document.items()})


def read_folder(folder: Path) -> tuple[list[ScriptFile | ScriptFolder], Overrides, list[str]]:
    """Read the scripts of a folder: its files, and folders in it that have an entry point.

    Returns:
        The scripts, what `scripts.yaml` says of them, and what was left out, with the reason.

    Raises:
        UsageError: it can't be read, or `scripts.yaml` names a file that is not there.
    """
    overrides = read_overrides(folder)
    scripts: list[ScriptFile | ScriptFolder] = []
    left_out: list[str] = []
    try:
        for path in sorted(folder.iterdir()):
            if path.name == SETTINGS_FILE or _is_lock(path):
                continue
            if why := _find_obstacle(path, folder):
                left_out.append(f"{path.name}: {why}")
                continue
            script, left_out_of_it = _read(path, overrides)
            left_out += left_out_of_it
            if script is not None:
                scripts.append(script)
    except OSError as error:
        raise UsageError(f"{error.filename} can't be read: {error.strerror}") from error
    if missing := sorted(set(overrides.entries) - {EVERY} - {script.name for script in scripts}):
        raise UsageError(f"{folder / SETTINGS_FILE}: there is no script {missing[0]} in this folder")
    return scripts, overrides, left_out


def read_script(path: Path) -> tuple[ScriptFile | ScriptFolder, Overrides, list[str]]:
    """Read one script, a file or a folder, whatever its name.

    Returns:
        The script, what the `scripts.yaml` beside it says, and what of a folder was left out.

    Raises:
        UsageError: it can't be read, or is a folder without an entry point.
    """
    path = path.absolute() if path.name else path.resolve()
    overrides = read_overrides(path.parent)
    try:
        if not path.is_dir():
            return ScriptFile(path.name, path.read_bytes()), overrides, []
        script, left_out = _read(path, overrides)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    if script is None:
        raise UsageError(
            f"{path} has no {', '.join(ENTRY_POINTS)}: name its entryPoint in {path.parent / SETTINGS_FILE}"
        )
    return script, overrides, left_out


def _read(path: Path, overrides: Overrides) -> tuple[ScriptFile | ScriptFolder | None, list[str]]:
    """Read a file or a folder, if it is a script; says what was left out."""
    if path.is_dir():
        if entry_point := find_entry_point(path, overrides.entries.get(path.name, {})):
            files, left_out = read_tree(path)
            if entry_point not in files:
                raise UsageError(f"{path.name}: entryPoint {entry_point!r} is hidden, or a link out of the folder")
            return ScriptFolder(path.name, files, entry_point), left_out
        why = f"a folder without {', '.join(ENTRY_POINTS)}; name its entryPoint in {SETTINGS_FILE} if it is a script"
        return None, [f"{path.name}: {why}"]
    file = ScriptFile(path.name, path.read_bytes())
    if is_script(file, overrides):
        return file, []
    return None, [f"{path.name}: no script by its ending or a #! line; name it in {SETTINGS_FILE} if it is"]


def _is_lock(path: Path) -> bool:
    """Whether a file is the lock of a script beside it."""
    return path.name.endswith(LOCK_ENDING) and path.with_name(path.name.removesuffix(LOCK_ENDING)).exists()


def _find_obstacle(path: Path, folder: Path) -> str:
    if path.name.startswith("."):
        return "hidden"
    if not is_within(path, folder):
        return "a link that leads out of the folder"
    if path.is_dir():
        return "a folder that tools make" if path.name in NOT_SOURCE else ""
    if not path.is_file():
        return "no file"
    if path.stat().st_size > _READ_LIMIT_BYTES:
        return f"larger than {_READ_LIMIT_BYTES:,} bytes"
    return ""
