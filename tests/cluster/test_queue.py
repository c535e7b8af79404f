"""Concurrency limits, quotas and cancellation: who runs, who waits, who stops."""

import pytest

from clusterlab.space import Run, Space
from kubeapi import wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

WAIT = "import time\nprint('up', flush=True)\ntime.sleep(600)"
QUICK = "import time\ntime.sleep(0.5)"
DONE = ("Succeeded", "Completed")


def test_the_oldest_runs_first(space: Space) -> None:
    """No more than the limit at one time; the others say their place and follow in order of creation."""
    source = "import json, sys, time\ntime.sleep(json.load(open(sys.argv[1]))['seconds'])"
    space.add_script("narrow", source, handler="python", maxConcurrentRuns=2)
    names = [f"run-{number}" for number in range(6)]
    for name in ("first", "second"):
        space.add_run(name, "narrow", variables={"seconds": 5})
        space.wait_started(name)
    for name in names:
        space.add_run(name, "narrow", variables={"seconds": 0.3})
    for name in names:
        queued = space.wait_phase(name, "Queued", "ConcurrencyLimit", 5)
        assert "2 of at most 2 runs are under way" in queued.message
        assert "queuedAt" in queued.status
    runs = [space.end_of(name) for name in names]
    assert [run.end for run in runs] == [DONE] * len(names)
    assert _most_at_once([space.end_of("first"), space.end_of("second"), *runs]) == 2
    # Kubernetes keeps creation times in whole seconds; runs of one second go by name.
    ordered = sorted(runs, key=lambda run: (run.body["metadata"]["creationTimestamp"], run.name))
    starts = [_job_version(space, run.name) for run in ordered]
    assert starts == sorted(starts)


def _job_version(space: Space, name: str) -> int:
    return int(space.watches.jobs.history((space.name, name))[0]["metadata"]["resourceVersion"])


def _most_at_once(runs: list[Run]) -> int:
    """How many lay between their first attempt's start and their end at one time."""
    changes = [(run.status["startedAt"], 1) for run in runs] + [(run.status["finishedAt"], -1) for run in runs]
    most = now = 0
    for _moment, change in sorted(changes, key=lambda item: (item[0], item[1])):
        now += change
        most = max(most, now)
    return most


def test_canceled_at_every_stage(space: Space) -> None:
    """Running, queued and waiting for a Script: each ends as Canceled, and the one it held up goes on."""
    space.add_script("single", WAIT, handler="python", maxConcurrentRuns=1)
    space.add_run("running", "single")
    pod = space.wait_started("running")
    space.wait_log(pod, "up")
    space.add_run("queued", "single")
    space.wait_phase("queued", "Queued")
    space.add_run("next", "single")
    space.wait_phase("next", "Queued")
    space.add_run("pending", "absent")
    for name in ("pending", "queued"):
        space.cancel(name)
        run = space.end_of(name, 10)
        assert run.end == ("Canceled", "Canceled")
        assert "before it started" in run.message
        assert space.owned_by(run) == set()
        assert run.conditions["Succeeded"]["status"] == "False"
    space.cancel("running")
    assert space.end_of("running", 10).end == ("Canceled", "Canceled")
    space.watches.pods.wait(f"pod {pod} to end", lambda: _is_over(space, pod), 20)
    space.wait_started("next")
    space.cancel("next")
    assert space.end_of("next", 10).end == ("Canceled", "Canceled")


def _is_over(space: Space, pod: str) -> bool:
    body = space.watches.pods.get((space.name, pod))
    return body is None or body["status"]["phase"] in ("Succeeded", "Failed")


def test_canceled_before_the_operator_saw_it(space: Space) -> None:
    space.add_script("quick", QUICK, handler="python")
    space.add_run("stillborn", "quick", cancel=True)
    run = space.end_of("stillborn", 10)
    assert run.end == ("Canceled", "Canceled")
    assert space.pods_seen("stillborn") == set()


