"""Who asks, and may they: API tokens, and otherwise the cluster's own word (TokenReview, SubjectAccessReview)."""

import asyncio
import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

from scriptrun.api.auth.short_cache import ShortCache
from scriptrun.api.auth.tokens import ApiToken, TokenFolder
from scriptrun.api.problems import Problem
from scriptrun.errors import NotPermitted
from scriptrun.kube.client import Client
from scriptrun.kube.resources import SUBJECTACCESSREVIEWS, TOKENREVIEWS
from scriptrun.models.base import GROUP
from scriptrun.policies.wildcards import matches_wildcards

__all__ = ["Authorizer", "Caller"]

_LONGEST_TOKEN = 16_384
_REVIEWS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        name: a Kubernetes user, or ``token:<name>``.
        user: what TokenReview said of a Kubernetes user.
        token: of a caller with an API token.
        identity: the user as one word, the same for the same rights.
        authorization: the header that they showed.
    """

    name: str
    user: dict[str, Any] = field(default_factory=dict)
    token: ApiToken | None = None
    identity: str = ""
    authorization: str = field(default="", repr=False, compare=False)

    @property
    def scripts(self) -> tuple[str, ...]:
        """Patterns of the Scripts this caller is held to; empty: all."""
        return tuple(self.token.scripts) if self.token else ()

    def may_use(self, script: str) -> bool:
        """Whether a Script is among those this caller is held to."""
        return not self.scripts or any(matches_wildcards(pattern, script) for pattern in self.scripts)


class Authorizer:
    """Finds out who callers are and what they may do.

    Args:
        client: to the API server, with the right to make reviews.
        tokens: API tokens.
        cache_seconds: how long the cluster's word is good.
    """

    def __init__(self, client: Client, tokens: TokenFolder, cache_seconds: float) -> None:
        self._client = client
        self._tokens = tokens
        self._users: ShortCache[bytes, Caller | None] = ShortCache(cache_seconds)
        self._rights: ShortCache[tuple[str, ...], str] = ShortCache(cache_seconds)
        self._reviews = asyncio.Semaphore(_REVIEWS_AT_ONCE)

    async def identify(self, authorization: str | None) -> Caller:
        """Find out who a caller is.

        Args:
            authorization: the header.

        Raises:
            Problem: ``unauthorized``.
        """
        if not authorization:
            raise Problem("unauthorized", "send a token: Authorization: Bearer TOKEN")
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN or not token.isascii():
            raise Problem("unauthorized", "the Authorization header must be: Bearer TOKEN")
        if found := self._tokens.find(token):
            return Caller(f"token:{found[0]}", token=found[1], authorization=authorization)
        caller = None
        if not token.startswith("srt_"):  # an API token that is no good is nothing to ask the cluster about
            caller = await self._users.get(hashlib.sha256(token.encode()).digest(), lambda: self._review(token))
        if caller is None:
            headers = {"WWW-Authenticate": 'Bearer realm="scriptrun", error="invalid_token"'}
            raise Problem("unauthorized", "the token is not valid, or has expired: get a new one", headers=headers)
        return replace(caller, authorization=authorization)

    async def _review(self, token: str) -> Caller | None:
        async with self._reviews:
            body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
            answer = await self._client.create(TOKENREVIEWS, "", body)
        status = answer.get("status") or {}
        user: dict[str, Any] = status.get("user") or {}
        if not status.get("authenticated") or not user.get("username"):
            return None
        return Caller(str(user["username"]), user, identity=json.dumps(user, sort_keys=True))

    async def require(self, caller: Caller, verb: str, namespace: str, resource: str = "scriptruns") -> None:
        """Make sure that a caller may do something in a namespace.

        Raises:
            NotPermitted: they may not.
        """
        if caller.token is not None:
            if caller.token.namespace != namespace:
                raise NotPermitted(f"this API token is good for another namespace than {namespace}")
            return
        key = (caller.identity, verb, namespace, resource)
        denied = await self._rights.get(key, lambda: self._ask(caller, verb, namespace, resource))
        if denied:
            raise NotPermitted(denied)

    async def confirm(self, caller: Caller, verb: str, namespace: str, script: str) -> None:
        """Make sure that a caller who was allowed to do something with a run still may.

        Raises:
            Problem: the token is gone.
            NotPermitted: the right is gone.
        """
        now = await self.identify(caller.authorization)
        await self.require(now, verb, namespace)
        if not now.may_use(script):
            raise NotPermitted(f'this API token is not good for Script "{script}" any more')

    async def _ask(self, caller: Caller, verb: str, namespace: str, resource: str) -> str:
        """Ask the cluster; returns why not, or ""."""
        spec = {
            "user": caller.name,
            "groups": caller.user.get("groups") or [],
            "uid": caller.user.get("uid") or "",
            "extra": caller.user.get("extra") or {},
            "resourceAttributes": {"group": GROUP, "resource": resource, "verb": verb, "namespace": namespace},
        }
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        async with self._reviews:
            answer = await self._client.create(SUBJECTACCESSREVIEWS, "", body)
        if (answer.get("status") or {}).get("allowed"):
            return ""
        return (
            f'"{caller.name}" may not {verb} {resource}.{GROUP} in namespace {namespace}: '
            "bind them a role that may, such as the chart's view or edit"
        )
