"""Credentials: what is sent, when a token is asked for, and what is said when there is none."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from scriptrun.errors import Refused, TryLater
from scriptrun.models.bridge import OAuth2
from scriptrun.orchestrators.credentials import (
    CONDUCTOR_TOKEN_SECONDS,
    ConductorToken,
    OAuth2Token,
    build_credentials,
)
from scriptrun.orchestrators.http_client import Credentials, Http
from unit.orchestrators.standin import StandIn, say, say_text, serve

ENDPOINT = OAuth2(token_url="http://login/token", audience="zeebe.example", scope="a b")


class Clock:
    """Moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def give(token: str, seconds: Any = 300) -> web.Response:
    return say(200, {"access_token": token, "token_type": "Bearer", "expires_in": seconds})


C = TypeVar("C", bound=Credentials)


@asynccontextmanager
async def closing(credentials: C) -> AsyncIterator[C]:
    try:
        yield credentials
    finally:
        await credentials.close()


@asynccontextmanager
async def oauth2_of(*answers: web.Response, clock: Clock | None = None) -> AsyncIterator[tuple[OAuth2Token, StandIn]]:
    """Credentials that get these answers from their token endpoint."""
    async with serve(*answers) as server:
        http = Http(server.address + "/token", secrets=["s3cret"])
        async with closing(OAuth2Token(http, ("me", "s3cret"), ENDPOINT, clock or Clock())) as credentials:
            yield credentials, server


async def test_a_password_and_a_token_are_sent_as_they_are() -> None:
    basic = build_credentials({"username": "me", "password": "pä ss\n"}, address="http://x")
    assert basic is not None
    assert await basic.build_headers() == {"Authorization": "Basic bWU6cMOkIHNz"}
    bearer = build_credentials({"token": "abc\n"}, address="http://x")
    assert bearer is not None
    assert await bearer.build_headers() == {"Authorization": "Bearer abc"}
    assert not bearer.forget(await bearer.build_headers())


def test_no_secret_means_no_credentials() -> None:
    assert build_credentials({}, address="http://x") is None


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ({"user": "s3cret"}, "the Secret must hold username and password, or token, .* it holds user"),
        ({"username": "me"}, "it holds username"),
        ({"token": "\n"}, "it holds token, or empty values"),
        ({"token": "s3cret", "username": "a", "password": "s3cret"}, "several kinds of credentials"),
        ({"clientId": "me", "clientSecret": "s3cret"}, r"oauth2\.tokenUrl is not set"),
    ],
)
def test_a_secret_that_can_not_be_used(secret: Mapping[str, str], message: str) -> None:
    with pytest.raises(Refused, match=message) as caught:
        build_credentials(secret, address="http://x")
    assert "s3cret" not in str(caught.value)


async def test_an_access_token_is_asked_for_by_the_client_credentials_grant() -> None:
    async with serve(give("one")) as server:
        oauth2 = ENDPOINT.model_copy(update={"token_url": server.address + "/token"})
        credentials = build_credentials(
            {"clientId": "me", "clientSecret": "s3&cret"}, address="http://unused", oauth2=oauth2
        )
        assert credentials is not None
        async with closing(credentials):
            assert await credentials.build_headers() == {"Authorization": "Bearer one"}
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/token")
    assert parse_qs(asked.body) == {
        "grant_type": ["client_credentials"],
        "client_id": ["me"],
        "client_secret": ["s3&cret"],
        "audience": ["zeebe.example"],
        "scope": ["a b"],
    }


async def test_a_token_is_kept_and_renewed_before_it_ends() -> None:
    clock = Clock()
    async with oauth2_of(give("one", 100), give("two", "100"), clock=clock) as (credentials, server):
        assert (await credentials.build_headers())["Authorization"] == "Bearer one"
        clock.now += 79
        assert (await credentials.build_headers())["Authorization"] == "Bearer one"
        assert len(server.asked) == 1
        clock.now += 2
        assert (await credentials.build_headers())["Authorization"] == "Bearer two"


async def test_a_token_still_good_is_used_while_no_other_can_be_had() -> None:
    clock = Clock()
    async with oauth2_of(give("one", 100), say(503, {"message": "down"}), clock=clock) as (credentials, _):
        await credentials.build_headers()
        clock.now += 99
        assert (await credentials.build_headers())["Authorization"] == "Bearer one"
        clock.now += 1
        with pytest.raises(TryLater, match="answered 503: down"):
            await credentials.build_headers()


