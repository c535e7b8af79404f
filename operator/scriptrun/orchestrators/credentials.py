"""What to show an orchestrator: nothing, a password, a token, or a token to be asked for first and renewed in time."""

import asyncio
import base64
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TypeGuard

from scriptrun.errors import Gone, Refused, Rejected, TryLater
from scriptrun.models.bridge import OAuth2
from scriptrun.orchestrators.http_client import Credentials, Http, build_error
from scriptrun.policies.address_policy import AddressPolicy

__all__ = ["ConductorToken", "Fixed", "OAuth2Token", "build_basic", "build_bearer", "build_credentials"]

Clock = Callable[[], float]
"""Seconds that only grow."""

CONDUCTOR_TOKEN_SECONDS = 45 * 60.0
"""How long a token of Conductor is used; it does not say, and its own clients take this."""

_UNSAID_SECONDS = 300.0
_LONGEST_TOKEN = 16_384
_OAUTH2_ERRORS = (  # RFC 6749, 5.2
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
)
_RENEW_AT = 0.8  # of a token's life
_KINDS = (("username", "password"), ("token",), ("clientId", "clientSecret"), ("keyId", "keySecret"))


class Fixed:
    """The same headers each time."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    async def build_headers(self) -> Mapping[str, str]:
        """The headers."""
        return self._headers

    def forget(self, headers: Mapping[str, str]) -> bool:
        """There is nothing fresh to be had."""
        return False

    async def close(self) -> None:
        """Nothing is open."""


def build_basic(username: str, password: str) -> Fixed:
    """Build HTTP basic authentication (RFC 7617)."""
    return Fixed({"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()})


def build_bearer(token: str) -> Fixed:
    """Build a bearer token (RFC 6750)."""
    return Fixed({"Authorization": f"Bearer {token}"})


class _Token(ABC):
    """A token that is asked for, kept, and renewed before it ends."""

    def __init__(self, http: Http, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._renew_at = 0.0
        self._ends_at = 0.0

    @abstractmethod
    async def _fetch(self) -> tuple[str, float]:
        """Ask for a token; returns it and the seconds that it lives."""

    @abstractmethod
    def _build(self, token: str) -> Mapping[str, str]:
        """Build the headers."""

    async def build_headers(self) -> Mapping[str, str]:
        """Build the headers, with a token that is good for a while yet."""
        async with self._lock:  # one asks, the others wait for what it gets
            if not self._token or self._clock() >= self._renew_at:
                await self._renew()
            return self._build(self._token)

    async def _renew(self) -> None:
        now = self._clock()
        try:
            token, seconds = await self._fetch()
        except TryLater:
            if self._token and now < self._ends_at:
                return  # the old one still is good
            raise
        self._token, self._renew_at, self._ends_at = token, now + seconds * _RENEW_AT, now + seconds

    def forget(self, headers: Mapping[str, str]) -> bool:
        """Drop the token, unless another has taken its place already."""
        if headers == self._build(self._token):
            self._token = ""
        return True

    async def close(self) -> None:
        """Close connections to where the tokens come from."""
        await self._http.close()


class OAuth2Token(_Token):
    """An access token by the client credentials grant (RFC 6749, 4.4).

    Args:
        http: to the token endpoint.
        client: id and secret.
        oauth2: what to ask for.
        clock: for tests.
    """

    def __init__(self, http: Http, client: tuple[str, str], oauth2: OAuth2, clock: Clock = time.monotonic) -> None:
        super().__init__(http, clock)
        self._form = {"grant_type": "client_credentials", "client_id": client[0], "client_secret": client[1]}
        self._form |= {"audience": oauth2.audience} if oauth2.audience else {}
        self._form |= {"scope": oauth2.scope} if oauth2.scope else {}

    async def _fetch(self) -> tuple[str, float]:
        answer = await self._http.ask("POST", "", form=self._form)
        if answer.status in (400, 401, 403):
            said = answer.document.get("error") if isinstance(answer.document, dict) else None
            word = f"{said}: " if said in _OAUTH2_ERRORS and said != answer.message else ""
            raise Refused(f"no access token: {answer.where} answered {answer.status} ({word}{answer.message})")
        if not answer.ok:
            raise _explain(build_error(answer))
        document = answer.document if isinstance(answer.document, dict) else {}
        if not _is_token(token := document.get("access_token")):
            raise Refused(f"no access token: {answer.where} answered without one; is oauth2.tokenUrl right?")
        return token, _read_seconds(document.get("expires_in"))

    def _build(self, token: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {token}"}


class ConductorToken(_Token):
    """A token of Conductor for an application's key and secret (``POST /api/token``).

    Args:
        http: to Conductor.
        key: id and secret.
        clock: for tests.
    """

    def __init__(self, http: Http, key: tuple[str, str], clock: Clock = time.monotonic) -> None:
        super().__init__(http, clock)
        self._key = {"keyId": key[0], "keySecret": key[1]}

    async def _fetch(self) -> tuple[str, float]:
        answer = await self._http.ask("POST", "/api/token", self._key)
        if answer.status in (404, 405):
            raise Refused(f"{answer.where} is not there: this Conductor knows no keys, so leave credentialsSecret away")
        if answer.status in (400, 401, 403):
            raise Refused(f"Conductor gives no token for this keyId and keySecret: {answer.message}")
        if not answer.ok:
            raise _explain(build_error(answer))
        document = answer.document if isinstance(answer.document, dict) else {}
        if not _is_token(token := document.get("token")):
            raise Refused(f"{answer.where} answered without a token: is the address right?")
        return token, CONDUCTOR_TOKEN_SECONDS

    def _build(self, token: str) -> Mapping[str, str]:
        return {"X-Authorization": token}


def build_credentials(
    secret: Mapping[str, str],
    *,
    address: str,
    oauth2: OAuth2 | None = None,
    tls: ssl.SSLContext | bool = True,
    policy: AddressPolicy | None = None,
) -> Credentials | None:
    """Build credentials from what a Secret holds; None where it holds nothing.

    Args:
        secret: its data, decoded.
        address: base URL of the orchestrator, where Conductor gives its tokens.
        oauth2: where other tokens come from.
        tls: what to trust, of ``build_tls``.
        policy: which addresses may be asked for tokens; None for any.

    Raises:
        Refused: keys are missing, or there are too many to tell which to use.
    """
    held = {name: value.strip("\r\n") for name, value in secret.items()}
    if not held:
        return None
    match _choose_kind(held):
        case ("username", "password"):
            return build_basic(held["username"], held["password"])
        case ("token",):
            return build_bearer(held["token"])
        case ("keyId", "keySecret"):
            http = Http(address, tls, secrets=[held["keySecret"]], policy=policy)
            return ConductorToken(http, (held["keyId"], held["keySecret"]))
        case _:
            if oauth2 is None:
                raise Refused("the Secret holds clientId and clientSecret, but oauth2.tokenUrl is not set")
            http = Http(oauth2.token_url, tls, secrets=[held["clientSecret"]], policy=policy)
            return OAuth2Token(http, (held["clientId"], held["clientSecret"]), oauth2)


def _choose_kind(held: Mapping[str, str]) -> tuple[str, ...]:
    kinds = [kind for kind in _KINDS if all(held.get(name) for name in kind)]
    if len(kinds) == 1:
        return kinds[0]
    known = ", or ".join(" and ".join(kind) for kind in _KINDS)
    if kinds:
        raise Refused(f"the Secret holds several kinds of credentials ({', '.join(sorted(held))}): keep one of {known}")
    raise Refused(f"the Secret must hold {known}; it holds {', '.join(sorted(held))}, or empty values")


def _is_token(value: object) -> TypeGuard[str]:
    """Whether this can be sent as a token: servers refuse headers that are larger."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TOKEN


def _read_seconds(value: object) -> float:
    """Read ``expires_in``, which some servers give as text and some leave out."""
    try:
        seconds = float(str(value))
    except ValueError:
        return _UNSAID_SECONDS
    return seconds if 0 < seconds < float("inf") else _UNSAID_SECONDS


def _explain(error: Exception) -> TryLater:
    """A token endpoint has no tasks: what means "gone" or "rejected" elsewhere means a wrong address here."""
    if isinstance(error, TryLater):
        return error
    assert isinstance(error, Gone | Rejected)  # noqa: S101 - what build_error builds
    return Refused(f"no access token: {error}; is the address right?")
