"""Reads a folder of script files and the `scripts.yaml` beside them."""

from pathlib import Path

from scriptrun.cli.render import EVERY, Overrides, ScriptFile, is_script
from scriptrun.cli.settings_yaml import read_yaml
from scriptrun.errors import UsageError

__all__ = ["SETTINGS_FILE", "read_folder", "read_overrides"]

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


def read_folder(folder: Path) -> tuple[list[ScriptFile], Overrides, list[str]]:
    """Read the scripts of a folder, not those of folders in it.

    Returns:
        The scripts, what `scripts.yaml` says of them, and what was left out, with the reason.

    Raises:
        UsageError: it can't be read, or `scripts.yaml` names a file that is not there.
    """
    overrides = read_overrides(folder)
    scripts, left_out = [], []
    try:
        for path in sorted(folder.iterdir()):
            if path.name == SETTINGS_FILE:
                continue
            if why := _find_obstacle(path, folder):
                left_out.append(f"{path.name}: {why}")
                continue
            file = ScriptFile(path.name, path.read_bytes())
            if is_script(file, overrides):
                scripts.append(file)
            else:
                left_out.append(
                    f"{path.name}: no script by its ending or a #! line; name it in {SETTINGS_FILE} if it is"
                )
    except OSError as error:
        raise UsageError(f"{error.filename} can't be read: {error.strerror}") from error
    if missing := sorted(set(overrides.entries) - {EVERY} - {file.name for file in scripts}):
        raise UsageError(f"{folder / SETTINGS_FILE}: there is no script {missing[0]} in this folder")
    return scripts, overrides, left_out


def _find_obstacle(path: Path, folder: Path) -> str:
    if path.name.startswith("."):
        return "hidden"
    if not path.resolve().is_relative_to(folder.resolve()):
        return "a link that leads out of the folder"
    if path.is_dir():
        return "a folder"
    if not path.is_file():
        return "no file"
    if path.stat().st_size > _READ_LIMIT_BYTES:
        return f"larger than {_READ_LIMIT_BYTES:,} bytes"
    return ""