async def test_many_that_ask_at_once_get_one_token() -> None:
    async with oauth2_of(give("one")) as (credentials, server):
        headers = await asyncio.gather(*(credentials.build_headers() for _ in range(20)))
        assert len(server.asked) == 1
        assert {header["Authorization"] for header in headers} == {"Bearer one"}


async def test_a_refused_token_is_forgotten_by_those_who_used_it() -> None:
    async with oauth2_of(give("one"), give("two")) as (credentials, server):
        first = await credentials.build_headers()
        assert credentials.forget(first)
        second = await credentials.build_headers()
        assert credentials.forget(first)  # by another request, sent before: the new one is not to blame
        assert await credentials.build_headers() == second
        assert len(server.asked) == 2


@pytest.mark.parametrize("seconds", [None, "soon", 0, -1, float("inf")])
async def test_a_life_that_is_not_said_is_taken_as_short(seconds: Any) -> None:
    clock = Clock()
    text = json.dumps({"access_token": "one", "expires_in": seconds})
    async with oauth2_of(say_text(200, text, "application/json"), clock=clock) as (credentials, server):
        await credentials.build_headers()
        clock.now += 200
        await credentials.build_headers()
        assert len(server.asked) == 1
        clock.now += 100
        await credentials.build_headers()
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            say(401, {"error": "invalid_client", "error_description": "no client me with s3cret"}),
            r"no access token: POST .*/token answered 401 \(invalid_client: no client me with \[hidden\]\)",
        ),
        (say(400, {"error": "invalid_scope"}), r"answered 400 \(invalid_scope\)"),
        (say(400, {"error": "s3cret-of-another", "message": "m"}), r"answered 400 \(m\)"),
        (say(200, {"token": "x"}), r"without one; is oauth2\.tokenUrl right"),
        (say(200, {"access_token": "x" * 16_385}), "without one"),
        (say(200, {"access_token": ["x"]}), "without one"),
        (say(200, [1]), "without one"),
        (say(404, {}), "is the address right"),
        (say(418, {}), "is the address right"),
        (say_text(200, "<html>", "text/html"), "with a web page instead of JSON"),
    ],
)
async def test_no_token_for_a_reason_that_a_person_must_mend(answer: web.Response, message: str) -> None:
    async with oauth2_of(answer) as (credentials, _):
        with pytest.raises(Refused, match=message) as caught:
            await credentials.build_headers()
        assert "s3cret" not in str(caught.value)


async def test_conductor_gives_a_token_for_key_and_secret() -> None:
    clock = Clock()
    async with serve(say(200, {"token": "one"}), say(200, {"token": "two"})) as server:
        async with closing(ConductorToken(Http(server.address), ("id", "s3cret"), clock)) as credentials:
            assert await credentials.build_headers() == {"X-Authorization": "one"}
            clock.now += CONDUCTOR_TOKEN_SECONDS * 0.79
            assert await credentials.build_headers() == {"X-Authorization": "one"}
            clock.now += CONDUCTOR_TOKEN_SECONDS * 0.02
            assert await credentials.build_headers() == {"X-Authorization": "two"}
    assert (server.asked[0].method, server.asked[0].path) == ("POST", "/api/token")
    assert json.loads(server.asked[0].body) == {"keyId": "id", "keySecret": "s3cret"}


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (say(404, {}), Refused, "knows no keys, so leave credentialsSecret away"),
        (say(401, {"message": "bad s3cret"}), Refused, r"gives no token for this keyId and keySecret: bad \[hidden\]"),
        (say(200, {}), Refused, "answered without a token"),
        (say(500, {"message": "down"}), TryLater, "answered 500: down"),
    ],
)
async def test_conductor_gives_no_token(answer: web.Response, error: type[Exception], message: str) -> None:
    async with serve(answer) as server:
        credentials = build_credentials({"keyId": "id", "keySecret": "s3cret"}, address=server.address)
        assert credentials is not None
        async with closing(credentials):
            with pytest.raises(error, match=message) as caught:
                await credentials.build_headers()
        assert "s3cret" not in str(caught.value)
