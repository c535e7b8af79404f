"""An API server in memory: as faithful as a reconciler can tell, with the client that the operator sees of it."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from builders import NAMESPACE, instant
from scriptrun.errors import AlreadyExists, Conflict, Invalid, NotFound, QuotaExceeded, Unavailable
from scriptrun.kube.access import OPERATOR_VERBS
from scriptrun.kube.client import APPLY
from scriptrun.kube.resources import Resource
from scriptrun.models import ScriptRunStatus, ScriptStatus

__all__ = ["NO_FAULTS", "Body", "Faults", "Server", "ServerClient", "Write"]

Body = dict[str, Any]
ObjectKey = tuple[str, str]
"""Plural and name; everything lives in one namespace."""

Watcher = Callable[[str, str, Body], None]
"""Told of the plural, ADDED, MODIFIED or DELETED, and the object."""


def _copy(body: Mapping[str, Any]) -> Body:
    copied: Body = json.loads(json.dumps(body, ensure_ascii=False, allow_nan=False).encode())
    return copied


def _merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged


def _check_status(plural: str, status: Body) -> None:
    """Refuse what the CRD would refuse or prune."""
    model = {"scripts": ScriptStatus, "scriptruns": ScriptRunStatus}[plural]
    try:
        kept = model.model_validate(status, strict=True).model_dump(by_alias=True, exclude_unset=True)
    except ValidationError as error:
        raise Invalid(f"status: {error}", 422, "Invalid") from error
    assert kept == status


@dataclass(frozen=True, slots=True)
class Write:
    """One write that reached the server."""

    at: float
    verb: str
    resource: str
    name: str
    body: Body = field(compare=False)


class Server:
    """Keeps objects, gives out versions and uids, tells watchers."""

    def __init__(self) -> None:
        self.objects: dict[ObjectKey, Body] = {}
        self.watchers: list[Watcher] = []
        self.quota_until = 0.0
        self.version = 1
        self._uids = 0

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def find(self, plural: str, name: str) -> Body | None:
        """A copy of one object, if it is there."""
        found = self.objects.get((plural, name))
        return _copy(found) if found else None

    def of_kind(self, plural: str) -> list[Body]:
        """Copies of all objects of a kind."""
        return [_copy(body) for (kind, _), body in self.objects.items() if kind == plural]

    def _store(self, event: str, plural: str, body: Body) -> Body:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        if event == "DELETED":
            self.objects.pop((plural, body["metadata"]["name"]))
        else:
            self.objects[plural, body["metadata"]["name"]] = body
        for watcher in list(self.watchers):
            watcher(plural, event, _copy(body))
        return _copy(body)

    def create(self, plural: str, body: Mapping[str, Any]) -> Body:
        made = _copy(body)
        meta = made["metadata"]
        if (plural, meta["name"]) in self.objects:
            raise AlreadyExists(f'{plural} "{meta["name"]}" already exists', 409, "AlreadyExists")
        if plural == "jobs" and self.now() < self.quota_until:
            raise QuotaExceeded("exceeded quota: jobs, used: 1, limited: 1", 403, "Forbidden")
        self._uids += 1
        meta |= {"uid": f"uid-{self._uids}", "namespace": NAMESPACE, "creationTimestamp": instant(int(self.now()))}
        if plural in ("scripts", "scriptruns"):
            meta["generation"] = 1
        return self._store("ADDED", plural, made)

    def change(self, plural: str, name: str, patch: Mapping[str, Any]) -> Body:
        """Merge a patch into an object that is there."""
        old = self.objects.get((plural, name))
        if old is None:
            raise NotFound(f'{plural} "{name}" not found', 404, "NotFound")
        new = _merge(_copy(old), _copy(patch))
        return _copy(old) if new == old else self._store("MODIFIED", plural, new)

    def replace_status(self, plural: str, name: str, status: Body, uid: str | None) -> Body:
        """Server-side apply of a status by its only manager."""
        old = self.objects.get((plural, name))
        if old is None:
            raise NotFound(f'{plural} "{name}" not found', 404, "NotFound")
        if uid is not None and uid != old["metadata"]["uid"]:
            raise Conflict("Precondition failed: UID in precondition", 409, "Conflict")
        _check_status(plural, status)
        if old.get("status") == status:
            return _copy(old)
        return self._store("MODIFIED", plural, {**_copy(old), "status": _copy(status)})

    def delete(self, plural: str, name: str, uid: str | None = None) -> Body:
        old = self.objects.get((plural, name))
        if old is None:
            raise NotFound(f'{plural} "{name}" not found', 404, "NotFound")
        if uid is not None and uid != old["metadata"]["uid"]:
            raise Conflict("Precondition failed: UID in precondition", 409, "Conflict")
        return self._store("DELETED", plural, _copy(old))


@dataclass(frozen=True, slots=True)
class Faults:
    """How badly the network behaves: the share of requests that fail, and how long an answer takes at most."""

    rate: float = 0.0
    latency: float = 0.02


NO_FAULTS = Faults()


class ServerClient:
    """What the operator has of the server: `kube.client.Client` as far as the controller uses it."""

    def __init__(self, server: Server, noise: random.Random, faults: Faults, log: list[Write]) -> None:
        self._server = server
        self._noise = noise
        self.faults = faults
        self._log = log
        self.reads: list[str] = []

    async def _call(self, verb: str, resource: Resource, subresource: str, act: Callable[[], Body]) -> Body:
        name = f"{resource.plural}/{subresource}" if subresource else resource.plural
        assert verb in OPERATOR_VERBS[resource.group, name], f"{verb} {name} is not declared"
        await asyncio.sleep(self._noise.uniform(0, self.faults.latency))
        fate = self._noise.random() / self.faults.rate if self.faults.rate else 1.0
        if fate < 0.5:
            raise Unavailable("refused before anything was done", 503)
        result = act()
        await asyncio.sleep(self._noise.uniform(0, self.faults.latency))
        if fate < 1.0:
            raise Unavailable("done, but the answer was lost", 0)
        return result

    def _note(self, verb: str, resource: str, name: str, body: Mapping[str, Any] | None = None) -> None:
        self._log.append(Write(self._server.now(), verb, resource, name, _copy(body or {})))

    async def get(self, resource: Resource, namespace: str, name: str) -> Body:
        assert namespace == NAMESPACE

        def act() -> Body:
            self.reads.append(f"get {resource.plural}")
            found = self._server.find(resource.plural, name)
            if found is None:
                raise NotFound(f'{resource.plural} "{name}" not found', 404, "NotFound")
            return found

        return await self._call("get", resource, "", act)

    async def list(self, resource: Resource, namespace: str = "", **query: str) -> Body:
        def act() -> Body:
            self.reads.append(f"list {resource.plural}")
            items = [item for item in self._server.of_kind(resource.plural) if _matches(item, query)]
            return {"metadata": {"resourceVersion": str(self._server.version)}, "items": items}

        return await self._call("list", resource, "", act)

    async def create(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> Body:
        assert namespace == NAMESPACE

        def act() -> Body:
            if resource.plural == "events":
                return {}
            made = self._server.create(resource.plural, body)
            self._note("create", resource.plural, body["metadata"]["name"], body)
            return made

        return await self._call("create", resource, "", act)

    async def patch(
        self,
        resource: Resource,
        key: tuple[str, str],
        body: Mapping[str, Any],
        *,
        kind: str = "",
        subresource: str = "",
    ) -> Body:
        assert key[0] == NAMESPACE
        uid = body["metadata"].get("uid")

        def act() -> Body:
            # Without the uid it could hit an object that was made anew under the same name.
            assert uid is not None or resource.plural == "scripts"
            if kind == APPLY:
                assert subresource == "status"
                changed = self._server.replace_status(resource.plural, key[1], dict(body["status"]), uid)
            else:
                old = self._server.find(resource.plural, key[1])
                if old is not None and uid not in (None, old["metadata"]["uid"]):
                    raise Conflict("Precondition failed: UID in precondition", 409, "Conflict")
                changed = self._server.change(resource.plural, key[1], body)
            self._note("patch", f"{resource.plural}/{subresource}".rstrip("/"), key[1], body)
            return changed

        return await self._call("patch", resource, subresource, act)

    async def delete(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any] | None = None
    ) -> Body:
        assert namespace == NAMESPACE
        uid = ((body or {}).get("preconditions") or {}).get("uid")

        assert uid is not None

        def act() -> Body:
            gone = self._server.delete(resource.plural, name, uid)
            self._note("delete", resource.plural, name, body)
            return gone

        return await self._call("delete", resource, "", act)


_LABEL = re.compile(r"^([^=]+)=(.+)$")


def _matches(item: Body, query: Mapping[str, str]) -> bool:
    if wanted := _LABEL.match(query.get("labelSelector", "")):
        return (item["metadata"].get("labels") or {}).get(wanted[1]) == wanted[2]
    for part in filter(None, query.get("fieldSelector", "").split(",")):
        path, value = part.split("=")
        node: Any = item
        for step in path.split("."):
            node = (node or {}).get(step)
        if node != value:
            return False
    return True
