"""A run whose Job has another name than the run, and whose pods have no label of it: links alone lead to the run."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from builders import job_body, run_body, script_body, script_facts, settings
from scriptrun.controller.observe import observe_run
from scriptrun.desired.input import build_input, hash_input
from scriptrun.policies.acceptance import Inputs
from scriptrun.policies.source import Source
from unit.controller.cluster import Cluster
from unit.controller.plans import Beside, Fate, Plan
from unit.controller.replica import GOOD_FEED, Replica
from unit.controller.server import NO_FAULTS, Server
from unit.controller.virtualtime import run_virtually

SPEC: dict[str, Any] = {"activeDeadlineSeconds": 200, "ttlSecondsAfterFinished": 500, "backoffLimit": 1}


async def _play(fates: tuple[Fate, ...], beside: Beside = "nothing") -> tuple[dict[str, Any], list[str], list[str]]:
    server, noise = Server(), random.Random(5)
    server.create("scripts", script_body(**SPEC))
    run = observe_run(server.create("scriptruns", run_body("hello-1")))
    cluster = Cluster(server, noise, {run.uid: Plan(fates, beside)})
    script = script_facts(**SPEC).spec
    job = job_body(run, script, input_sha256=hash_input(build_input(run, script, Inputs(Source(b"print('hi')")))))
    job["metadata"]["name"] = "warm-7"
    job["spec"]["template"]["metadata"]["labels"] = {"scriptrun.dev/run": "nobody-knows-yet"}
    server.create("jobs", job)
    replica = Replica(server, noise, NO_FAULTS, GOOD_FEED, settings(sidecar_grace_seconds=2), [])
    await replica.start()
    await asyncio.sleep(60)
    await replica.crash()
    await cluster.stop()
    ended = server.find("scriptruns", "hello-1")
    assert ended is not None
    going = [pod["metadata"]["name"] for pod in server.of_kind("pods") if pod["status"]["phase"] == "Running"]
    return dict(ended["status"]), [job["metadata"]["name"] for job in server.of_kind("jobs")], going


def test_it_gets_no_other_job_and_its_attempts_are_those_of_this_one() -> None:
    status, jobs, _going = run_virtually(_play(("bad", "good")))
    assert (status["phase"], status["reason"], status["jobName"]) == ("Succeeded", "Completed", "warm-7")
    assert jobs == ["warm-7"]
    assert [attempt["reason"] for attempt in status["attempts"]] == ["ScriptFailed", "Completed"]
    assert all(attempt["pod"].startswith("warm-7-0-") for attempt in status["attempts"])


def test_what_goes_on_after_its_end_is_stopped() -> None:
    status, _jobs, going = run_virtually(_play(("good",), "stays"))
    assert status["reason"] == "Completed"
    assert going == []
