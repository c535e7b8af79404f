"""Contract `package`: argv[1] is JSON with the package's name and the variables; its configuration is looked up.

From the package executor: a script finds its configuration with `ferris_cli.v2.ApplicationConfigurator`, and says
with its exit code how it went. What it writes to the file named in SCRIPTRUN_OUTPUT counts as under `files`.
"""

from __future__ import annotations

import json
import os

from scriptrun_runner.contracts.files import FilesContract

__all__ = ["PackageContract"]

_LIBRARY = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "ferris_cli")


class PackageContract(FilesContract):
    """Package name and variables in, exit code out."""

    def arguments(self) -> list[str]:
        """One JSON object: the variables, and `package_name`."""
        with open(self.paths.variables, encoding="utf-8") as file:
            variables = json.load(file)
        return [json.dumps({**variables, "package_name": self.spec.script}, ensure_ascii=False)]

    def environment(self) -> dict[str, str]:
        """What `ferris_cli.v2` reads."""
        return {"SCRIPTRUN_PACKAGE": self.spec.script, "SCRIPTRUN_CONFIG": self.paths.config}

    def prepare(self) -> None:
        """Put `ferris_cli` beside the script, where Python looks first; a folder may have its own."""
        link = os.path.join(self.paths.folder_of(self.spec), "ferris_cli")
        if not os.path.lexists(link):
            os.symlink(_LIBRARY, link)
