"""How calls sign in: one adapter for each kind of credentials."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace

from scriptrun_actions.build import Request
from scriptrun_actions.errors import ActionError
from scriptrun_actions.model import ApiKey, Auth, Basic, CustomHeaders, NoAuth, OAuth2
from scriptrun_actions.oauth2 import TokenSource

__all__ = ["Credentials", "list_secrets", "sign_in"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is added to a request that goes to the Connection's own origin, and to no other."""

    request: Request
    token: str = ""  # the access token in it, for when the server refuses it


async def sign_in(request: Request, auth: Auth, tokens: TokenSource | None, refused: str = "") -> Credentials:
    """Add credentials to a request.

    Args:
        request: what is sent.
        auth: how to sign in.
        tokens: of an OAuth2 Connection.
        refused: an access token that the server has refused.

    Raises:
        ActionError: Unauthorized, no token is to be had; InvalidAction, what is in the Secret can't be a header.
    """
    if isinstance(auth, NoAuth):
        return Credentials(request)
    if isinstance(auth, ApiKey):
        if auth.place == "query":
            return Credentials(request.with_query(auth.name, auth.value))
        return Credentials(_with_headers(request, {auth.name: auth.value}))
    if isinstance(auth, Basic):
        pair = base64.b64encode(f"{auth.username}:{auth.password}".encode()).decode()
        return Credentials(_with_headers(request, {"authorization": f"Basic {pair}"}))
    if isinstance(auth, CustomHeaders):
        return Credentials(_with_headers(request, dict(auth.headers)))
    if tokens is None:
        raise ActionError("InvalidAction", "the Connection has no source of tokens")
    token = await tokens.get(refused)
    return Credentials(_with_headers(request, {"authorization": f"Bearer {token}"}), token)


def _with_headers(request: Request, added: dict[str, str]) -> Request:
    for name, value in added.items():
        if any(character in value for character in "\r\n\0") or not value.isascii():
            raise ActionError("InvalidAction", f"the Secret's value for the header {name} is no header: a line break?")
    return replace(request, headers={**request.headers, **{name.lower(): value for name, value in added.items()}})


def list_secrets(auth: Auth) -> Iterable[str]:
    """List what of an Auth must never show."""
    if isinstance(auth, ApiKey):
        yield auth.value
    elif isinstance(auth, Basic):
        yield auth.password
        yield f"{auth.username}:{auth.password}"
    elif isinstance(auth, CustomHeaders):
        for value in auth.headers.values():
            yield value
            yield from value.split()[1:]  # `Bearer …`
    elif isinstance(auth, OAuth2):
        yield auth.client_secret
        yield f"{auth.client_id}:{auth.client_secret}"
