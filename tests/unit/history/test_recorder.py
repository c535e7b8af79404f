"""What the recorder stores of runs that are deleted while it looks at them."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from scriptrun.errors import NotFound
from scriptrun.history.recorder import Recorder
from scriptrun.history.settings import HistorySettings
from scriptrun.history.store import Store
from scriptrun.kube.client import Client
from scriptrun.runtime.hiding import Hiding


def _run(uid: str) -> dict[str, Any]:
    metadata = {"namespace": "team", "name": "report", "uid": uid}
    return {"metadata": metadata, "status": {"finishedAt": "2026-01-02T03:04:05Z"}}


class _Client:
    """An API server that answers a get once something else has happened."""

    def __init__(self, meanwhile: Callable[[], None], answer: dict[str, Any] | None) -> None:
        self._meanwhile, self._answer = meanwhile, answer

    async def get(self, *_where: object) -> dict[str, Any]:
        self._meanwhile()
        if self._answer is None:
            raise NotFound("gone")
        return dict(self._answer)

    async def patch(self, *_where: object, **_options: object) -> dict[str, Any]:
        return {**(self._answer or {}), "status": {"conditions": [{"type": "Stored", "status": "True"}]}}


class _Storing(Recorder):
    """Keeps what it is to store; something else happens while it stores the first."""

    stored: list[str]
    meanwhile: Callable[[], None]

    async def store(self, run: dict[str, Any]) -> None:
        self.stored.append(run["metadata"]["uid"])
        self.meanwhile()

    async def prune(self) -> int:
        return 0


def _work(meanwhile: Callable[[Recorder], None], answer: dict[str, Any] | None, *, storing: bool = False) -> list[str]:
    """Note that a run has ended; return what is stored when something happens while it is read, or stored."""
    happened: list[bool] = []

    def happen_once() -> None:
        if not happened:
            happened.append(True)
            meanwhile(recorder)

    recorder = _Storing(
        cast(Client, _Client(lambda: None if storing else happen_once(), answer)),
        cast(Store, None),
        cast(Hiding, None),
        HistorySettings(),
    )
    recorder.stored = []
    recorder.meanwhile = happen_once if storing else lambda: None

    async def work() -> None:
        task = asyncio.create_task(recorder.work())
        await asyncio.sleep(0)
        recorder.note(_run("first"))
        for _ in range(50):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(work())
    return recorder.stored


def test_a_run_deleted_before_it_could_be_read_is_stored_as_the_watch_saw_it() -> None:
    assert _work(lambda recorder: recorder.note_deleted(_run("first")), None) == ["first"]


def test_a_run_that_nobody_saw_go_is_given_up() -> None:
    assert _work(lambda recorder: None, None) == []


def test_a_run_that_is_given_the_name_of_one_being_stored_is_stored_once() -> None:
    second = _run("second")
    client: dict[str, Any] = _run("first")

    def delete_and_end_another(recorder: Recorder) -> None:
        recorder.note(second)
        client.update(second)

    assert _work(delete_and_end_another, client, storing=True) == ["first", "second"]
