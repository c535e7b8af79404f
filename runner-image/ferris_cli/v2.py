"""Configuration of packages."""

from __future__ import annotations

import json
import os
from typing import Any

__all__ = ["ApplicationConfigurator"]


class ApplicationConfigurator:
    """Looks up the key/value pairs of a package's `config.json`: its Script's `spec.config`."""

    @staticmethod
    def get(package_name: str) -> dict[str, Any]:
        """Read the configuration of the package that is running.

        Args:
            package_name: as in argv[1], member `package_name`.

        Raises:
            LookupError: it is another package's name, or the script runs outside of the `package` contract.
        """
        own = os.environ.get("SCRIPTRUN_PACKAGE")
        if own is None:
            raise LookupError("no package is running: the Script needs `contract: package`")
        if package_name != own:
            raise LookupError(f"the configuration of {package_name!r} is not here, only that of {own!r}")
        with open(os.environ["SCRIPTRUN_CONFIG"], encoding="utf-8") as file:
            config: dict[str, Any] = json.load(file)
        return config
