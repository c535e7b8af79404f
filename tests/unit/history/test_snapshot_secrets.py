"""What the history keeps of a run with secrets, and of one whose secrets can't be told from the rest."""

import json
from typing import Any, cast

import pytest

from builders import run_body
from scriptrun.errors import NotFound, WorkersBusy, WorkTooLarge
from scriptrun.history.records import RunRecord
from scriptrun.history.snapshot import take_snapshot
from scriptrun.kube.client import Client
from scriptrun.kube.resources import SCRIPTS, Resource
from scriptrun.policies.masking import MASK
from scriptrun.runtime.hiding import Hiding
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits

PASSWORD = "correct horse"
STATUS = {
    "phase": "Failed",
    "reason": "ScriptFailed",
    "message": f"it said {PASSWORD}",
    "conditions": [{"type": "Succeeded", "status": "False", "reason": "ScriptFailed", "message": PASSWORD}],
    "attempts": [{"number": 1, "pod": "hello-1-0-aaaaa"}],
    "finishedAt": "2026-01-31T12:00:03Z",
    "output": {"said": PASSWORD},
}
RUN = run_body(status=STATUS, variables={"password": PASSWORD, "name": "Ada"})


class _Cluster:
    """A Script, and the output of a run, which has no input any more."""

    async def get(self, resource: Resource, _namespace: str, name: str) -> dict[str, Any]:
        if resource is SCRIPTS:
            return {"spec": {"variablesSchema": {"properties": {"password": {"writeOnly": True}}}}}
        if name == "hello-1-0-aaaaa-output":
            return {
                "metadata": {"labels": {"scriptrun.dev/output": "true"}},
                "data": {"log": f"the password is {PASSWORD}\n"},
            }
        raise NotFound("gone")


class _Overwhelmed(Hiding):
    """Finds no end."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def find_secrets(self, *_: Any) -> Any:
        raise self._error


async def _gather(hiding: Hiding) -> RunRecord:
    return await take_snapshot(cast(Client, _Cluster()), hiding, RUN, 1000)


async def test_secrets_are_hidden_wherever_they_turn_up() -> None:
    contents = (await _gather(Hiding(WorkerPool(WorkerLimits())))).contents
    assert PASSWORD not in json.dumps(contents.document)
    assert contents.document["spec"]["variables"] == {"password": MASK, "name": "Ada"}
    assert contents.document["masked"] == [["password"]]
    assert contents.document["status"]["message"] == f"it said {MASK}"
    assert contents.log == f"the password is {MASK}\n"
    assert json.loads(contents.output or "") == {"said": MASK}


async def test_where_they_can_not_be_told_from_the_rest_nothing_is_kept_that_may_hold_them() -> None:
    contents = (await _gather(_Overwhelmed(WorkTooLarge("took more than 2 s of CPU")))).contents
    why = "not kept: to hide what is secret of it took more than 2 s of CPU"
    assert PASSWORD not in json.dumps(contents.document)
    assert contents.document["spec"]["variables"] == {"password": MASK, "name": MASK}
    assert contents.document["masked"] == [["password"], ["name"]]
    assert contents.document["status"]["message"] == why
    assert contents.document["status"]["reason"] == "ScriptFailed"
    assert contents.log == f"[{why}]\n"
    assert contents.output == json.dumps(MASK)


async def test_that_workers_are_busy_is_no_reason_to_keep_less() -> None:
    with pytest.raises(WorkersBusy):
        await _gather(_Overwhelmed(WorkersBusy("later")))
