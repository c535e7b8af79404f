"""Finds Scripts by name or alias, for whoever keeps no watch on them."""

import time

from scriptrun.errors import Invalid, NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.resources import SCRIPTS
from scriptrun.policies.aliases import ScriptNames

__all__ = ["ScriptFinder"]

_PAGE = "50"  # is parsed in one go, and each may hold 64 KiB of source
_FOUND_SECONDS = 10.0
_LISTED_SECONDS = 1.0
"""Many may ask for names that nobody has: the Scripts are not listed for each."""


class ScriptFinder:
    """Finds the Scripts of one namespace. Every method may raise ``KubeError``.

    Args:
        client: to the API server.
        namespace: theirs.
    """

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._found: dict[str, tuple[str, float]] = {}
        self._names = ScriptNames()
        self._listed_at = float("-inf")

    async def find(self, name: str) -> list[str]:
        """Find the Scripts that a name stands for: none, one, or several that have it as an alias.

        All are listed only if none is called so. What was found is believed for ten seconds.
        """
        known, until = self._found.get(name, ("", 0.0))
        if until > time.monotonic():
            return [known]
        found = [name] if await self._exists(name) else (await self.list()).find(self._namespace, name)
        if len(found) == 1:
            self._found[name] = (found[0], time.monotonic() + _FOUND_SECONDS)
        return found

    async def _exists(self, name: str) -> bool:
        try:
            await self._client.get(SCRIPTS, self._namespace, name)
        except (NotFound, Invalid):
            return False
        return True

    async def list(self) -> ScriptNames:
        """List what all Scripts answer to, as it was within the last second."""
        if time.monotonic() - self._listed_at < _LISTED_SECONDS:
            return self._names
        names, query = ScriptNames(), {"limit": _PAGE}
        while True:
            page = await self._client.list(SCRIPTS, self._namespace, **query)
            for item in page.get("items") or ():
                names.put((self._namespace, item["metadata"]["name"]), item["spec"].get("aliases") or ())
            if not (token := page["metadata"].get("continue")):
                break
            query["continue"] = token
        self._names, self._listed_at = names, time.monotonic()
        return names
