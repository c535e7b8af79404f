"""What takes long ends when the caller may not have it any more."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from scriptrun.api.auth import permit as module
from scriptrun.api.auth.authorizer import Authorizer, Caller
from scriptrun.api.auth.permit import Permit
from scriptrun.api.problems import Problem
from scriptrun.errors import NotPermitted, RunNotFound, Unavailable


class _Authorizer:
    """Says one thing after the other, and then for ever the last."""

    def __init__(self, *said: Exception | None) -> None:
        self._said = list(said)
        self.asked = 0
        self.asked_thrice = asyncio.Event()

    async def confirm(self, *_: Any) -> None:
        self.asked += 1
        if self.asked == 3:
            self.asked_thrice.set()
        said = self._said.pop(0) if len(self._said) > 1 else self._said[0]
        if said is not None:
            raise said


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAST_SECONDS", 0.0)


def _permit(authorizer: _Authorizer) -> Permit:
    return Permit(cast(Authorizer, authorizer), Caller("ada"), "get", "space", "hello.py", 0.001)


async def _wait_for_ever() -> str:
    await asyncio.Event().wait()
    return "never"


async def test_who_still_may_gets_what_they_waited_for() -> None:
    authorizer = _Authorizer(None)

    async def work() -> str:
        await authorizer.asked_thrice.wait()
        return "done"

    assert await _permit(authorizer).hold(work()) == "done"


@pytest.mark.parametrize("refusal", [Problem("unauthorized", "no more"), NotPermitted("no more")])
async def test_who_may_not_any_more_waits_no_longer(refusal: Exception) -> None:
    ended = asyncio.Event()

    async def work() -> str:
        try:
            return await _wait_for_ever()
        finally:
            ended.set()

    with pytest.raises(type(refusal), match="no more"):
        await _permit(_Authorizer(None, None, refusal)).hold(work())
    assert ended.is_set()


async def test_the_failure_of_the_work_is_its_own() -> None:
    async def work() -> None:
        raise RunNotFound("gone")

    with pytest.raises(RunNotFound):
        await _permit(_Authorizer(None)).hold(work())


async def test_an_api_server_that_is_away_for_a_moment_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Unavailable("away")
    with pytest.raises(NotPermitted):
        await _permit(_Authorizer(away, away, None, away, NotPermitted("no"))).hold(_wait_for_ever())
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.0)
    with pytest.raises(Unavailable):
        await _permit(_Authorizer(away)).hold(_wait_for_ever())


async def test_an_api_server_that_does_not_answer_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    class _Silent(_Authorizer):
        async def confirm(self, *_: Any) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(module, "_ANSWER_SECONDS", 0.001)
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.0)
    with pytest.raises(TimeoutError):
        await _permit(_Silent(None)).hold(_wait_for_ever())


def test_a_caller_shows_their_token_in_no_log() -> None:
    caller = Caller("ada", authorization="Bearer s3cret")
    assert "s3cret" not in repr(caller)
    assert caller == replace(caller, authorization="")
