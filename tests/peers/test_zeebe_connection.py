"""The adapter, a real Zeebe 8.6, and what goes wrong between them: lost answers, credentials, TLS, a dead broker."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from aiohttp import web

from peers.contract import DONE, FAILED, LEASE_SECONDS, claim_one
from peers.front import Authority, Front, lose_first, open_front
from peers.servers.zeebe import Zeebe as Server
from peers.zeebe_engine import RUN_SECONDS, Engine, start_and_claim
from scriptrun.errors import Gone, Refused, TryLater

T = TypeVar("T")


@pytest.fixture
def engine(zeebe_engine: Engine) -> Engine:
    """A process of the test's own."""
    return zeebe_engine


async def test_the_answer_to_a_completion_is_lost(engine: Engine) -> None:
    async with open_front(engine.server.address) as front:
        front.lose = lose_first(lambda request: request.path.endswith("/completion"))
        adapter = engine.open(zeebe={"address": front.address})
        ended = asyncio.ensure_future(engine.run({}))
        task = await claim_one(adapter)
        with pytest.raises(TryLater, match="the connection broke"):
            await adapter.report(task.handle, DONE)
        with pytest.raises(Gone):  # after a try without an answer: confirmed by absence
            await adapter.report(task.handle, DONE)
        assert (await ended)["answer"] == 42


async def test_the_answer_to_a_failure_is_lost(engine: Engine) -> None:
    async with open_front(engine.server.address) as front:
        front.lose = lose_first(lambda request: request.path.endswith("/failure"))
        adapter, task = await start_and_claim(engine, zeebe={"address": front.address})
        with pytest.raises(TryLater, match="the connection broke"):
            await adapter.report(task.handle, FAILED)
        with pytest.raises(Gone):
            await adapter.report(task.handle, FAILED)
        await engine.pass_time(2)
        assert (await claim_one(adapter)).identity == f"{task.id}-2"  # one try gone, not two


async def test_the_answer_to_a_claim_is_lost(engine: Engine) -> None:
    async with open_front(engine.server.address) as front:
        front.lose = lose_first(lambda request: request.path.endswith("/activation"))
        adapter = engine.open(zeebe={"address": front.address})
        await engine.start({})
        with pytest.raises(TryLater, match="the connection broke"):
            await adapter.claim(1)
        assert await adapter.claim(1) == []  # leased to whom it never reached
        await engine.pass_time(LEASE_SECONDS + 1)
        assert (await claim_one(adapter)).identity.endswith("-3")


async def test_a_poll_that_was_given_up_loses_nothing(engine: Engine) -> None:
    given_up = asyncio.ensure_future(engine.open(longPollSeconds=20).claim(1))
    await asyncio.sleep(1)
    given_up.cancel()
    await asyncio.wait([given_up])
    await engine.start({})
    adapter = engine.open()
    # The gateway does not notice, and gives the job to nobody: it comes again when its lease has run out.
    assert await adapter.claim(1) == []
    await engine.pass_time(LEASE_SECONDS + 1)
    assert (await claim_one(adapter)).identity.endswith("-3")


async def test_another_address_is_refused_and_nothing_is_taken_for_gone(engine: Engine) -> None:
    _, task = await start_and_claim(engine)
    for address in (f"{engine.server.address}/elsewhere", engine.server.management):
        adapter = engine.open(zeebe={"address": address})
        with pytest.raises(Refused, match="there is no REST API v2"):
            await adapter.claim(1)
        with pytest.raises(Refused, match="is this Zeebe's REST API"):
            await adapter.extend(task.handle)
        with pytest.raises(Refused, match="is this Zeebe's REST API"):
            await adapter.report(task.handle, DONE)


async def test_the_port_of_the_other_protocol(engine: Engine) -> None:
    with pytest.raises(TryLater, match="the connection broke"):
        await engine.open(zeebe={"address": engine.server.grpc_address}).claim(1)


def demand(header: str, value: str) -> Any:
    """Admit only those who show this."""

    def admit(request: web.Request) -> web.Response | None:
        if request.headers.get(header) == value:
            return None
        return web.json_response({"title": "Unauthorized", "detail": "who are you?"}, status=401)

    return admit


