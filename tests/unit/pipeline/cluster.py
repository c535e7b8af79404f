"""A cluster of dictionaries, as far as the scheduler sees it: what it makes is there, and may fail to be made."""

import copy
from collections.abc import Callable
from typing import Any

from scriptrun.errors import AlreadyExists, KubeError, NotFound, Unavailable
from scriptrun.kube.resources import CONFIGMAPS, SCRIPTRUNS, SECRETS, Resource


class FakeCluster:
    """Holds objects by kind and name.

    Attributes:
        objects: By plural and name.
        fail: Called before each request with verb and plural; what it raises is what the request ends in.
        lose: Like it, after the request was carried out.
        dropped: What was deleted.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.fail: Callable[[str, str], None] = lambda _verb, _plural: None
        self.lose: Callable[[str, str], None] = lambda _verb, _plural: None
        self.dropped: list[str] = []

    async def create(self, resource: Resource, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        self.fail("create", resource.plural)
        key = (resource.plural, body["metadata"]["name"])
        if key in self.objects:
            raise AlreadyExists("it exists", 409)
        made = copy.deepcopy(body)
        made["metadata"] |= {"uid": f"uid-{len(self.objects)}", "namespace": namespace}
        self.objects[key] = made
        self.lose("create", resource.plural)
        return copy.deepcopy(made)

    async def get(self, resource: Resource, _namespace: str, name: str) -> dict[str, Any]:
        self.fail("get", resource.plural)
        if (resource.plural, name) not in self.objects:
            raise NotFound("there is none", 404)
        return copy.deepcopy(self.objects[resource.plural, name])

    async def patch(self, resource: Resource, key: tuple[str, str], body: dict[str, Any]) -> dict[str, Any]:
        self.fail("patch", resource.plural)
        found = self.objects.get((resource.plural, key[1]))
        if found is None:
            raise NotFound("there is none", 404)
        found["spec"] |= body["spec"]
        return copy.deepcopy(found)

    async def delete(self, resource: Resource, _namespace: str, name: str, _body: object = None) -> dict[str, Any]:
        self.fail("delete", resource.plural)
        if self.objects.pop((resource.plural, name), None) is None:
            raise NotFound("there is none", 404)
        self.dropped.append(name)
        return {}

    def runs(self) -> list[dict[str, Any]]:
        """The runs, in the order they were made in."""
        return [item for (plural, _), item in self.objects.items() if plural == SCRIPTRUNS.plural]

    def secrets(self) -> list[dict[str, Any]]:
        """The Secrets."""
        return [item for (plural, _), item in self.objects.items() if plural == SECRETS.plural]

    def scripts(self) -> list[dict[str, Any]]:
        """The ConfigMaps."""
        return [item for (plural, _), item in self.objects.items() if plural == CONFIGMAPS.plural]

    def finish(self, run: dict[str, Any], output: object = "hi\n", reason: str = "Completed", code: int = 0) -> None:
        """Let a run end."""
        run["status"] = {
            "phase": "Succeeded" if reason == "Completed" else "Failed",
            "reason": reason,
            "exitCode": code,
            "startedAt": "2026-01-31T12:00:01.000Z",
            "finishedAt": "2026-01-31T12:00:03.500Z",
            "durationSeconds": 2.5,
            "output": {"output": output},
        }


def away(*plurals: str) -> Callable[[str, str], None]:
    """Make requests for these kinds fail as when the API server is away."""

    def fail(_verb: str, plural: str) -> None:
        if plural in plurals:
            raise Unavailable("no answer")

    return fail


__all__ = ["FakeCluster", "KubeError", "away"]
