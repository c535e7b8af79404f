"""The connection of one Bridge to its orchestrator: loads credentials, builds the adapter, tracks health."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import structlog

from scriptrun.desired.bridge import Standing
from scriptrun.errors import Forbidden, Gone, KubeError, NotFound, Refused, Rejected, TryLater
from scriptrun.kube.client import Client
from scriptrun.kube.resources import CONFIGMAPS, SECRETS
from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.facts import Key
from scriptrun.orchestrators.adapter import Adapter, Handle, Outcome, Task

__all__ = ["AdapterFactory", "OrchestratorConnection"]

_log = structlog.get_logger(__name__)
T = TypeVar("T")

AdapterFactory = Callable[[BridgeSpec, str, Mapping[str, str], str], Adapter]
"""Builds an adapter from a Bridge's spec, its name, its Secret's data and PEM certificates ("": the system's)."""

_RENEW_SECONDS = 60.0
_REFUSED_RENEW_SECONDS = 5.0
_TROUBLE_SECONDS = 5.0  # one lost answer is no news


@dataclass(frozen=True, slots=True)
class _Access:
    """What an adapter was built from."""

    spec: BridgeSpec
    secret: Mapping[str, str]
    ca: str


@dataclass(slots=True)
class _Held:
    """An adapter, closed once it is retired and nobody uses it."""

    adapter: Adapter
    access: _Access
    users: int = 0
    retired: bool = False


class OrchestratorConnection:
    """Speaks to one orchestrator.

    Args:
        client: to read Secret and certificates with.
        bridge: namespace and name of the Bridge.
        spec: of the Bridge.
        build: makes adapters.
        on_change: told when the standing has changed.
    """

    def __init__(
        self, client: Client, bridge: Key, spec: BridgeSpec, build: AdapterFactory, on_change: Callable[[], None]
    ) -> None:
        self._client = client
        self._bridge = bridge
        self._spec = spec
        self._build = build
        self._on_change = on_change
        self._held: _Held | None = None
        self._renew_at = float("-inf")
        self._trouble_since: float | None = None
        self._refused = False
        self._renewing = asyncio.Lock()
        self.standing = Standing(None, "Connecting")

    def configure(self, spec: BridgeSpec) -> None:
        """Speak by another spec from now on."""
        if spec != self._spec:
            self._spec = spec
            self._renew_at = float("-inf")

    async def claim(self, limit: int) -> list[Task]:
        """As ``Adapter.claim``."""
        return await self._call(lambda adapter: adapter.claim(limit))

    async def extend(self, handle: Handle) -> None:
        """As ``Adapter.extend``."""
        await self._call(lambda adapter: adapter.extend(handle))

    async def report(self, handle: Handle, outcome: Outcome) -> str:
        """As ``Adapter.report``."""
        return await self._call(lambda adapter: adapter.report(handle, outcome))

    async def close(self) -> None:
        """Close what is open."""
        if self._held is not None:
            await self._held.adapter.close()
            self._held = None

    async def _call(self, act: Callable[[Adapter], Awaitable[T]]) -> T:
        held = await self._take()
        held.users += 1
        try:
            result = await act(held.adapter)
        except Refused as error:
            self._refuse()
            self._note(Standing(False, "Refused", str(error)))
            raise
        except TryLater as error:
            self._note_trouble(str(error), error.after_seconds or 0.0)
            raise
        except (Gone, Rejected):
            self._note_answer()
            raise
        except Exception as error:
            # A defect of an adapter, or an answer that nobody foresaw: one task's trouble must not end all others.
            _log.exception("adapter failed", namespace=self._bridge[0], bridge=self._bridge[1])
            # Its own words may be those of a server that somebody should not get to read.
            text = f"the adapter failed ({type(error).__name__}): see the bridge's log"
            self._note_trouble(text)
            raise TryLater(text) from error
        finally:
            held.users -= 1
            await self._close_retired(held)
        self._note_answer()
        return result

    async def _take(self) -> _Held:
        """Take the adapter, made anew when credentials or spec have changed."""
        async with self._renewing:
            now = asyncio.get_running_loop().time()
            if now >= self._renew_at:
                self._renew_at = now + _REFUSED_RENEW_SECONDS
                await self._renew()
                if not self._refused:
                    self._renew_at = now + _RENEW_SECONDS
            if self._held is None:
                raise Refused(self.standing.message)
            return self._held

    async def _renew(self) -> None:
        try:
            access = _Access(self._spec, await self._read_secret(), await self._read_certificates())
            if self._held is not None and self._held.access == access:
                return
            adapter = self._build(access.spec, self._bridge[1], access.secret, access.ca)
        except Refused as error:
            self._note(Standing(False, "CredentialsUnavailable", str(error)))
            await self._retire()
            raise
        except KubeError as error:
            if self._held is not None and self._held.access.spec == self._spec:
                return  # what was read a minute ago will do
            self._note_trouble(f"the credentials can't be read: {error}")
            raise TryLater(f"the credentials can't be read: {error}") from error
        await self._retire()
        self._refused = False
        self._held = _Held(adapter, access)

    async def _retire(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            held.retired = True
            await self._close_retired(held)

    async def _close_retired(self, held: _Held) -> None:
        if held.retired and not held.users:
            await held.adapter.close()

    async def _read_secret(self) -> dict[str, str]:
        if self._spec.credentials_secret is None:
            return {}
        namespace, name = self._bridge[0], self._spec.credentials_secret.name
        try:
            body = await self._client.get(SECRETS, namespace, name)
        except NotFound as error:
            raise Refused(f'there is no Secret "{name}" (spec.credentialsSecret): create it') from error
        except Forbidden as error:
            raise Refused(
                f'Secret "{name}" (spec.credentialsSecret) may not be read: add '
                f"{{namespace: {namespace}, name: {name}}} to bridge.credentialsSecrets of the chart"
            ) from error
        data = body.get("data") or {}
        try:
            return {key: base64.b64decode(value).decode() for key, value in data.items()}
        except ValueError as error:
            raise Refused(f'Secret "{name}" (spec.credentialsSecret) holds something that is no text') from error

    async def _read_certificates(self) -> str:
        if self._spec.ca_config_map is None:
            return ""
        name, key = self._spec.ca_config_map.name, self._spec.ca_config_map.key
        try:
            body = await self._client.get(CONFIGMAPS, self._bridge[0], name)
        except NotFound as error:
            raise Refused(f'there is no ConfigMap "{name}" (spec.caConfigMap): create it') from error
        if not (text := (body.get("data") or {}).get(key)):
            raise Refused(f'ConfigMap "{name}" (spec.caConfigMap) has no key "{key}"')
        return str(text)

    def _refuse(self) -> None:
        """Look soon whether somebody has put better credentials into the Secret."""
        if not self._refused:
            self._refused = True
            self._renew_at = min(self._renew_at, asyncio.get_running_loop().time() + _REFUSED_RENEW_SECONDS)

    def _note_answer(self) -> None:
        self._trouble_since = None
        self._refused = False
        self._note(Standing(True, "Connected"))

    def _note_trouble(self, message: str, pause_seconds: float = 0.0) -> None:
        """Note that there is no connection, once that has lasted, or if the next try is not soon."""
        now = asyncio.get_running_loop().time()
        if self._trouble_since is None:
            self._trouble_since = now
        if max(now - self._trouble_since, pause_seconds) >= _TROUBLE_SECONDS:
            self._note(Standing(False, "Unreachable", message))

    def _note(self, standing: Standing) -> None:
        before, self.standing = self.standing, standing
        if (before.connected, before.reason) != (standing.connected, standing.reason):
            self._on_change()
            log = _log.info if standing.connected else _log.warning
            log(
                "connected" if standing.connected else "not connected",
                namespace=self._bridge[0],
                bridge=self._bridge[1],
                reason=standing.reason,
                error=standing.message,
            )
