"""At the limit of a worker process nothing is shown that could hold a secret, and everybody hears why."""

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from builders import run_body
from scriptrun.api.runs.found_run import Found
from scriptrun.api.runs.logs import LogPosition, Slice
from scriptrun.api.runs.presenters import show_run
from scriptrun.api.runs.run_index import RunIndex
from scriptrun.api.runs.service import RunService
from scriptrun.errors import NotFound, WorkTooLarge
from scriptrun.history.snapshot import take_snapshot
from scriptrun.kube.client import Client
from scriptrun.kube.resources import SCRIPTRUNS, SCRIPTS, Resource
from scriptrun.policies.masking import MASK, Secrets
from scriptrun.runtime.hiding import HIDDEN_BY, Hiding
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits

PASSWORD = "correct horse"
LARGE = f"{PASSWORD} " * 600_000  # far more than a worker reads in its time
SCRIPT: dict[str, Any] = {"variablesSchema": {"properties": {"password": {"writeOnly": True}}}}
SECRETS = Secrets.of({"password": PASSWORD}, SCRIPT)
WHY = "took more than 0.01 s of CPU"
WORD = f"[withheld: to hide what is secret of it {WHY}]"


@pytest.fixture
async def pool(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WorkerPool]:
    # The limit of time by the clock is a multiple of that of CPU, and too short on a busy machine.
    monkeypatch.setattr("scriptrun.runtime.worker_process._PATIENCE", 10_000)
    async with WorkerPool(WorkerLimits(processes=1, cpu_seconds=0.01), HIDDEN_BY) as pool:
        yield pool


@pytest.fixture
def hiding(pool: WorkerPool) -> Hiding:
    return Hiding(pool)


def _run(**status: Any) -> dict[str, Any]:
    variables = {"password": PASSWORD, "more": LARGE}
    return run_body(status={"phase": "Failed", "finishedAt": "2026-01-31T12:00:03Z", **status}, variables=variables)


async def test_a_text_gives_way_to_a_word(hiding: Hiding) -> None:
    assert await hiding.hide_text("space", SECRETS, LARGE) == WORD
    assert await hiding.hide_text("space", SECRETS, LARGE + "\n") == f"{WORD}\n"


async def test_a_document_is_refused(hiding: Hiding) -> None:
    with pytest.raises(WorkTooLarge, match=WHY):
        await hiding.hide_document("space", SECRETS, [LARGE])
    with pytest.raises(WorkTooLarge, match=WHY):
        await hiding.hide_output("space", SECRETS, json.dumps(LARGE))
    with pytest.raises(WorkTooLarge, match=WHY):
        await hiding.mask("space", SECRETS, {"password": PASSWORD, "more": LARGE})
    with pytest.raises(WorkTooLarge, match=WHY):
        await hiding.find_secrets("space", {"password": PASSWORD, "more": LARGE}, SCRIPT)


async def test_so_is_all_else_of_a_run_whose_secrets_can_not_be_told() -> None:
    hiding, secrets = Hiding(WorkerPool(WorkerLimits())), Secrets.withhold({"password": PASSWORD, "name": "Ada"}, WHY)
    assert await hiding.mask("space", secrets, {"password": PASSWORD}) == {"password": MASK}
    assert await hiding.hide_text("space", secrets, PASSWORD) == WORD
    assert await hiding.hide_text("space", secrets, "") == ""
    for hide in (hiding.hide_output, hiding.hide_document):
        with pytest.raises(WorkTooLarge, match=WHY):
            await hide("space", secrets, PASSWORD)


async def test_a_piece_of_a_followed_log_gives_way_to_a_word(hiding: Hiding) -> None:
    piece = await Slice(LogPosition(1, len(LARGE)), f"{LARGE}\n").hide("space", SECRETS, hiding)
    assert (piece.text, piece.place) == (f"{WORD}\n", LogPosition(1, len(LARGE)))


async def test_a_run_is_shown_without_what_could_hold_a_secret(hiding: Hiding) -> None:
    shown = await show_run(Found(_run(message=LARGE, output={"said": LARGE}), True, SECRETS), hiding)
    assert (shown.message, shown.output) == (WORD, None)
    assert shown.variables == {"password": MASK, "more": MASK}
    assert shown.masked == ["/password", "/more"]
    assert PASSWORD not in shown.model_dump_json()


class _Cluster:
    """A Script, a run of it, and its log."""

    async def get(self, resource: Resource, _namespace: str, name: str) -> dict[str, Any]:
        if resource is SCRIPTS:
            return {"spec": SCRIPT}
        if resource is SCRIPTRUNS:
            return _run()
        if name == "hello-1-0-aaaaa-output":
            return {"metadata": {"labels": {"scriptrun.dev/output": "true"}}, "data": {"log": PASSWORD}}
        raise NotFound("gone")


async def test_a_run_whose_secrets_can_not_be_told_is_shown_and_can_be_ended(pool: WorkerPool, hiding: Hiding) -> None:
    run_index = RunIndex(cast(Client, _Cluster()), ())
    run_index._take_script("ADDED", {"metadata": {"namespace": "shop", "name": "hello.py"}, "spec": SCRIPT})
    service = RunService(cast(Client, _Cluster()), cast(Any, None), run_index, None, None, pool)
    run = _run(message=PASSWORD, output={"said": PASSWORD})
    run["metadata"]["namespace"], run["spec"]["scriptRef"]["name"] = "shop", "hello.py"
    found = await service.examine(run)
    assert found.secrets.withheld == WHY
    shown = await show_run(found, hiding)
    assert (shown.message, shown.output, shown.variables) == (WORD, None, {"password": MASK, "more": MASK})
    assert PASSWORD not in shown.model_dump_json()
    with pytest.raises(WorkTooLarge, match=WHY):  # the answer of …/output: 422, with the reason
        await service.read_output(found)


async def test_the_history_keeps_nothing_that_could_hold_a_secret(hiding: Hiding) -> None:
    run = _run(message=PASSWORD, attempts=[{"number": 1, "pod": "hello-1-0-aaaaa"}])
    contents = (await take_snapshot(cast(Client, _Cluster()), hiding, run, 1000)).contents
    assert PASSWORD not in json.dumps([contents.document, contents.output, contents.log])
    assert contents.document["masked"] == [["password"], ["more"]]
    assert WHY in contents.document["status"]["message"]
