"""The client: dicts in, dicts out, every call counted and held to what ``access.py`` declares."""

import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp

from scriptrun.errors import Unavailable, UndeclaredAccess
from scriptrun.kube.access import Verbs
from scriptrun.kube.connection import Connection
from scriptrun.kube.decoding import decode, split_lines
from scriptrun.kube.failures import error_of_answer
from scriptrun.kube.resources import PODS, Resource
from scriptrun.policies.text import escape_json

__all__ = ["APPLY", "MERGE", "Client", "Observer"]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

Observer = Callable[[str, str, int, float], None]
"""Told of each request: verb, resource, HTTP status (0: no answer), seconds."""

_REQUEST_SECONDS = 30.0
_READ_CHUNK = 64 * 1024


def _ignore(_verb: str, _resource: str, _status: int, _seconds: float) -> None:
    return None


class Client:
    """Talks to one API server over a connection; close that, not this.

    Args:
        connection: to it.
        verbs: what may be asked for; None for anything.
        observer: told of each request.
        manager: in whose name fields are applied.
    """

    def __init__(
        self,
        connection: Connection,
        verbs: Verbs | None = None,
        observer: Observer = _ignore,
        manager: str = "scriptrun",
    ) -> None:
        self._connection = connection
        self._verbs = verbs
        self._observer = observer
        self._manager = manager

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """Read one object."""
        return await self._call("get", resource, "GET", resource.path(namespace, name))

    async def list(
        self, resource: Resource, namespace: str = "", *, accept: str = "application/json", **query: str
    ) -> dict[str, Any]:
        """List objects; ``query`` takes the API's own parameters (labelSelector, fieldSelector, limit, …)."""
        path = _with_query(resource.path(namespace), query)
        return await self._call("list", resource, "GET", path, headers={"Accept": accept})

    async def create(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""
        return await self._call("create", resource, "POST", resource.path(namespace), body)

    async def patch(
        self,
        resource: Resource,
        key: tuple[str, str],
        body: Mapping[str, Any],
        *,
        kind: str = MERGE,
        subresource: str = "",
    ) -> dict[str, Any]:
        """Patch one object (namespace, name), by merge patch or server-side apply (``kind=APPLY``)."""
        path = resource.path(*key, subresource)
        if kind == APPLY:
            path = _with_query(path, {"fieldManager": self._manager, "force": "true"})
        return await self._call(
            "patch", resource, "PATCH", path, body, headers={"Content-Type": kind}, subresource=subresource
        )

    async def delete(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Delete one object; ``body`` is DeleteOptions (preconditions, propagationPolicy)."""
        return await self._call("delete", resource, "DELETE", resource.path(namespace, name), body)

    async def read(self, path: str) -> dict[str, Any]:
        """Read a non-resource path, such as ``/version``."""
        return await self._call("get", None, "GET", path)

    async def watch(
        self, resource: Resource, namespace: str = "", *, accept: str = "application/json", **query: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Yield watch events until the server ends the stream."""
        path = _with_query(resource.path(namespace), {"watch": "true", "allowWatchBookmarks": "true", **query})
        async for line in self.stream("watch", resource, path, accept=accept):
            try:
                event = decode(line)
            except ValueError as error:
                raise Unavailable(f"watch {resource.plural}: the stream was cut off within an event") from error
            yield event

    async def logs(self, namespace: str, pod: str, **query: str) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a pod's log, each with its line end."""
        path = _with_query(PODS.path(namespace, pod, "log"), query)
        async for line in self.stream("get", PODS, path, subresource="log"):
            yield line

    async def stream(
        self, verb: str, resource: Resource, path: str, *, accept: str = "*/*", subresource: str = ""
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a streamed answer."""
        self._check(verb, resource, subresource)
        started, status = time.monotonic(), 0
        try:
            try:
                answer = await self._send("GET", path, None, {"Accept": accept}, aiohttp.ClientTimeout(sock_connect=10))
                status = answer.status
            finally:
                self._observer(verb, _label(resource, subresource), status, time.monotonic() - started)
            if status >= 400:
                raise error_of_answer(status, await answer.read())
            try:
                async for line in split_lines(answer.content.iter_chunked(_READ_CHUNK)):
                    yield line
            finally:
                answer.close()
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise Unavailable(f"{verb} {path.split('?')[0]}: {error or type(error).__name__}") from error

    def _check(self, verb: str, resource: Resource | None, subresource: str) -> None:
        if self._verbs is None or resource is None:
            return
        name = f"{resource.plural}/{subresource}" if subresource else resource.plural
        if verb not in self._verbs.get((resource.group, name), frozenset()):
            raise UndeclaredAccess(f"{verb} {resource.group}/{name} is not declared in kube/access.py")

    async def _call(
        self,
        verb: str,
        resource: Resource | None,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        subresource: str = "",
    ) -> dict[str, Any]:
        self._check(verb, resource, subresource)
        started, status = time.monotonic(), 0
        try:
            answer = await self._send(method, path, body, headers or {}, aiohttp.ClientTimeout(total=_REQUEST_SECONDS))
            status = answer.status
            raw = await answer.read()
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise Unavailable(f"{verb} {path.split('?')[0]}: {error or type(error).__name__}") from error
        finally:
            self._observer(verb, _label(resource, subresource), status, time.monotonic() - started)
        if status >= 400:
            raise error_of_answer(status, raw)
        document: dict[str, Any] = decode(raw)
        return document

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own settings object
    ) -> aiohttp.ClientResponse:
        return await self._connection.session.request(
            method,
            self._connection.server + path,
            data=None if body is None else _dump(body),
            headers={"Accept": "application/json", "Content-Type": "application/json", **headers},
            timeout=timeout,
            **self._connection.request_options,
        )


def _dump(body: Mapping[str, Any]) -> bytes:
    # What is applied, the API server reads as YAML, with which JSON does not agree on every character.
    return escape_json(json.dumps(body, ensure_ascii=False, separators=(",", ":"))).encode()


def _with_query(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _label(resource: Resource | None, subresource: str) -> str:
    if resource is None:
        return ""
    return f"{resource.plural}/{subresource}" if subresource else resource.plural
