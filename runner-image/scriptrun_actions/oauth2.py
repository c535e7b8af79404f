"""OAuth 2.0 access tokens: asked for once by all who need them, and kept before they are used.

A refresh token may be good for one use, and a second use may end all tokens (RFC 9700, 4.14.2). So a process claims it
in the store before it sends it, and the others wait. A renewal goes on even if the call that needed it does not.
"""

import asyncio
import base64
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import quote_plus, urlencode

from scriptrun_actions.errors import ActionError
from scriptrun_actions.model import OAuth2

__all__ = [
    "AskForTokens",
    "MemoryStore",
    "StoreChanged",
    "TokenSource",
    "TokenStore",
    "Tokens",
    "build_grant",
    "read_grant",
]

_RENEWED_BEFORE_SECONDS = 30.0
_TRIES = 3
_CLAIM_SECONDS = 60.0  # longer than the token endpoint may take to answer
_CLAIM_POLL_SECONDS = 0.5
_CLAIM_TRIES = 240  # waits, and writes of others that came in between
_LIFE_SECONDS = 300.0  # of a token whose server says nothing of it


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is kept.

    Attributes:
        access_token: "" for none.
        refresh_token: "" for none.
        expires_at: when the access token ends, in seconds since 1970.
        version: of the store, when this was read.
        claimed_by: who is using the refresh token; "" for nobody.
        claimed_until: when that claim lapses, in seconds since 1970: its process may be gone.
    """

    access_token: str = ""
    refresh_token: str = ""
    expires_at: float = 0.0
    version: str = ""
    claimed_by: str = ""
    claimed_until: float = 0.0


class StoreChanged(Exception):  # noqa: N818 - it is what happened
    """Somebody else has written to the store since it was read."""


class TokenStore(Protocol):
    """Where tokens are kept, such as a Secret."""

    async def load(self) -> Tokens:
        """Read what is kept."""

    async def save(self, tokens: Tokens) -> Tokens:
        """Keep tokens in the place of those of ``tokens.version``; returns them with the new version.

        Raises:
            StoreChanged: others were kept meanwhile.
        """


class MemoryStore:
    """Keeps tokens for the life of a process: enough for client credentials."""

    def __init__(self, refresh_token: str = "") -> None:
        self._tokens = Tokens(refresh_token=refresh_token, version="0")

    async def load(self) -> Tokens:
        """What is kept."""
        return self._tokens

    async def save(self, tokens: Tokens) -> Tokens:
        """Keep others."""
        if tokens.version != self._tokens.version:
            raise StoreChanged
        self._tokens = replace(tokens, version=str(int(tokens.version) + 1))
        return self._tokens


AskForTokens = Callable[[bytes, dict[str, str]], Awaitable[tuple[int, bytes]]]
"""Posts a form, with headers, to the token endpoint; returns status and body."""


class TokenSource:
    """Access tokens of one Connection."""

    def __init__(
        self,
        auth: OAuth2,
        store: TokenStore,
        ask: AskForTokens,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._auth = auth
        self._sleep = sleep
        self._owner = uuid.uuid4().hex
        self._renewal: asyncio.Task[str] | None = None
        self._asking = False
        self._store = store
        self._ask = ask
        self._now = now
        self._lock = asyncio.Lock()

    async def get(self, refused: str = "") -> str:
        """Get an access token; one that a server has refused is not given again.

        Raises:
            ActionError: Unauthorized, the token endpoint gives none.
        """
        async with self._lock:  # whoever waits here finds the token of the one before
            tokens = await self._store.load()
            if self._is_good(tokens, refused):
                return tokens.access_token
            if self._renewal is None or self._renewal.done():
                self._renewal = asyncio.create_task(self._renew(tokens, refused))
                self._renewal.add_done_callback(_take_note)
            # A call that times out must not take a rotated token with it: the next one waits for the same renewal.
            return await asyncio.shield(self._renewal)

    async def aclose(self) -> None:
        """End: a request for tokens that was sent is waited for, so that a rotated token is kept."""
        if self._renewal is not None and not self._renewal.done():
            if not self._asking:
                self._renewal.cancel()  # it only waits for another process
            await asyncio.wait([self._renewal])

    async def _renew(self, tokens: Tokens, refused: str) -> str:
        self._asking = False
        if self._auth.grant != "refresh_token":
            return await self._keep(await self._request(tokens), tokens, refused)
        claimed = await self._claim(refused)
        if self._is_good(claimed, refused):
            return claimed.access_token
        self._asking = True
        try:
            fresh = await self._request(claimed)
        except BaseException:
            await self._release(claimed)
            raise
        return await self._keep(fresh, claimed, refused)

    async def _claim(self, refused: str) -> Tokens:
        """Claim the refresh token, or find an access token that another process got meanwhile."""
        for _ in range(_CLAIM_TRIES):
            tokens = await self._store.load()
            if self._is_good(tokens, refused) or not tokens.refresh_token:
                return tokens
            if tokens.claimed_by not in ("", self._owner) and tokens.claimed_until > self._now():
                await self._sleep(_CLAIM_POLL_SECONDS)
                continue
            try:
                return await self._store.save(
                    replace(tokens, claimed_by=self._owner, claimed_until=self._now() + _CLAIM_SECONDS)
                )
            except StoreChanged:
                continue
        raise ActionError("Unauthorized", "the refresh token is in use by another process for too long")

    async def _release(self, claimed: Tokens) -> None:
        """Give a claim back; where that fails it lapses."""
        try:
            await self._store.save(replace(claimed, claimed_by="", claimed_until=0.0))
        except StoreChanged:
            return

    async def _keep(self, fresh: Tokens, before: Tokens, refused: str) -> str:
        """Keep new tokens, and give the access token only then: a crash in between must not lose a rotated one."""
        for _ in range(_TRIES):
            try:
                return (await self._store.save(fresh)).access_token
            except StoreChanged:
                kept = await self._store.load()
            if self._is_good(kept, refused):
                return kept.access_token  # another process was faster, and with rotation only its tokens are good
            if kept.refresh_token != before.refresh_token:
                break
            fresh = replace(fresh, version=kept.version)
        raise ActionError("Unauthorized", "the tokens could not be kept: others are being written all the time")

    def _is_good(self, tokens: Tokens, refused: str) -> bool:
        lasts = tokens.expires_at - self._now() > _RENEWED_BEFORE_SECONDS
        return bool(tokens.access_token) and lasts and tokens.access_token != refused

    async def _request(self, tokens: Tokens) -> Tokens:
        body, headers = build_grant(self._auth, tokens.refresh_token)
        status, answer = await self._ask(body, headers)
        return read_grant(status, answer, tokens, self._now())


def _take_note(renewal: asyncio.Task[str]) -> None:
    """Take note of how a renewal ended that nobody waits for any more; the next call meets the same error itself."""
    if not renewal.cancelled():
        renewal.exception()


def build_grant(auth: OAuth2, refresh_token: str) -> tuple[bytes, dict[str, str]]:
    """Build the request for tokens: its form and headers; the client signs in by Basic (RFC 6749, 2.3.1).

    Raises:
        ActionError: Unauthorized, there is no refresh token.
    """
    fields: dict[str, str] = {"grant_type": auth.grant}
    if auth.grant == "refresh_token":
        if not refresh_token:
            raise ActionError("Unauthorized", "the Connection's Secret has no refreshToken")
        fields["refresh_token"] = refresh_token
    if auth.scope:
        fields["scope"] = auth.scope
    if auth.audience:
        fields["audience"] = auth.audience
    pair = f"{quote_plus(auth.client_id)}:{quote_plus(auth.client_secret)}"
    headers = {
        "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
        "content-type": "application/x-www-form-urlencoded",
        "accept": "application/json",
    }
    return urlencode(fields).encode(), headers


def read_grant(status: int, answer: bytes, before: Tokens, now: float) -> Tokens:
    """Read the answer of a token endpoint; a refresh token that is not rotated stays.

    Raises:
        ActionError: Unauthorized, with the error's code and description.
    """
    try:
        document = json.loads(answer)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ActionError("Unauthorized", f"the token endpoint answered {status} without a JSON object", status)
    if status != 200 or not isinstance(document.get("access_token"), str) or not document["access_token"]:
        said = " ".join(str(document.get(name) or "") for name in ("error", "error_description")).strip()[:500]
        raise ActionError("Unauthorized", f"the token endpoint answered {status}: {said or 'no access_token'}", status)
    lasts = document.get("expires_in")
    seconds = float(lasts) if isinstance(lasts, int | float) and lasts > 0 else _LIFE_SECONDS
    rotated = document.get("refresh_token")
    return Tokens(
        document["access_token"],
        rotated if isinstance(rotated, str) and rotated else before.refresh_token,
        now + seconds,
        before.version,
    )
