"""Bridges are killed, answers get lost, the orchestrator goes away: nothing is lost, nothing is reported twice."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterlab.bridgespace import LEASE_SECONDS, BridgeSpace
from clusterlab.process import BridgeProcess
from clusterlab.zeebe import FakeZeebe, Job
from kubeapi import wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.bridgefixtures"]

# It says of itself what it did, in its output: the bridge reports that once.
COUNT = """
import json, os, sys, time
variables = json.load(open(sys.argv[1]))
time.sleep(variables["seconds"])
if variables["fails"]:
    sys.exit("as it was told to")
json.dump({"number": variables["number"], "run": os.environ["SCRIPTRUN_NAME"]}, open(sys.argv[2], "w"))
"""


@pytest.fixture
def replicas(
    process: BridgeProcess, bridge_kubeconfig: Path, bridge_settings: dict[str, str]
) -> Iterator[list[BridgeProcess]]:
    """Two bridge processes."""
    both = [process, BridgeProcess(bridge_kubeconfig, bridge_settings)]
    yield both
    if both[1].running:
        assert both[1].stop(45) == 0, both[1].tail()


def _add_jobs(place: BridgeSpace, count: int, seconds: float = 1.0) -> list[Job]:
    place.space.add_script("count.py", COUNT)
    return [
        place.zeebe.add("count.py", retries=2, number=number, seconds=seconds, fails=number % 5 == 4)
        for number in range(count)
    ]


def _check_all(place: BridgeSpace, jobs: list[Job], seconds: float = 120, *, killed: bool = False) -> None:
    """Every job has come to its right end once, by as many runs as it takes, and all of those were let go.

    A bridge that is killed between a report and the note of it leaves its successor to find the job gone, which is all
    that can be known then.
    """
    place.zeebe.wait("every job to end", lambda: all(job.state != "open" for job in jobs), seconds)
    for job in jobs:
        if job.variables["fails"]:
            assert (job.state, job.retries) == ("incident", 0)
        else:
            assert (job.state, job.completions) == ("completed", 1)
            assert job.output["number"] == job.variables["number"]

    def held() -> list[str]:
        items = place.space.api.get(place.space.run_path()).body["items"]
        return [item["metadata"]["name"] for item in items if item["metadata"].get("finalizers")]

    wait_for("every run to be let go", lambda: not held(), 60)
    items = place.space.api.get(place.space.run_path()).body["items"]
    taken = Counter(item["spec"]["task"]["id"] for item in items)
    assert taken == Counter({str(job.key): 2 if job.variables["fails"] else 1 for job in jobs})
    states = {item["status"]["report"]["state"] for item in items}
    assert states <= ({"Delivered", "Dropped"} if killed else {"Delivered"})


def test_bridges_killed_again_and_again_lose_nothing(idle: BridgeSpace, replicas: list[BridgeProcess]) -> None:
    """SIGKILL at moments that nobody chose: after a claim, a creation, an end, a report."""
    noise = random.Random(7)
    idle.add_bridge(maxConcurrentRuns=8)
    for replica in replicas:
        replica.start()
    jobs = _add_jobs(idle, 24)
    for _ in range(6):
        time.sleep(noise.uniform(1.0, 4.0))
        victim = noise.choice(replicas)
        victim.kill()
        victim.start()
    _check_all(idle, jobs, 180, killed=True)


def test_a_bridge_that_stops_in_order_hands_over_at_once(idle: BridgeSpace, replicas: list[BridgeProcess]) -> None:
    idle.add_bridge()
    first, second = replicas
    first.start_and_serve()
    second.start()
    second.wait_for_log("working")
    jobs = _add_jobs(idle, 4, seconds=5.0)
    for job in jobs:
        idle.run_of(job)
    assert first.stop(45) == 0, first.tail()
    second.wait_for_log("serving", 10)
    _check_all(idle, jobs)
    assert all(job.deliveries == (2 if job.variables["fails"] else 1) for job in jobs), "no lease was lost on the way"


def test_a_poll_that_waits_for_minutes_is_over_before_its_bridge_stops(
    idle: BridgeSpace, process: BridgeProcess
) -> None:
    """Else the engine would give the next task to somebody who is gone, and to another only after a lease."""
    idle.add_bridge(longPollSeconds=300)
    process.start_and_serve(GRACEFUL_STOP_SECONDS="6")
    idle.wait_condition("True", "Connected")
    assert process.stop(45) == 0, process.tail()
    assert not [line for line in process.events("warning") if "not all was finished" in line["event"]]
    jobs = _add_jobs(idle, 1, seconds=0.0)
    process.start_and_serve()
    _check_all(idle, jobs)
    assert jobs[0].deliveries == 1


def test_answers_that_get_lost_are_asked_for_again(bridged: BridgeSpace) -> None:
    bridged.zeebe.lost = {"activation": 1, "completion": 2, "failure": 1}
    started = time.monotonic()
    _check_all(bridged, _add_jobs(bridged, 5))
    assert time.monotonic() - started >= LEASE_SECONDS - 3, (
        "tasks whose handing out was lost come when their lease is over"
    )


def test_an_orchestrator_that_is_away_is_waited_for(bridged: BridgeSpace) -> None:
    jobs = _add_jobs(bridged, 3, seconds=4.0)
    for job in jobs:
        bridged.run_of(job)
    bridged.zeebe.away = True
    message = bridged.wait_condition("False", "Unreachable", 60)
    assert "503" in message
    for job in jobs:
        bridged.space.end_of(bridged.run_of(job).name)
    bridged.zeebe.away = False
    _check_all(bridged, jobs)
    bridged.wait_condition("True", "Connected")


def test_a_lease_that_lapsed_is_no_reason_to_run_twice(idle: BridgeSpace, process: BridgeProcess) -> None:
    """No bridge for longer than a lease: the task is handed out again, and its run goes on."""
    idle.add_bridge()
    process.start_and_serve()
    jobs = _add_jobs(idle, 2, seconds=LEASE_SECONDS + 20.0)
    for job in jobs:
        idle.space.wait_started(idle.run_of(job).name)
    process.kill()
    time.sleep(LEASE_SECONDS + 1)
    process.start_and_serve()
    _check_all(idle, jobs)
    assert all(job.deliveries == 2 for job in jobs)


def _put_secret(place: BridgeSpace, token: str) -> None:
    path = place.space.path("secrets", "camunda")
    body = {"metadata": {"name": "camunda"}, "stringData": {"token": token}}
    if place.space.api.get(path).status == 404:
        place.space.create(place.space.path("secrets"), body)
    else:
        assert place.space.api.patch(path, {"stringData": {"token": token}}).status == 200


def test_credentials_are_explained_until_they_are_right(
    idle: BridgeSpace, zeebe: FakeZeebe, process: BridgeProcess
) -> None:
    """Not allowed, missing, wrong, right, and exchanged under way; the Secret's words never show."""
    zeebe.token = "right-token"
    idle.add_bridge(credentialsSecret={"name": "camunda"})
    process.start_and_serve()
    message = idle.wait_condition("False", "CredentialsUnavailable")
    assert f"{{namespace: {idle.space.name}, name: camunda}} to bridge.credentialsSecrets of the chart" in message
    idle.allow_secret("camunda")
    wait_for("the missing Secret to be named", lambda: "there is no Secret" in _read_message(idle), 90)
    _put_secret(idle, "wrong-token")
    assert "401" in idle.wait_condition("False", "Refused", 90)
    _put_secret(idle, "right-token")
    idle.wait_condition("True", "Connected", 90)
    _check_all(idle, _add_jobs(idle, 2))
    assert "-token" not in "\n".join(process.log)
    assert "-token" not in json.dumps(idle.bridge().body["status"])


