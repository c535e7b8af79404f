"""Lists Scripts and runs before the first reconcile; later removes cache entries of deleted objects.

After a gap in its watch kopf lists everything again, but reports no deletions that happened meanwhile.
"""

from collections.abc import AsyncIterator
from typing import Any

from scriptrun.controller.cache import Cache
from scriptrun.controller.informer import Informer
from scriptrun.kube.client import METADATA_LIST_ONLY, Client
from scriptrun.kube.resources import SCRIPTRUNS, SCRIPTS, Resource
from scriptrun.models.facts import Key

__all__ = ["CacheSync"]

_PAGE = "100"


class CacheSync:
    """Compares the cache with the cluster.

    Args:
        client: to the API server.
        cache: what is known.
        informer: takes in the objects that exist, and forgets those that don't.
        namespaces: to list; empty means all.
    """

    def __init__(self, client: Client, cache: Cache, informer: Informer, namespaces: tuple[str, ...]) -> None:
        self._client = client
        self._cache = cache
        self._informer = informer
        self._namespaces = namespaces or ("",)

    async def fill(self) -> None:
        """Put every Script and run into the cache.

        Raises:
            KubeError: the API server did not answer a list.
        """
        for namespace in self._namespaces:
            for resource, take in ((SCRIPTS, self._informer.take_script), (SCRIPTRUNS, self._informer.take_run)):
                async for page in self._list(resource, namespace):
                    for item in page.get("items") or ():
                        take(item)

    async def sweep(self) -> None:
        """Remove Scripts and runs that no longer exist.

        Raises:
            KubeError: the API server did not answer a list.
        """
        for namespace in self._namespaces:
            there, version = await self._list_names(SCRIPTS, namespace)
            for key in [key for key in self._cache.scripts if namespace in ("", key[0]) and key not in there]:
                self._informer.forget_script(key, version)
            there, version = await self._list_names(SCRIPTRUNS, namespace)
            for key in [key for key in self._cache.runs if namespace in ("", key[0]) and key not in there]:
                self._informer.forget_run(key, version)
        self._cache.drop_orphans()

    async def _list_names(self, resource: Resource, namespace: str) -> tuple[set[Key], int]:
        """List names, and the resource version of that list."""
        names: set[Key] = set()
        version = 0
        async for page in self._list(resource, namespace, accept=METADATA_LIST_ONLY):
            names |= {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in page.get("items") or ()}
            version = int(page["metadata"]["resourceVersion"])
        return names, version

    async def _list(self, resource: Resource, namespace: str, **options: str) -> AsyncIterator[dict[str, Any]]:
        query = {"limit": _PAGE, **options}
        while True:
            page = await self._client.list(resource, namespace, **query)
            yield page
            if not (token := page["metadata"].get("continue")):
                return
            query["continue"] = token
