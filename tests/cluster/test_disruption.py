"""Jobs and pods that others delete, evict or keep from starting; runs that go on while the operator is away."""

from datetime import UTC, datetime
from typing import Any

import pytest

from clusterlab.process import OperatorProcess
from clusterlab.space import Space

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

# The first attempt waits for its end, later ones end well; SIGTERM ends it as most programs do.
FIRST_WAITS = """
import json, os, sys, time
attempt = int(os.environ["SCRIPTRUN_ATTEMPT"])
print("up", flush=True)
if attempt == 1:
    time.sleep(600)
json.dump({"attempt": attempt}, open(sys.argv[2], "w"))
"""
WAIT = "import time\nprint('up', flush=True)\ntime.sleep(600)"
# Ends well when told to stop: what it made then counts.
TIDY = """
import json, signal, sys, time
def stop(*_):
    json.dump({"saved": True}, open(sys.argv[2], "w"))
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("up", flush=True)
time.sleep(600)
"""
DONE = ("Succeeded", "Completed")

# name: (source, fields of the Script)
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "job": (WAIT, {}),
    "pod": (WAIT, {}),
    "pod-forced": (WAIT, {}),
    "pod-retried": (FIRST_WAITS, {"backoffLimit": 1}),
    "evicted-retry": (FIRST_WAITS, {}),
    "evicted-fail": (WAIT, {"onDisruption": "Fail", "backoffLimit": 3}),
    "node-lost": (WAIT, {"onDisruption": "Fail"}),
    "node-lost-retry": (FIRST_WAITS, {}),
}


@pytest.fixture(scope="module")
def runs(shared: Space) -> Space:
    """Every case, started, running, and then struck."""
    for name, (source, script) in CASES.items():
        shared.start(name, source, script)
    pods = {name: shared.wait_started(name) for name in CASES}
    for pod in pods.values():
        shared.wait_log(pod, "up")
    shared.api.delete(shared.job_path("job"), {"propagationPolicy": "Background"})
    shared.api.delete(shared.path("pods", pods["pod"]))
    shared.api.delete(shared.path("pods", pods["pod-forced"]), {"gracePeriodSeconds": 0})
    shared.api.delete(shared.path("pods", pods["pod-retried"]))
    for name in ("evicted-retry", "evicted-fail"):
        _evict(shared, pods[name])
    for name in ("node-lost", "node-lost-retry"):
        _taint(shared, pods[name])
    return shared


def _evict(space: Space, pod: str) -> None:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    answer = space.api.post(space.path("pods", pod) + "/eviction", body)
    assert answer.status == 201, answer


def _taint(space: Space, pod: str) -> None:
    """What the taint manager does to the pods of a node that does not answer any more."""
    body = space.api.get(space.path("pods", pod)).body
    body["status"]["conditions"].append(
        {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "lastTransitionTime": datetime.now(UTC).isoformat(timespec="seconds"),
            "message": "Taint manager: deleting due to NoExecute taint",
        }
    )
    answer = space.api.put(space.path("pods", pod) + "/status", body)
    assert answer.status == 200, answer
    space.api.delete(space.path("pods", pod))


def test_a_job_deleted_by_hand(runs: Space) -> None:
    run = runs.end_of("job")
    assert run.end == ("Failed", "OutputLost")
    assert 'Job "job" was deleted before the run had ended' in run.message


@pytest.mark.parametrize("name", ["pod", "pod-forced"])
def test_a_pod_deleted_by_hand(runs: Space, name: str) -> None:
    run = runs.end_of(name)
    assert run.end == ("Failed", "Evicted"), run
    assert len(run.attempts) == 1


def test_a_pod_deleted_by_hand_is_retried(runs: Space) -> None:
    run = runs.end_of("pod-retried")
    assert run.end == DONE, run
    assert run.output == {"attempt": 2}
    assert [entry["reason"] for entry in run.attempts] == ["Evicted", "Completed"]


def test_an_evicted_pod_is_retried_without_using_up_retries(runs: Space) -> None:
    run = runs.end_of("evicted-retry")
    assert run.end == DONE, run
    assert run.output == {"attempt": 2}
    assert [entry["reason"] for entry in run.attempts] == ["Evicted", "Completed"]


def test_an_evicted_pod_that_must_not_be_retried(runs: Space) -> None:
    run = runs.end_of("evicted-fail")
    assert run.end == ("Failed", "Evicted"), run
    assert len(run.attempts) == 1
    assert len(runs.pods_seen("evicted-fail")) == 1


def test_a_lost_node(runs: Space) -> None:
    run = runs.end_of("node-lost")
    assert run.end == ("Failed", "NodeLost"), run
    assert "NoExecute taint" in run.message


def test_a_lost_node_is_retried_elsewhere(runs: Space) -> None:
    run = runs.end_of("node-lost-retry")
    assert run.end == DONE, run
    assert [entry["reason"] for entry in run.attempts] == ["NodeLost", "Completed"]


def test_what_a_script_saves_when_told_to_stop_counts(space: Space) -> None:
    """Deleted by hand, and yet it ended well within its grace period."""
    space.start("tidy", TIDY)
    pod = space.wait_started("tidy")
    space.wait_log(pod, "up")
    space.api.delete(space.path("pods", pod))
    run = space.end_of("tidy")
    assert run.end == ("Failed", "Evicted"), run
    assert len(run.attempts) == 1


def test_a_cordoned_cluster_is_waited_for(space: Space) -> None:
    nodes = [item["metadata"]["name"] for item in space.api.get("/api/v1/nodes").body["items"]]
    ready = [name for name in nodes if not space.api.get(f"/api/v1/nodes/{name}").body["spec"].get("unschedulable")]
    try:
        for name in ready:
            space.api.patch(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": True}})
        space.start("patient", "print(1)")
        waiting = space.wait_phase("patient", "Pending", "Unschedulable")
        assert "unschedulable" in waiting.message
    finally:
        for name in ready:
            space.api.patch(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": None}})
    assert space.end_of("patient").end == DONE


def test_a_run_ends_while_the_operator_is_away(space: Space, operator: OperatorProcess) -> None:
    """Killed with runs of every kind under way; its successor takes each to its end, and runs nothing twice."""
    count = (
        "import json, os, sys, time\ntime.sleep(4)\njson.dump({'host': os.uname().nodename}, open(sys.argv[2], 'w'))"
    )
    space.start("good", count)
    space.start("bad", "import time, sys\ntime.sleep(4)\nsys.exit(5)", {"output": {"transport": "TerminationMessage"}})
    space.start(
        "hungry",
        "import time\ntime.sleep(4)\nx = []\nwhile True: x.append(b'x' * 2**22)",
        {"resources": {"limits": {"memory": "48Mi"}}},
    )
    for name in ("good", "bad", "hungry"):
        space.wait_started(name)
    operator.kill()
    space.add_run("meanwhile", "good")
    names = ("good", "bad", "hungry")
    space.watches.pods.wait("all pods to end", lambda: not any(space.working_pods(name) for name in names))
    assert not any(run.ended for run in map(space.run, (*names, "meanwhile")) if run)
    operator.start_and_lead()
    good = space.end_of("good")
    assert good.end == DONE
    assert good.output == {"host": "good-0"}
    assert space.pods_seen("good") == {good.attempts[0]["pod"]}
    bad = space.end_of("bad")
    assert (bad.end, bad.status["exitCode"]) == (("Failed", "ScriptFailed"), 5)
    assert space.end_of("hungry").end == ("Failed", "OutOfMemory")
    assert space.end_of("meanwhile").end == DONE
