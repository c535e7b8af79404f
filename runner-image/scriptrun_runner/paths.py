"""Where things lie during a run."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from scriptrun_runner.spec import RunSpec

__all__ = ["Paths"]


class Paths:
    """The three folders of a run and the files in them.

    The script and its output live apart from the working folder: a script finds that empty, as `git clone URL .` wants
    it, and may wipe or fill it.

    Attributes:
        input: the mounted input ConfigMap (or a folder with the same files); never written to.
        work: the script's working folder.
        own: the runner's folder, with the script in `script/`.
    """

    __slots__ = ("input", "own", "work")

    def __init__(self, input_folder: str, work_folder: str, own_folder: str) -> None:
        self.input = os.path.abspath(input_folder)
        self.work = os.path.abspath(work_folder)
        self.own = os.path.abspath(own_folder)

    @property
    def source(self) -> str:
        """The script's source in the input; absent when the program is in the image."""
        return os.path.join(self.input, "script")

    @property
    def variables(self) -> str:
        """Variables of the run: a JSON object."""
        return os.path.join(self.input, "variables.json")

    @property
    def task(self) -> str:
        """The task document that a `stdio` script reads."""
        return os.path.join(self.input, "task.json")

    @property
    def config(self) -> str:
        """The Script's `spec.config`."""
        return os.path.join(self.input, "config.json")

    @property
    def output(self) -> str:
        """Where the script may leave its output."""
        return os.path.join(self.own, "output.json")

    @property
    def libraries(self) -> str:
        """Where the pod's installer puts the script's libraries; read-only here, and perhaps shared with other pods."""
        return os.path.join(os.path.dirname(self.own), "libraries")

    @property
    def installer(self) -> str:
        """Where the pod's installer says how it went; read-only here."""
        return os.path.join(os.path.dirname(self.own), "installer")

    @property
    def script_folder(self) -> str:
        """Where the script lies, and where Python looks for modules first."""
        return os.path.join(self.own, "script")

    def folder_of(self, spec: RunSpec) -> str:
        """Where the file that is started lies."""
        return os.path.join(self.work, os.path.dirname(spec.file_name)) if spec.folder else self.script_folder

    def put_script(self, file_name: str, neighbours: Sequence[str] = ()) -> str | None:
        """Make the runner's folder with an executable copy of the source in it, and of what belongs beside it.

        Returns:
            A path that ends in `file_name`; None when the input holds no source.

        Raises:
            OSError: the folder can't be written: not there, full, read-only.
        """
        os.makedirs(self.script_folder, mode=0o700, exist_ok=True)
        _remove(self.output)
        for number, name in enumerate(neighbours):
            _copy(os.path.join(self.input, f"neighbour.{number}"), os.path.join(self.script_folder, name))
        hidden = _is_library_module(file_name)
        target = os.path.join(self.script_folder, "script~" if hidden else file_name)
        try:
            _copy(self.source, target)
        except FileNotFoundError:
            return None
        return self._link(file_name, target) if hidden else target

    def put_folder(self, entry_point: str, neighbours: Sequence[str]) -> str:
        """Fill the working folder with the files of a folder, all of them writable and executable copies.

        Returns:
            The path of the entry point.

        Raises:
            OSError: they can't be written.
        """
        os.makedirs(self.script_folder, mode=0o700, exist_ok=True)
        _remove(self.output)
        for path, file in [(entry_point, self.source)] + [
            (path, os.path.join(self.input, f"neighbour.{number}")) for number, path in enumerate(neighbours)
        ]:
            target = os.path.join(self.work, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            _copy(file, target, 0o700)
        return os.path.join(self.work, entry_point)

    def _link(self, file_name: str, target: str) -> str:
        """Give the script its name in another folder: Python looks for modules where the link leads to."""
        folder = os.path.join(self.own, "named")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        link = os.path.join(folder, file_name)
        _remove(link)
        os.symlink(target, link)
        return link


def _copy(path: str, target: str, mode: int = 0o500) -> None:
    _remove(target)
    with open(path, "rb") as source:
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as copy:
            copy.write(source.read())


def _is_library_module(file_name: str) -> bool:
    """Tell whether a file would be imported in place of a module of Python's own, as `json.py` is by `import json`."""
    if not file_name.endswith(".py"):
        return False
    names = getattr(sys, "stdlib_module_names", None)  # since Python 3.10
    return names is None or file_name[:-3] in names


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
