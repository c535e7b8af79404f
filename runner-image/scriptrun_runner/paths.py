"""Where things lie during a run."""

from __future__ import annotations

import os

__all__ = ["Paths"]


class Paths:
    """The two folders of a run and the files in them.

    The script and its output live in a folder of their own below the working folder, so that a script that lists,
    cleans or fills its working folder does not meet them by accident.

    Attributes:
        input: the mounted input ConfigMap (or a folder with the same files); never written to.
        work: the script's working folder.
        own: the runner's folder in it.
    """

    __slots__ = ("input", "own", "work")

    def __init__(self, input_folder: str, work_folder: str) -> None:
        self.input = os.path.abspath(input_folder)
        self.work = os.path.abspath(work_folder)
        self.own = os.path.join(self.work, ".scriptrun")

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

    def put_script(self, file_name: str) -> str | None:
        """Make the runner's folder with an executable copy of the source in it.

        Returns:
            The copy's path; None when the input holds no source.

        Raises:
            OSError: the folder can't be written: not there, full, read-only.
        """
        os.makedirs(self.own, mode=0o700, exist_ok=True)
        _remove(self.output)
        target = os.path.join(self.own, file_name)
        _remove(target)
        try:
            source = open(self.source, "rb")
        except FileNotFoundError:
            return None
        with source, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o500), "wb") as copy:
            copy.write(source.read())
        return target


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
