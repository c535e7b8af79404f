"""Two operators and one Lease: one works, the other takes over; stopping is quick and orderly; what HTTP says of it."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterlab.chart import NAMESPACE
from clusterlab.process import OperatorProcess, find_free_port
from clusterlab.space import Space
from kubeapi import Api, wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/scriptrun-operator"
SLEEP = "import json, sys, time\ntime.sleep(4)\njson.dump({'done': True}, open(sys.argv[2], 'w'))"
DONE = ("Succeeded", "Completed")


class Replica(OperatorProcess):
    """An operator process with an HTTP port of its own."""

    def __init__(self, kubeconfig: Path, settings: dict[str, str]) -> None:
        self.port = find_free_port()
        super().__init__(kubeconfig, {**settings, "HTTP_PORT": str(self.port)})

    def ask(self, path: str) -> tuple[int, str]:
        """GET; 0 when nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def read_metric(self, name: str, **labels: str) -> float | None:
        """The value of one sample; None when there is none."""
        for line in self.ask("/metrics")[1].splitlines():
            head, _, value = line.rpartition(" ")
            if head.split("{")[0] == name and all(f'{key}="{text}"' in head for key, text in labels.items()):
                return float(value)
        return None

    def wait_ready(self) -> None:
        """Wait for /readyz."""
        wait_for("/readyz", lambda: self.ask("/readyz")[0] == 200)


@pytest.fixture
def replicas(
    no_operator: None, operator_kubeconfig: Path, operator_settings: dict[str, str]
) -> Iterator[tuple[Replica, Replica]]:
    """A leader, and one that stands by."""
    first, second = (Replica(operator_kubeconfig, operator_settings) for _ in range(2))
    first.start_and_lead()
    second.start()
    second.wait_ready()
    yield first, second
    for replica in (first, second):
        if replica.running:
            assert replica.stop() == 0, replica.tail()


@pytest.fixture
def place(make_space: object) -> Space:
    """A namespace whose operators the test starts itself."""
    assert callable(make_space)
    space = make_space()
    assert isinstance(space, Space)
    return space


def _holder(admin: Api) -> str:
    return str(admin.get(LEASE).body["spec"].get("holderIdentity", ""))


def test_one_works_and_the_other_takes_over(replicas: tuple[Replica, Replica], place: Space, admin: Api) -> None:
    """The leader is killed with runs under way: its successor ends them, and starts the one that waited."""
    first, second = replicas
    place.add_script("sleep", SLEEP, handler="python", maxConcurrentRuns=2)
    names = ["one", "two", "three"]
    for name in names:
        place.add_run(name, "sleep")
    place.wait_started("one")
    place.wait_phase("three", "Queued")
    assert (first.read_metric("scriptrun_leader"), second.read_metric("scriptrun_leader")) == (1, 0)
    assert [line["event"] for line in second.events() if line["event"] in ("leading", "run ended")] == []
    before = _holder(admin)
    first.kill()
    second.wait_for_log("leading", 30)
    assert _holder(admin) != before
    for name in names:
        assert place.end_of(name).end == DONE
        assert len(place.pods_seen(name)) == 1
    assert second.read_metric("scriptrun_leader") == 1


def test_an_orderly_stop_hands_over_at_once(replicas: tuple[Replica, Replica], place: Space) -> None:
    first, second = replicas
    place.start("sleep", SLEEP)
    place.wait_started("sleep")
    began = time.monotonic()
    assert first.stop() == 0
    stopped = time.monotonic() - began
    second.wait_for_log("leading", 10)
    assert stopped < 3, "nothing was under way but a run, which needs no operator"
    assert place.end_of("sleep").end == DONE
    began = time.monotonic()
    assert second.stop() == 0
    assert time.monotonic() - began < 3


def test_who_stands_by_stops_at_once(replicas: tuple[Replica, Replica]) -> None:
    _first, second = replicas
    began = time.monotonic()
    assert second.stop() == 0
    assert time.monotonic() - began < 3


def test_a_lease_that_another_took_ends_the_leader(replicas: tuple[Replica, Replica], admin: Api) -> None:
    """It must not go on working beside another: it ends with one line, and whoever started it starts it anew."""
    first, second = replicas
    spec = admin.get(LEASE).body["spec"]
    taken = {"holderIdentity": "somebody-else", "leaseDurationSeconds": 2, "renewTime": spec["renewTime"]}
    assert admin.patch(LEASE, {"spec": taken}).status == 200
    assert first.wait(30) == 1
    assert first.log[-1] == "error: leader ended: the lease was lost"
    second.wait_for_log("leading", 30)


def test_health_and_readiness(replicas: tuple[Replica, Replica]) -> None:
    """One that stands by is ready too, or rolling updates would never end."""
    for replica in replicas:
        assert replica.ask("/healthz") == (200, "ok\n")
        assert replica.ask("/readyz") == (200, "ok\n")
        assert replica.ask("/nothing")[0] == 404


def test_metrics_tell_what_was_done(replicas: tuple[Replica, Replica], place: Space) -> None:
    leader, _ = replicas
    place.start("good", "print(1)")
    place.start("bad", "import sys\nsys.exit(1)")
    place.add_run("refused", "good", backoffLimit=1)
    place.add_script("narrow", SLEEP, handler="python", maxConcurrentRuns=1)
    for name in ("first", "second"):
        place.add_run(name, "narrow")
    place.wait_phase("second", "Queued")
    assert (leader.read_metric("scriptrun_runs_unfinished") or 0) >= 2
    for name in ("good", "bad", "refused", "first", "second"):
        place.end_of(name)

    def count(script: str, phase: str, reason: str) -> float | None:
        labels = {"namespace": place.name, "script": script, "phase": phase, "reason": reason}
        return leader.read_metric("scriptrun_runs_total", **labels)

    wait_for("the last run to be counted", lambda: count("narrow", "Succeeded", "Completed") == 2)
    assert count("good", "Succeeded", "Completed") == 1
    assert count("good", "Failed", "ScriptNotAllowed") == 1
    assert count("bad", "Failed", "ScriptFailed") == 1
    assert (leader.read_metric("scriptrun_run_duration_seconds_count", script="narrow") or 0) == 2
    assert (leader.read_metric("scriptrun_run_duration_seconds_sum", script="narrow") or 0) >= 8
    assert (leader.read_metric("scriptrun_queue_wait_seconds_count") or 0) >= 1
    assert (leader.read_metric("scriptrun_start_latency_seconds_count") or 0) >= 4
    assert (leader.read_metric("scriptrun_reconcile_seconds_count", kind="run") or 0) > 0
    assert leader.read_metric("scriptrun_workqueue_depth") is not None
    created = {"verb": "create", "resource": "jobs", "code": "201"}
    assert (leader.read_metric("scriptrun_api_requests_total", **created) or 0) >= 4
    assert leader.read_metric("scriptrun_api_requests_total", code="403") is None, "RBAC lacks something"
