"""The line to an orchestrator: where credentials come from, when they are read anew, what is said of the connection."""

import asyncio
import base64
from collections.abc import Coroutine, Mapping
from typing import Any, cast

import pytest

from scriptrun.bridges.connection import OrchestratorConnection
from scriptrun.errors import Forbidden, Gone, NotFound, Refused, Rejected, TryLater, Unavailable
from scriptrun.kube.client import Client
from scriptrun.models.bridge import BridgeSpec
from scriptrun.orchestrators.adapter import Adapter, Handle, Outcome, Task
from unit.controller.conftest import quiet
from unit.controller.virtualtime import run_virtually

__all__ = ["quiet"]

SPEC = {"zeebe": {"address": "http://zeebe"}, "credentialsSecret": {"name": "camunda"}}
BRIDGE = ("team", "camunda")


class Cluster:
    """Holds a Secret, or refuses it; counts how often it is read."""

    def __init__(self, answer: Exception | Mapping[str, str]) -> None:
        self.answer = answer
        self.reads = 0

    async def get(self, _resource: object, namespace: str, name: str) -> dict[str, Any]:
        assert (namespace, name) == BRIDGE
        self.reads += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"data": {key: base64.b64encode(text.encode()).decode() for key, text in self.answer.items()}}


class FakeAdapter:
    """Knows which Secret it was made with."""

    def __init__(self, secret: Mapping[str, str], errors: list[Exception]) -> None:
        self.secret = dict(secret)
        self.errors = errors
        self.closed = False
        self.hold: asyncio.Event | None = None

    async def claim(self, _limit: int) -> list[Task]:
        assert not self.closed
        if self.hold:
            await self.hold.wait()
            assert not self.closed
        if self.errors:
            raise self.errors.pop(0)
        return []

    async def extend(self, handle: Handle) -> None:
        await self.claim(1)

    async def report(self, handle: Handle, outcome: Outcome) -> str:
        await self.claim(1)
        return "done"

    async def close(self) -> None:
        self.closed = True


class Place:
    """A line with all that it touches."""

    def __init__(self, answer: Exception | Mapping[str, str], **spec: Any) -> None:
        self.cluster = Cluster(answer)
        self.adapters: list[FakeAdapter] = []
        self.errors: list[Exception] = []
        self.changes = 0
        self.line = OrchestratorConnection(
            cast(Client, self.cluster), BRIDGE, BridgeSpec.model_validate({**SPEC, **spec}), self._build, self._note
        )

    def _build(self, spec: BridgeSpec, name: str, secret: Mapping[str, str], certificates: str) -> Adapter:
        assert (name, certificates) == ("camunda", "")
        self.adapters.append(FakeAdapter(secret, self.errors))
        return self.adapters[-1]

    def _note(self) -> None:
        self.changes += 1

    @property
    def standing(self) -> tuple[bool | None, str]:
        return self.line.standing.connected, self.line.standing.reason


def play(story: Coroutine[Any, Any, None]) -> None:
    run_virtually(story)


def test_a_secret_is_read_once_a_minute_and_kept_as_long_as_it_is_the_same() -> None:
    async def story() -> None:
        place = Place({"token": "a"})
        for _ in range(30):
            await place.line.claim(1)
            await asyncio.sleep(5)
        assert (place.cluster.reads, len(place.adapters)) == (3, 1)
        assert place.standing == (True, "Connected")
        assert place.changes == 1
        await place.line.close()
        assert place.adapters[0].closed

    play(story())


def test_a_new_secret_is_used_within_a_minute_and_nobody_is_cut_off() -> None:
    async def story() -> None:
        place = Place({"token": "a"})
        await place.line.claim(1)
        old = place.adapters[0]
        old.hold = asyncio.Event()
        polling = asyncio.create_task(place.line.claim(1))
        await asyncio.sleep(61)
        place.cluster.answer = {"token": "b"}
        await place.line.extend({})
        assert [adapter.secret for adapter in place.adapters] == [{"token": "a"}, {"token": "b"}]
        assert not old.closed, "a poll is under way"
        old.hold.set()
        await polling
        assert old.closed

    play(story())


MISSING: list[tuple[Exception, str]] = [
    (NotFound("no", 404), 'there is no Secret "camunda" (spec.credentialsSecret): create it'),
    (
        Forbidden("no", 403),
        'Secret "camunda" (spec.credentialsSecret) may not be read: add {namespace: team, name: camunda} to '
        "bridge.credentialsSecrets of the chart",
    ),
]


