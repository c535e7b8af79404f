"""Waiting for the end of a run that is deleted in the same moment."""

import asyncio
from typing import Any, cast

import pytest

from builders import instant, run_body
from scriptrun.api.runs.run_index import RunIndex
from scriptrun.api.runs.service import RunService
from scriptrun.errors import NotFound
from scriptrun.kube.client import Client
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits

END = {"phase": "Succeeded", "reason": "Completed", "finishedAt": instant(9), "output": {"a": 1}}
RUN = run_body(version=5)


class _Gone:
    """An API server that has deleted the run."""

    async def get(self, *_: Any) -> dict[str, Any]:
        raise NotFound("it is gone", 404, "NotFound")


def _serve() -> tuple[RunIndex, RunService]:
    client = cast(Client, _Gone())
    run_index = RunIndex(client, ())
    return run_index, RunService(client, cast(Any, None), run_index, None, None, WorkerPool(WorkerLimits()))


async def _wait(events: list[tuple[str, dict[str, Any]]], run: dict[str, Any] = RUN) -> dict[str, Any]:
    run_index, service = _serve()
    task = asyncio.create_task(service.wait(run, 30))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for event, body in events:
        run_index._take_run(event, body)
    return await task


@pytest.mark.parametrize("event", ["MODIFIED", "DELETED"])
async def test_the_end_that_was_seen_is_the_answer(event: str) -> None:
    """The watch may tell of end and deletion as one."""
    ended = run_body(version=6, status=END)
    assert await _wait([(event, ended), ("DELETED", run_body(version=7, status=END))]) == ended


async def test_a_run_that_was_deleted_before_its_end_is_gone() -> None:
    with pytest.raises(NotFound):
        await _wait([("DELETED", run_body(version=6))])


async def test_secrets_out_of_an_input_that_is_gone_are_not_shown() -> None:
    """Nobody knows the values any more that would have to be hidden."""
    source = [{"configMap": {"name": "settings"}}]
    ended = run_body(version=6, status=END, variablesFrom=source)
    with pytest.raises(NotFound):
        await _wait([("MODIFIED", ended)], run_body(version=5, variablesFrom=source))