def test_canceled_while_its_image_is_awaited(space: Space) -> None:
    space.start("stuck", QUICK, {"image": "scriptrun.dev/no-such-image:1"})
    space.wait_phase("stuck", "Pending", "ImageError")
    space.cancel("stuck")
    assert space.end_of("stuck", 10).end == ("Canceled", "Canceled")


def test_canceled_between_two_attempts(space: Space) -> None:
    space.start("flaky", "import sys\nsys.exit(1)", {"backoffLimit": 3})
    space.wait_run("flaky", "a retry", lambda run: run.reason == "Retrying" or None)
    space.cancel("flaky")
    run = space.end_of("flaky", 10)
    assert run.end == ("Canceled", "Canceled")
    assert [entry["reason"] for entry in run.attempts] == ["ScriptFailed"]


def test_canceled_after_its_end_is_too_late(space: Space) -> None:
    space.start("done", QUICK)
    before = space.end_of("done")
    space.cancel("done")
    space.add_run("after", "done")
    space.end_of("after")
    run = space.run("done")
    assert run is not None
    assert run.status == before.status


def test_a_deleted_run_makes_room(space: Space) -> None:
    """Deleting a run stops its pod, takes all it owns, and lets the next one start."""
    space.add_script("single", WAIT, handler="python", maxConcurrentRuns=1)
    first = space.add_run("first", "single")
    space.wait_started("first")
    space.add_run("second", "single")
    space.wait_phase("second", "Queued")
    space.api.delete(space.run_path("first"))
    space.wait_started("second")
    space.watches.pods.wait("the pod of the first to be gone", lambda: not space.pods_of("first"), 60)
    space.watches.jobs.wait("its Job to be gone", lambda: not space.watches.jobs.get((space.name, "first")))
    assert not {name for name in space.owned_by(first) if not name.startswith("configmap/second")}
    space.cancel("second")


def test_a_namesake_of_a_deleted_run(space: Space) -> None:
    """Deleted while it ran and created anew at once: the new one is run, and gets its own output."""
    space.add_script("wait", WAIT, handler="python")
    space.add_script("quick", QUICK, handler="python")
    space.add_run("twin", "wait")
    space.wait_started("twin")
    space.api.delete(space.run_path("twin"))
    second = space.add_run("twin", "quick")
    run = space.wait_run(
        "twin", "the end of the second", lambda run: run if run.ended and run.uid == second.uid else None
    )
    assert run is not None
    assert run.end == DONE, run


def test_a_quota_on_jobs_is_waited_for(space: Space) -> None:
    quota = {"metadata": {"name": "jobs"}, "spec": {"hard": {"count/jobs.batch": "0"}}}
    space.create(space.path("resourcequotas"), quota)
    wait_for("the quota to count", lambda: _quota_counts(space, "jobs"))
    space.start("patient", QUICK)
    run = space.wait_phase("patient", "Pending", "QuotaExceeded")
    assert "exceeded quota: jobs" in run.message
    assert "count/jobs.batch" in run.message
    space.api.patch(space.path("resourcequotas", "jobs"), {"spec": {"hard": {"count/jobs.batch": "5"}}})
    assert space.end_of("patient", 30).end == DONE


def test_a_quota_on_pods_is_waited_for(space: Space) -> None:
    """The Job controller is who is refused; its words are in the status."""
    quota = {"metadata": {"name": "pods"}, "spec": {"hard": {"pods": "0"}}}
    space.create(space.path("resourcequotas"), quota)
    wait_for("the quota to count", lambda: _quota_counts(space, "pods"))
    space.start("patient", QUICK)
    run = space.wait_run(
        "patient", "the quota's name", lambda run: run if "exceeded quota: pods" in run.message else None
    )
    assert run is not None
    assert run.phase == "Pending"
    space.api.patch(space.path("resourcequotas", "pods"), {"spec": {"hard": {"pods": "5"}}})
    assert space.end_of("patient", 60).end == DONE


def _quota_counts(space: Space, name: str) -> bool:
    answer = space.api.get(space.path("resourcequotas", name))
    return bool((answer.body.get("status") or {}).get("used"))
