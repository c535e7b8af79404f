"""The part of the Kubernetes API that the operator uses, as the API server serves it."""

import json
from contextlib import suppress
from typing import Any

from aiohttp import web

from bench.standin.store import Store

Manifest = dict[str, Any]

_METADATA = "as=PartialObjectMetadata"


class ApiServer:
    """The part of the Kubernetes API that the operator uses."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.application = web.Application()
        self.application.router.add_get("/version", self._version)
        self.application.router.add_get("/api", self._versions)
        self.application.router.add_get("/api/v1", self._core)
        self.application.router.add_get("/apis", self._groups)
        self.application.router.add_get("/apis/scriptrun.dev/v1alpha1", self._ours)
        for root in ("/api/v1", "/apis/{group}/{version}"):
            self.application.router.add_get(root + "/{plural}", self._list)
            collection = root + "/namespaces/{namespace}/{plural}"
            self.application.router.add_get(collection, self._list)
            self.application.router.add_post(collection, self._create)
            self.application.router.add_get(collection + "/{name}", self._get)
            self.application.router.add_patch(collection + "/{name}/status", self._patch_status)

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"major": "1", "minor": "35", "gitVersion": "v1.35.0-standin"})

    async def _versions(self, _: web.Request) -> web.Response:
        return web.json_response({"kind": "APIVersions", "versions": ["v1"]})

    async def _groups(self, _: web.Request) -> web.Response:
        version = {"groupVersion": "scriptrun.dev/v1alpha1", "version": "v1alpha1"}
        group = {"name": "scriptrun.dev", "versions": [version], "preferredVersion": version}
        return web.json_response({"kind": "APIGroupList", "groups": [group]})

    async def _core(self, _: web.Request) -> web.Response:
        return _list_kinds(("namespaces", "Namespace", False))

    async def _ours(self, _: web.Request) -> web.Response:
        return _list_kinds(("scripts", "Script", True), ("scriptruns", "ScriptRun", True))

    async def _list(self, request: web.Request) -> web.StreamResponse:
        plural = request.match_info["plural"]
        metadata_only = _METADATA in request.headers.get("Accept", "")
        if request.query.get("watch") == "true":
            return await self._watch(request, plural, metadata_only)
        key, _, value = request.query.get("labelSelector", "").partition("=")
        found = [body for body in self._store.select(plural) if not value or body["metadata"]["labels"][key] == value]
        items = [_reduce(body) if metadata_only else body for body in found]
        return web.json_response({"metadata": {"resourceVersion": self._store.version}, "items": items})

    async def _watch(self, request: web.Request, plural: str, metadata_only: bool) -> web.StreamResponse:
        queue = self._store.watch(plural, request.query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):  # the operator has stopped
            while True:
                event, body = await queue.get()
                line = {"type": event, "object": _reduce(body) if metadata_only else body}
                await response.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        return response

    async def _get(self, request: web.Request) -> web.Response:
        body = self._store.objects[request.match_info["plural"]].get(request.match_info["name"])
        if body is None:
            return web.json_response({"reason": "NotFound", "message": "not found"}, status=404)
        return web.json_response(body)

    async def _create(self, request: web.Request) -> web.Response:
        plural, body = request.match_info["plural"], await request.json()
        if body["metadata"].get("name", "") in self._store.objects[plural]:
            return web.json_response({"reason": "AlreadyExists", "message": "already exists"}, status=409)
        body["metadata"].setdefault("name", f"generated-{self._store.version}")
        return web.json_response(self._store.put(plural, body), status=201)

    async def _patch_status(self, request: web.Request) -> web.Response:
        plural, body = request.match_info["plural"], await request.json()
        known = self._store.objects[plural][request.match_info["name"]]
        changed = {**known, "metadata": {**known["metadata"]}, "status": body["status"]}
        return web.json_response(self._store.put(plural, changed))


def _reduce(body: Manifest) -> Manifest:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": body["metadata"]}


def _list_kinds(*kinds: tuple[str, str, bool]) -> web.Response:
    """Say what kinds there are: plural, kind, whether namespaced."""
    verbs = ["get", "list", "watch", "create", "patch", "delete"]
    resources = [
        {"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": namespaced, "verbs": verbs}
        for plural, kind, namespaced in kinds
    ]
    return web.json_response({"kind": "APIResourceList", "resources": resources})
