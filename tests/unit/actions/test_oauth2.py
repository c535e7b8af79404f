"""Access tokens from a real token endpoint on loopback: one at a time, rotated, kept before they are used."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from scriptrun_actions.errors import ActionError
from scriptrun_actions.model import Action, OAuth2
from scriptrun_actions.oauth2 import MemoryStore, StoreChanged, Tokens, TokenSource
from unit.actions.conftest import Clock, Open
from unit.actions.server import Received, Server, answer

GET = Action("get", "GET", "/x")


class Authority:
    """A token endpoint: each refresh token is good for once, and a second use of one ends all (RFC 9700, 4.14.2)."""

    def __init__(self, *, rotates: bool = True, seconds: int = 300) -> None:
        self.good = {"refresh-0"}
        self.given = 0
        self.access: set[str] = set()
        self.reused = False
        self._rotates = rotates
        self._seconds = seconds

    def reply(self, request: Received) -> bytes:
        assert base64.b64decode(request.headers["authorization"].removeprefix("Basic ")) == b"me%3A1:s%2Fcret"
        form = request.form
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.good:
                self.reused = True
                return answer(400, {"error": "invalid_grant", "error_description": "token s/cret was used"})
            if self._rotates:
                self.good.discard(form["refresh_token"])
        self.given += 1
        self.access.add(f"access-{self.given}")
        document = {"access_token": f"access-{self.given}", "token_type": "Bearer", "expires_in": self._seconds}
        if form["grant_type"] == "refresh_token" and self._rotates:
            self.good.add(f"refresh-{self.given}")
            document["refresh_token"] = f"refresh-{self.given}"
        return answer(200, document)

    def guard(self, request: Received) -> bytes:
        """The API: takes tokens that were given and not taken back."""
        token = request.headers["authorization"].removeprefix("Bearer ")
        return answer(200, {"token": token}) if token in self.access else answer(401, {"error": "no"})


def build(url: str, grant: str = "refresh_token") -> OAuth2:
    return OAuth2(f"{url}/token", "me:1", "s/cret", grant, scope="a b")  # type: ignore[arg-type]


async def test_client_credentials_are_asked_for_once_and_again_when_they_end(open_client: Open, clock: Clock) -> None:
    authority = Authority()
    async with Server(authority.reply) as tokens, Server(authority.guard) as api:
        async with open_client(api.url, build(tokens.url, "client_credentials")) as client:
            await asyncio.gather(*(client.call(GET, {}) for _ in range(5)))
            assert (authority.given, tokens.received[0].form["scope"]) == (1, "a b")
            clock.time += 271
            assert (await client.call(GET, {})).body == {"token": "access-2"}


async def test_a_token_that_is_refused_is_renewed_once(open_client: Open) -> None:
    authority = Authority()
    async with Server(authority.reply) as tokens, Server(authority.guard) as api:
        async with open_client(api.url, build(tokens.url, "client_credentials")) as client:
            await client.call(GET, {})
            authority.access.clear()
            await asyncio.gather(*(client.call(GET, {}) for _ in range(4)))
            assert authority.given == 2
    async with Server(authority.reply) as tokens, Server([answer(401)]) as api:
        async with open_client(api.url, build(tokens.url, "client_credentials")) as client:
            with pytest.raises(ActionError) as caught:
                await client.call(GET, {})
        assert (caught.value.status, len(api.received)) == (401, 2)


class SharedStore:
    """What several processes see of one Secret.

    Attributes:
        on_save: called before each write.
    """

    def __init__(self) -> None:
        self.kept = Tokens(refresh_token="refresh-0", version="1")
        self.on_save: Callable[[], object] = lambda: None

    async def load(self) -> Tokens:
        await asyncio.sleep(0)
        return self.kept

    async def save(self, tokens: Tokens) -> Tokens:
        await asyncio.sleep(0)
        self.on_save()
        if tokens.version != self.kept.version:
            raise StoreChanged
        self.kept = replace(tokens, version=str(int(self.kept.version) + 1))
        return self.kept


async def test_a_rotated_token_is_kept_before_the_access_token_is_used(open_client: Open) -> None:
    authority, store = Authority(seconds=10), SharedStore()
    used: list[str] = []

    def guard(request: Received) -> bytes:
        used.append(store.kept.access_token)
        return authority.guard(request)

    async with Server(authority.reply) as tokens, Server(guard) as api:
        async with open_client(api.url, build(tokens.url), store) as client:
            for _ in range(3):
                await client.call(GET, {})
    assert used == ["access-1", "access-2", "access-3"]
    assert (store.kept.refresh_token, authority.reused) == ("refresh-3", False)


async def test_a_secret_that_somebody_edits_meanwhile_is_written_all_the_same(open_client: Open) -> None:
    authority, store = Authority(), SharedStore()

    def edit() -> None:
        store.on_save = lambda: None
        store.kept = replace(store.kept, version="7")

    store.on_save = edit
    async with Server(authority.reply) as tokens, Server(authority.guard) as api:
        async with open_client(api.url, build(tokens.url), store) as client:
            await client.call(GET, {})
    assert (store.kept.refresh_token, store.kept.version) == ("refresh-1", "9")  # the claim, then the tokens


async def test_another_process_that_was_faster_has_the_good_tokens(open_client: Open, clock: Clock) -> None:
    authority, store = Authority(rotates=False), SharedStore()

    def rotate() -> None:
        store.on_save = lambda: None
        authority.access.add("access-other")
        store.kept = Tokens("access-other", "refresh-other", clock.time + 300, "9")

    store.on_save = rotate
    async with Server(authority.reply) as tokens, Server(authority.guard) as api:
        async with open_client(api.url, build(tokens.url), store) as client:
            assert (await client.call(GET, {})).body == {"token": "access-other"}
    assert store.kept.refresh_token == "refresh-other"


async def test_processes_that_share_a_secret_use_a_refresh_token_once(open_client: Open) -> None:
    authority, store = Authority(), SharedStore()
    async with Server(authority.reply) as tokens, Server(authority.guard) as api, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(open_client(api.url, build(tokens.url), store)) for _ in range(4)]
        responses = await asyncio.gather(*(client.call(GET, {}) for client in clients for _ in range(3)))
    assert [response.body for response in responses] == [{"token": "access-1"}] * 12
    assert (authority.given, authority.reused, store.kept.claimed_by) == (1, False, "")


async def test_the_claim_of_a_process_that_is_gone_lapses(open_client: Open, clock: Clock) -> None:
    authority, store = Authority(), SharedStore()
    store.kept = replace(store.kept, claimed_by="gone", claimed_until=clock.time + 60)
    async with Server(authority.reply) as tokens, Server(authority.guard) as api:
        async with open_client(api.url, build(tokens.url), store) as client:
            assert (await client.call(GET, {})).body == {"token": "access-1"}
    assert sum(clock.waits) == 60


async def test_a_call_that_is_canceled_loses_no_rotated_token() -> None:
    authority, store = Authority(), SharedStore()
    asked, go = asyncio.Event(), asyncio.Event()

    async def ask(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        authority.good.discard("refresh-0")
        asked.set()
        await go.wait()
        return 200, b'{"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 300}'

    source = TokenSource(build("http://127.0.0.1"), store, ask, lambda: 0.0)
    call = asyncio.create_task(source.get())
    await asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    again = asyncio.create_task(source.get())
    go.set()
    assert await again == "access-1"
    await source.aclose()
    assert (store.kept.access_token, store.kept.refresh_token) == ("access-1", "refresh-1")


async def test_closing_does_not_wait_for_the_claim_of_another_process() -> None:
    store, waiting = SharedStore(), asyncio.Event()
    store.kept = replace(store.kept, claimed_by="other", claimed_until=60.0)

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async def ask(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        raise AssertionError("the refresh token is another's")

    source = TokenSource(build("http://127.0.0.1"), store, ask, lambda: 0.0, sleep)
    call = asyncio.create_task(source.get())
    await waiting.wait()
    await source.aclose()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_refusal_gives_the_claim_back(open_client: Open) -> None:
    store = SharedStore()
    async with Server([answer(400, {"error": "invalid_grant"})]) as tokens, Server([answer()]) as api:
        async with open_client(api.url, build(tokens.url), store) as client:
            with pytest.raises(ActionError, match="invalid_grant"):
                await client.call(GET, {})
    assert (store.kept.claimed_by, store.kept.refresh_token) == ("", "refresh-0")


async def test_no_token_says_why_and_shows_no_secret(open_client: Open) -> None:
    for status, body, words in (
        (
            400,
            {"error": "invalid_client", "error_description": "s/cret is wrong"},
            "answered 400: invalid_client [hidden] is",
        ),
        (200, {"token": 1}, "answered 200: no access_token"),
        (200, [], "without a JSON object"),
        (302, None, "answered 302"),
    ):
        reply = answer(status, body, {"location": "/elsewhere"})
        async with Server([reply]) as tokens, Server([answer()]) as api:
            async with open_client(api.url, build(tokens.url, "client_credentials")) as client:
                with pytest.raises(ActionError) as caught:
                    await client.call(GET, {})
            assert (caught.value.reason, words in caught.value.message) == ("Unauthorized", True), caught.value.message
            assert (len(tokens.received), api.received) == (1, [])


async def test_without_a_refresh_token_nobody_is_asked(open_client: Open) -> None:
    async with Server([answer()]) as tokens, Server([answer()]) as api:
        async with open_client(api.url, build(tokens.url), MemoryStore()) as client:
            with pytest.raises(ActionError, match="has no refreshToken"):
                await client.call(GET, {})
    assert tokens.received == api.received == []
