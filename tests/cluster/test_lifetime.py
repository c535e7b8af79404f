"""How long runs are kept, and that nothing of them stays."""

import pytest

from clusterlab.space import Run, Space

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]


def _wait_gone(space: Space, name: str, seconds: float = 30) -> None:
    space.watches.runs.wait(f"run {name} to be gone", lambda: space.run(name) is None, seconds)


def _wait_nothing_left(space: Space, run: Run) -> None:
    key = (space.name, run.name)
    space.watches.jobs.wait("its Job to be gone", lambda: space.watches.jobs.get(key) is None, 30)
    space.watches.pods.wait("its pods to be gone", lambda: not space.pods_of(run.name), 60)
    # ConfigMaps are not watched here; the garbage collector has them in one go with the Job.
    space.watches.pods.wait("all to be gone", lambda: not space.owned_by(run), 30)


def test_a_run_and_all_it_owns_goes_when_its_time_is_over(space: Space) -> None:
    """By the Script's time, by its own, failed or not, started or not."""
    space.add_script("good", "print(1)", handler="python", ttlSecondsAfterFinished=1)
    space.add_script("bad", "import sys\nsys.exit(1)", handler="python", ttlSecondsAfterFinished=900)
    runs = [
        space.add_run("by-script", "good"),
        space.add_run("by-itself", "bad", ttlSecondsAfterFinished=0),
        space.add_run("refused", "good", backoffLimit=9),
        space.add_run("kept", "good", ttlSecondsAfterFinished=900),
    ]
    for name in ("by-script", "by-itself", "refused"):
        _wait_gone(space, name)
    for run in runs[:3]:
        _wait_nothing_left(space, run)
    kept = space.end_of("kept")
    assert kept.end == ("Succeeded", "Completed")
    assert space.history("by-itself")[-1].end == ("Failed", "ScriptFailed"), "its end was written before it went"


def test_the_time_may_be_changed_afterwards(space: Space) -> None:
    space.start("done", "print(1)")
    run = space.end_of("done")
    assert space.patch_run("done", ttlSecondsAfterFinished=0).status == 200
    _wait_gone(space, "done")
    _wait_nothing_left(space, run)


def test_a_scripts_new_time_counts_for_runs_that_have_ended(space: Space) -> None:
    space.start("done", "print(1)")
    space.end_of("done")
    answer = space.api.patch(space.script_path("done"), {"spec": {"ttlSecondsAfterFinished": 1}})
    assert answer.status == 200, answer
    _wait_gone(space, "done")


def test_a_finalizer_keeps_a_run_until_it_is_released(space: Space) -> None:
    """A bridge holds the run it must report; the operator's TTL does not tear it from its hands."""
    space.start("held", "print(1)")
    space.end_of("held")
    path = space.run_path("held")
    assert space.api.patch(path, {"metadata": {"finalizers": ["scriptrun.dev/report"]}}).status == 200
    assert space.patch_run("held", ttlSecondsAfterFinished=0).status == 200
    space.start("other", "print(1)", {"ttlSecondsAfterFinished": 0})
    _wait_gone(space, "other")
    held = space.run("held")
    assert held is not None
    assert "deletionTimestamp" not in held.body["metadata"]
    assert space.api.patch(path, {"metadata": {"finalizers": None}}).status == 200
    _wait_gone(space, "held")


def test_a_namespace_goes_with_runs_under_way(space: Space) -> None:
    """The operator keeps its head when everything vanishes below it."""
    space.start("running", "import time\ntime.sleep(600)")
    space.start("waiting", "print(1)", {"nodeSelector": {"scriptrun.dev/no-such-node": "true"}})
    space.wait_started("running")
    space.api.delete(f"/api/v1/namespaces/{space.name}")
    _wait_gone(space, "running", 60)
    _wait_gone(space, "waiting", 60)
