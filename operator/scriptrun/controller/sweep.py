"""Forgets what vanished while no watch was looking: after a gap kopf lists anew, and tells of nothing that is gone."""

from scriptrun.controller.cache import Cache
from scriptrun.controller.informer import Informer
from scriptrun.kube.client import METADATA_LIST_ONLY, Client
from scriptrun.kube.resources import SCRIPTRUNS, SCRIPTS, Resource
from scriptrun.models.facts import Key

__all__ = ["Sweeper"]

_PAGE = "500"


class Sweeper:
    """Compares the cache with what is there.

    Args:
        client: to ask with.
        cache: what is known.
        informer: told of what is gone.
        namespaces: that are worked in; empty means all.
    """

    def __init__(self, client: Client, cache: Cache, informer: Informer, namespaces: tuple[str, ...]) -> None:
        self._client = client
        self._cache = cache
        self._informer = informer
        self._namespaces = namespaces or ("",)

    async def sweep(self) -> None:
        """Forget what is gone.

        Raises:
            KubeError: the API server did not say what is there.
        """
        for namespace in self._namespaces:
            there, version = await self._list(SCRIPTS, namespace)
            for key in [key for key in self._cache.scripts if namespace in ("", key[0]) and key not in there]:
                self._informer.forget_script(key, version)
            there, version = await self._list(SCRIPTRUNS, namespace)
            for key in [key for key in self._cache.runs if namespace in ("", key[0]) and key not in there]:
                self._informer.forget_run(key, version)
        self._cache.drop_orphans()

    async def _list(self, resource: Resource, namespace: str) -> tuple[set[Key], int]:
        """List names, and the resource version at which they were there."""
        names: set[Key] = set()
        query = {"limit": _PAGE}
        while True:
            page = await self._client.list(resource, namespace, accept=METADATA_LIST_ONLY, **query)
            names |= {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in page.get("items") or ()}
            if not (token := page["metadata"].get("continue")):
                return names, int(page["metadata"]["resourceVersion"])
            query["continue"] = token