def _read_message(place: BridgeSpace) -> str:
    conditions = (place.bridge().body.get("status") or {}).get("conditions") or [{}]
    return str(conditions[0].get("message", ""))


def test_nobody_else_may_say_which_task_a_run_answers(bridged: BridgeSpace) -> None:
    """Else whoever may create runs could have any job of the orchestrator reported in the bridge's name."""
    person = bridged.space.api.impersonate("somebody")
    group = "rbac.authorization.k8s.io/v1"
    rules = [{"apiGroups": ["scriptrun.dev"], "resources": ["scriptruns"], "verbs": ["*"]}]
    bridged.space.create(bridged.space.path("roles", group=group), {"metadata": {"name": "runs"}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "runs"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "somebody"}
    binding = {"metadata": {"name": "runs"}, "roleRef": reference, "subjects": [subject]}
    bridged.space.create(bridged.space.path("rolebindings", group=group), binding)
    job = bridged.zeebe.wait_state(_add_jobs(bridged, 1)[0], "completed")
    run = bridged.wait_released(bridged.run_of(job))
    claim = run.body["metadata"]["annotations"]["scriptrun.dev/claim"]
    forged = {
        "apiVersion": run.body["apiVersion"],
        "kind": "ScriptRun",
        "metadata": {"name": "forged", "annotations": {"scriptrun.dev/claim": claim}},
        "spec": run.body["spec"],
    }
    words = "only the bridge may set the labels scriptrun.dev/bridge"
    answer = person.post(bridged.space.run_path(), forged)
    assert (answer.status, words in answer.message) == (403, True), answer
    path = bridged.space.run_path(run.name)
    for change in ({"labels": {"scriptrun.dev/open": "true"}}, {"annotations": {"scriptrun.dev/claim": None}}):
        answer = person.patch(path, {"metadata": change})
        assert (answer.status, words in answer.message) == (403, True), answer
    assert person.patch(path, {"metadata": {"labels": {"mine": "yes"}}}).status == 200
    plain = {**forged, "metadata": {"name": "plain"}}
    answer = person.post(bridged.space.run_path(), plain)
    assert (answer.status, "zeebe or conductor as spec.task.source" in answer.message) == (403, True), answer
    spec = {name: value for name, value in run.body["spec"].items() if name != "task"}
    assert person.post(bridged.space.run_path(), {**plain, "spec": spec}).status == 201