@pytest.mark.parametrize(("answer", "words"), MISSING, ids=["missing", "forbidden"])
def test_a_secret_that_can_not_be_had_is_named_and_asked_for_again(answer: Exception, words: str) -> None:
    async def story() -> None:
        place = Place(answer)
        with pytest.raises(Refused) as refusal:
            await place.line.claim(1)
        assert str(refusal.value) == words
        assert place.line.standing.message == words
        assert place.standing == (False, "CredentialsUnavailable")
        with pytest.raises(Refused):  # a thousand runs ask no oftener
            await place.line.extend({})
        assert place.cluster.reads == 1
        await asyncio.sleep(6)
        place.cluster.answer = {"token": "a"}
        await place.line.claim(1)
        assert place.standing == (True, "Connected")

    play(story())


def test_an_api_server_that_blinks_does_not_cut_the_line() -> None:
    async def story() -> None:
        place = Place({"token": "a"})
        await place.line.claim(1)
        await asyncio.sleep(61)
        place.cluster.answer = Unavailable("away", 503)
        await place.line.claim(1)
        assert (place.standing, len(place.adapters)) == ((True, "Connected"), 1)

    play(story())


def test_without_credentials_an_api_server_that_blinks_is_waited_for() -> None:
    async def story() -> None:
        place = Place(Unavailable("away", 503))
        with pytest.raises(TryLater) as trouble:
            await place.line.claim(1)
        assert not isinstance(trouble.value, Refused)
        place.cluster.answer = {"token": "a"}
        await asyncio.sleep(6)
        await place.line.claim(1)

    play(story())


def test_refused_credentials_are_said_so_and_read_again_soon() -> None:
    async def story() -> None:
        place = Place({"token": "wrong"})
        place.errors.append(Refused("401: wrong token"))
        with pytest.raises(Refused):
            await place.line.claim(1)
        assert place.standing == (False, "Refused")
        assert place.line.standing.message == "401: wrong token"
        place.cluster.answer = {"token": "right"}
        await asyncio.sleep(6)
        await place.line.claim(1)
        assert place.adapters[-1].secret == {"token": "right"}
        assert place.standing == (True, "Connected")

    play(story())


def test_one_lost_answer_is_no_news_and_five_seconds_of_them_are() -> None:
    async def story() -> None:
        place = Place({"token": "a"})
        await place.line.claim(1)
        place.errors.extend(TryLater("no answer") for _ in range(3))
        for seconds, standing in ((0, (True, "Connected")), (3, (True, "Connected")), (3, (False, "Unreachable"))):
            await asyncio.sleep(seconds)
            with pytest.raises(TryLater):
                await place.line.claim(1)
            assert place.standing == standing
        await place.line.claim(1)
        assert place.standing == (True, "Connected")
        assert place.changes == 3

    play(story())


def test_a_server_that_asks_for_a_long_pause_is_unreachable_at_once() -> None:
    async def story() -> None:
        place = Place({"token": "a"})
        place.errors.append(TryLater("answered 503", 300.0))
        with pytest.raises(TryLater):
            await place.line.claim(1)
        assert place.standing == (False, "Unreachable")

    play(story())


@pytest.mark.parametrize("answer", [Gone("gone"), Rejected("too large")])
def test_a_refusal_of_one_task_is_an_answer_too(answer: Exception) -> None:
    async def story() -> None:
        place = Place({"token": "a"})
        place.errors.append(answer)
        with pytest.raises(type(answer)):
            await place.line.report({}, Outcome(status="COMPLETED"))
        assert place.standing == (True, "Connected")

    play(story())


def test_a_defect_of_an_adapter_is_trouble_that_passes() -> None:
    async def story() -> None:
        place = Place({"token": "a"})
        place.errors.append(KeyError("jobs"))
        with pytest.raises(TryLater, match=r"the adapter failed \(KeyError\)"):
            await place.line.claim(1)
        assert await place.line.claim(1) == []

    play(story())


def test_another_address_is_taken_up_at_once() -> None:
    async def story() -> None:
        place = Place({"token": "a"})
        await place.line.claim(1)
        place.line.configure(BridgeSpec.model_validate({**SPEC, "zeebe": {"address": "http://other"}}))
        await place.line.claim(1)
        assert [adapter.closed for adapter in place.adapters] == [True, False]

    play(story())


def test_what_is_no_text_is_no_credential() -> None:
    async def story() -> None:
        place = Place({"token": "a"})

        async def get(*_: object) -> dict[str, Any]:
            return {"data": {"token": base64.b64encode(b"\xff\xfe").decode()}}

        place.cluster.get = get  # type: ignore[method-assign, assignment]
        with pytest.raises(Refused, match="holds something that is no text"):
            await place.line.claim(1)

    play(story())
