"""An operator dies between stopping a Job and saying so in the run's status: the next one says all of it."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest

from builders import job_body, run_body, run_facts, script_body, settings
from scriptrun.controller.observe import observe_job
from scriptrun.errors import Unavailable
from unit.controller.cluster import Cluster
from unit.controller.plans import Fate, Plan
from unit.controller.replica import GOOD_FEED, Replica
from unit.controller.server import NO_FAULTS, Server
from unit.controller.virtualtime import run_virtually

DEADLINES = {"activeDeadlineSeconds": 200, "startDeadlineSeconds": 40, "ttlSecondsAfterFinished": 500}


def _mute(replica: Replica) -> None:
    """Let no status of a run reach the server any more."""
    patch = replica.client.patch

    async def refuse(resource: Any, key: Any, body: Any, **how: Any) -> Any:
        if resource.plural == "scriptruns":
            raise Unavailable("killed before it could say so")
        return await patch(resource, key, body, **how)

    replica.client.patch = refuse  # type: ignore[method-assign]


async def _play(fates: tuple[Fate, ...], canceled_at: float) -> tuple[dict[str, Any], list[str]]:
    """Cancel a run, kill the operator that has stopped its Job, and start another once the pods are gone."""
    server, noise = Server(), random.Random(3)
    server.create("scripts", script_body(backoffLimit=len(fates), **DEADLINES))
    uid = server.create("scriptruns", run_body("twice"))["metadata"]["uid"]
    cluster = Cluster(server, noise, {uid: Plan(fates)})

    def start() -> Replica:
        return Replica(server, noise, NO_FAULTS, GOOD_FEED, settings(progress_delay_seconds=60), [])

    first = start()
    _mute(first)
    await first.start()
    await asyncio.sleep(canceled_at)
    server.change("scriptruns", "twice", {"spec": {"cancel": True}})
    await asyncio.sleep(10)
    await first.crash()
    assert server.of_kind("jobs")[0]["spec"]["suspend"] is True
    assert not [pod for pod in server.of_kind("pods") if pod["status"]["phase"] == "Running"]
    second = start()
    await second.start()
    await asyncio.sleep(10)
    await second.crash()
    await cluster.stop()
    run = server.find("scriptruns", "twice")
    assert run is not None
    return run["status"], cluster.executions[uid]


@pytest.mark.parametrize(
    ("fates", "canceled_at", "numbers"),
    [
        pytest.param(("hangs",), 2.0, [1], id="the first attempt was under way"),
        pytest.param(("bad", "hangs"), 12.0, [1, 2], id="the second was"),
    ],
)
def test_its_attempts_are_listed(fates: tuple[Fate, ...], canceled_at: float, numbers: list[int]) -> None:
    status, executed = run_virtually(_play(fates, canceled_at))
    assert (status["phase"], status["reason"]) == ("Canceled", "Canceled")
    assert status["message"] == "canceled by spec.cancel"
    assert [attempt["number"] for attempt in status["attempts"]] == numbers
    assert [attempt["pod"] for attempt in status["attempts"]] == executed
    assert status["attemptCount"] == numbers[-1]
    assert status["startedAt"] == status["attempts"][0]["startedAt"]
    assert status["exitCode"] == 143


@pytest.mark.parametrize(
    "noted",
    [
        "hello",
        {"number": 1},
        [["number", 1]],
        [{"number": 0, "pod": "p"}],
        [{"number": 2**31, "pod": "p"}],
        [{"number": "1e400", "pod": "p"}],
        [{"number": 1, "pod": ["p"]}],
        [{"number": 1, "pod": "p", "exitCode": 2**63}],
    ],
)
def test_what_is_no_list_of_attempts_is_overlooked(noted: object) -> None:
    body = job_body(run_facts())
    why = {"reason": "Canceled", "message": "", "attempts": noted}
    body["metadata"]["annotations"]["scriptrun.dev/stopped"] = json.dumps(why)
    job = observe_job(body)
    assert job.stopped_attempts == ()
    assert job.stopped_reason == "Canceled"
