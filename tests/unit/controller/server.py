"""An API server in memory: as faithful as a reconciler can tell, with the client that the operator sees of it."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from builders import NAMESPACE, instant
from scriptrun.errors import AlreadyExists, Conflict, Invalid, NotFound, QuotaExceeded, Unavailable
from scriptrun.kube.access import OPERATOR_VERBS, Verbs
from scriptrun.kube.client import APPLY
from scriptrun.kube.resources import Resource
from scriptrun.models import BridgeStatus, ScriptRunStatus, ScriptStatus, WorkflowRunStatus, WorkflowStatus

__all__ = ["NO_FAULTS", "Body", "Faults", "Server", "ServerClient", "Write", "matches_labels"]

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
    model = {
        "scripts": ScriptStatus,
        "scriptruns": ScriptRunStatus,
        "bridges": BridgeStatus,
        "workflows": WorkflowStatus,
        "workflowruns": WorkflowRunStatus,
    }[plural]
    try:
        kept = model.model_validate(status, strict=True).model_dump(by_alias=True, exclude_unset=True)
    except ValidationError as error:
        raise Invalid(f"status: {error}", 422, "Invalid") from error
    assert kept == status


def _combine(parts: Iterable[Body]) -> Body:
    """What several managers have applied to one status: conditions are a list by type, all else has one owner."""
    whole: Body = {}
    for part in parts:
        conditions = whole.get("conditions", []) + part.get("conditions", [])
        whole |= {**part, **({"conditions": conditions} if conditions else {})}
    return whole


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
        self._applied: defaultdict[str, dict[str, Body]] = defaultdict(dict)

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
        if plural in ("scripts", "scriptruns", "bridges", "workflows", "workflowruns"):
            meta["generation"] = 1
        return self._store("ADDED", plural, made)

    def _find_current(self, plural: str, name: str, expected: Mapping[str, Any]) -> Body:
        """Find an object that is to be changed, and check the preconditions in a patch's metadata."""
        old = self.objects.get((plural, name))
        if old is None:
            raise NotFound(f'{plural} "{name}" not found', 404, "NotFound")
        for field_name in ("uid", "resourceVersion"):
            if expected.get(field_name) not in (None, old["metadata"][field_name]):
                raise Conflict(f"Precondition failed: {field_name}", 409, "Conflict")
        return old

    def change(self, plural: str, name: str, patch: Mapping[str, Any]) -> Body:
        """Merge a patch into an object that is there; one that is being deleted goes with its last finalizer."""
        old = self._find_current(plural, name, patch.get("metadata") or {})
        new = _merge(_copy(old), _copy(patch))
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        if new == old:
            return _copy(old)
        if new.get("spec") != old.get("spec") and "generation" in old["metadata"]:
            new["metadata"]["generation"] += 1
        if "deletionTimestamp" in new["metadata"] and plural != "pods" and not new["metadata"].get("finalizers"):
            return self._store("DELETED", plural, new)
        return self._store("MODIFIED", plural, new)

    def apply_status(self, plural: str, name: str, patch: Mapping[str, Any], manager: str) -> Body:
        """Server-side apply of a status. The real one overlooks a uid there: only the version is a precondition."""
        old = self._find_current(plural, name, {"resourceVersion": patch["metadata"].get("resourceVersion")})
        status = _copy(patch["status"])
        _check_status(plural, status)
        applied = self._applied[old["metadata"]["uid"]]
        applied[manager] = status
        new = _combine(applied.values())
        if old.get("status") == new:
            return _copy(old)
        return self._store("MODIFIED", plural, {**_copy(old), "status": new})

    def delete(self, plural: str, name: str, uid: str | None = None) -> Body:
        """Delete an object as a client does: a pod that has not ended is only marked, and gets its grace period."""
        old = self._find_current(plural, name, {"uid": uid})
        if plural == "pods" and (old.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
            return self.change(plural, name, {"metadata": {"deletionTimestamp": instant(int(self.now()))}})
        return self.remove(plural, name, uid)

    def remove(self, plural: str, name: str, uid: str | None = None) -> Body:
        """Remove an object, or mark it as deleted as long as it has finalizers."""
        old = self._find_current(plural, name, {"uid": uid})
        if not old["metadata"].get("finalizers"):
            return self._store("DELETED", plural, _copy(old))
        if "deletionTimestamp" in old["metadata"]:
            return _copy(old)
        marked = _merge(_copy(old), {"metadata": {"deletionTimestamp": instant(int(self.now()))}})
        return self._store("MODIFIED", plural, marked)


@dataclass(frozen=True, slots=True)
class Faults:
    """How badly the network behaves: the share of requests that fail, and how long an answer takes at most."""

    rate: float = 0.0
    latency: float = 0.02


NO_FAULTS = Faults()


class ServerClient:
    """What a process has of the server: `kube.client.Client` as far as it is used."""

    def __init__(
        self,
        server: Server,
        noise: random.Random,
        faults: Faults,
        log: list[Write],
        *,
        verbs: Verbs = OPERATOR_VERBS,
        manager: str = "scriptrun",
    ) -> None:
        self._verbs = verbs
        self._manager = manager
        self._server = server
        self._noise = noise
        self.faults = faults
        self._log = log
        self.reads: list[str] = []

    async def _call(self, verb: str, resource: Resource, subresource: str, act: Callable[[], Body]) -> Body:
        name = f"{resource.plural}/{subresource}" if subresource else resource.plural
        assert verb in self._verbs[resource.group, name], f"{verb} {name} is not declared"
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
                assert "resourceVersion" in body["metadata"], "a uid alone is overlooked there"
                changed = self._server.apply_status(resource.plural, key[1], body, self._manager)
            else:
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
            if resource.plural == "pods":
                _check_script_ended(self._server.find("pods", name))
            gone = self._server.delete(resource.plural, name, uid)
            self._note("delete", resource.plural, name, body)
            return gone

        return await self._call("delete", resource, "", act)


def _check_script_ended(pod: Body | None) -> None:
    """Check that nobody but the Job controller ends a pod in which a script may be at work."""
    states = [
        item["state"] for item in (pod or {}).get("status", {}).get("containerStatuses", ()) if item["name"] == "script"
    ]
    assert pod is None or any("terminated" in state for state in states), f"a script was at work in {pod}"


def matches_labels(item: Body, selector: str) -> bool:
    """Whether an object is selected by labels: `a=b`, or `a` for any value, separated by commas."""
    labels = item["metadata"].get("labels") or {}
    for part in filter(None, selector.split(",")):
        name, _, value = part.partition("=")
        if name not in labels or value not in ("", labels[name]):
            return False
    return True


def _matches(item: Body, query: Mapping[str, str]) -> bool:
    if not matches_labels(item, query.get("labelSelector", "")):
        return False
    for part in filter(None, query.get("fieldSelector", "").split(",")):
        path, value = part.split("=")
        node: Any = item
        for step in path.split("."):
            node = (node or {}).get(step)
        if node != value:
            return False
    return True