async def test_a_password(engine: Engine) -> None:
    async with open_front(engine.server.address) as front:
        front.admit = demand("Authorization", "Basic bWU6cGFzcw==")
        at_front: dict[str, Any] = {"zeebe": {"address": front.address}}
        _, task = await start_and_claim(engine, secret={"username": "me", "password": "pass"}, **at_front)
        for secret in ({}, {"username": "me", "password": "wrong"}, {"token": "x"}):
            with pytest.raises(Refused, match=r"401: who are you\?\. The credentials are missing, wrong or expired"):
                await engine.open(secret=secret, **at_front).report(task.handle, DONE)
        assert ("POST", f"/v2/jobs/{task.id}/completion") not in front.passed


async def test_an_access_token_is_renewed_when_it_is_withdrawn(engine: Engine) -> None:
    tokens = (f"token-{number}" for number in itertools.count())
    given: list[str] = []

    def admit(request: web.Request) -> web.Response | None:
        if request.path == "/oauth/token":
            given.append(next(tokens))
            return web.json_response({"access_token": given[-1], "expires_in": 3600})
        wanted = f"Bearer {given[-1]}" if given else "?"
        return None if request.headers.get("Authorization") == wanted else web.json_response({}, status=401)

    async with open_front(engine.server.address) as front:
        front.admit = admit
        adapter = engine.open(
            secret={"clientId": "me", "clientSecret": "s3cret"},
            zeebe={"address": front.address},
            oauth2={"tokenUrl": f"{front.address}/oauth/token", "audience": "zeebe"},
            credentialsSecret={"name": "x"},
        )
        await engine.start({})
        task = await claim_one(adapter)
        given.append("another, given to somebody else")
        assert await adapter.report(task.handle, DONE) == "completed"
        assert len(given) == 3


@asynccontextmanager
async def secure(engine: Engine, tmp_path: Any, name: str, host: str) -> AsyncIterator[tuple[Front, str]]:
    authority = Authority(tmp_path)
    async with open_front(engine.server.address, authority.issue(name), host) as front:
        yield front, authority.certificate


async def test_tls_with_an_authority_of_its_own(engine: Engine, tmp_path: Any) -> None:
    async with secure(engine, tmp_path, "DNS:localhost", "localhost") as (front, certificate):
        at_front: dict[str, Any] = {"zeebe": {"address": front.address}}
        adapter, task = await start_and_claim(engine, certificates=certificate, **at_front)
        assert await adapter.report(task.handle, DONE) == "completed"
        with pytest.raises(Refused, match=r"localhost:\d+ is not trusted .* name its authority's in caConfigMap"):
            await engine.open(**at_front).claim(1)
        plain = front.address.replace("https:", "http:")
        with pytest.raises(TryLater):
            await engine.open(zeebe={"address": plain}).claim(1)


async def test_tls_with_a_certificate_for_another_name(engine: Engine, tmp_path: Any) -> None:
    async with secure(engine, tmp_path, "DNS:zeebe.example", "localhost") as (front, certificate):
        with pytest.raises(Refused, match=r"localhost:\d+ is for another name \(.*'localhost'\): use the name that"):
            await engine.open(certificates=certificate, zeebe={"address": front.address}).claim(1)
    assert front.passed == []


@pytest.fixture
async def mortal(tmp_path: Any) -> AsyncIterator[Engine]:
    """An engine on a broker that one test may kill."""
    with Server(tmp_path) as server:
        engine = Engine(server, "mortal")
        engine.deploy()
        yield engine
        await engine.close()


async def persist(act: Callable[[], Awaitable[T]]) -> T:
    """Do it as the loop would: again, as long as the answer is "later"."""
    async with asyncio.timeout(RUN_SECONDS):
        while True:
            try:
                return await act()
            except TryLater:
                await asyncio.sleep(0.2)


async def test_the_broker_is_killed_and_comes_back(mortal: Engine) -> None:
    adapter, task = await start_and_claim(mortal)
    await asyncio.to_thread(mortal.server.kill)
    acts: list[Callable[[], Awaitable[object]]] = [
        lambda: adapter.claim(1),
        lambda: adapter.extend(task.handle),
        lambda: adapter.report(task.handle, DONE),
    ]
    for act in acts:
        with pytest.raises(TryLater, match=r"can't be reached|the connection broke") as caught:
            await act()
        assert not isinstance(caught.value, Refused)
    await asyncio.to_thread(mortal.server.start)
    await persist(lambda: adapter.extend(task.handle))
    assert await persist(lambda: adapter.report(task.handle, DONE)) == "completed"
