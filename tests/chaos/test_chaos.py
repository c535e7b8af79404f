"""Fifty runs of mixed fate while the operator is killed and started again ten times.

Whatever the operator remembers or forgets: every run ends in the right phase and reason, each script ran as often as
its attempts say (by a journal that the operator knows nothing of), and nothing stays behind.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from chaos.journal import Entry, Journal
from clusterlab.process import OperatorProcess
from clusterlab.space import Run, Space

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

KILLS = 10
MOST_AT_ONCE = 6
CORDON_SECONDS = 4.0
LEASE_SECONDS = "3"
END_SECONDS = 240.0

SOURCE = """
import json, os, socket, sys, time

variables = json.load(open(sys.argv[1]))
name, attempt = os.environ["SCRIPTRUN_NAME"], int(os.environ["SCRIPTRUN_ATTEMPT"])

def note(word):
    with socket.create_connection((variables["journal"], 8080), 10) as peer:
        peer.sendall(f"POST /{name}/{attempt}/{word} HTTP/1.0\\r\\nContent-Length: 0\\r\\n\\r\\n".encode())
        peer.recv(64)

note("start")
print("up", flush=True)
time.sleep(variables["seconds"] if attempt == 1 else 0.2)
if variables.get("memory"):
    hoard = []
    while True:
        hoard.append(b"x" * (4 << 20))
json.dump({"attempt": attempt}, open(sys.argv[2], "w"))
note("end")
sys.exit(variables["codes"][attempt - 1])
"""

# fate: (number of runs, fields of the Script, variables, phase and reason, reasons of the attempts)
FATES: dict[str, tuple[int, dict[str, Any], dict[str, Any], tuple[str, str], list[str]]] = {
    "good": (16, {"maxConcurrentRuns": MOST_AT_ONCE}, {"seconds": 1.5}, ("Succeeded", "Completed"), ["Completed"]),
    "flaky": (
        8,
        {"backoffLimit": 2},
        {"seconds": 0.5, "codes": [7, 0]},
        ("Succeeded", "Completed"),
        ["ScriptFailed", "Completed"],
    ),
    "bad": (
        6,
        {"backoffLimit": 1},
        {"seconds": 0.5, "codes": [3, 4]},
        ("Failed", "ScriptFailed"),
        ["ScriptFailed", "ScriptFailed"],
    ),
    "slow": (5, {"attemptDeadlineSeconds": 3}, {"seconds": 600}, ("Failed", "Timeout"), ["Timeout"]),
    "hungry": (
        4,
        {"resources": {"limits": {"memory": "48Mi"}}},
        {"seconds": 0.2, "memory": True},
        ("Failed", "OutOfMemory"),
        ["OutOfMemory"],
    ),
    "canceled": (5, {}, {"seconds": 600}, ("Canceled", "Canceled"), []),
    "deleted": (4, {"backoffLimit": 1}, {"seconds": 600}, ("Succeeded", "Completed"), ["Evicted", "Completed"]),
    "evicted": (2, {}, {"seconds": 600}, ("Succeeded", "Completed"), ["Evicted", "Completed"]),
}
NAMES = [f"{fate}-{number}" for fate, (count, *_rest) in FATES.items() for number in range(count)]


def _fate(name: str) -> str:
    return name.rsplit("-", 1)[0]


@contextmanager
def _killed_again_and_again(operator: OperatorProcess, dice: random.Random) -> Iterator[list[int]]:
    """Kill the operator and start it again, a while after it began to work; yields the exit codes of its ends."""
    ends: list[int] = []
    failures: list[BaseException] = []
    pauses = [dice.uniform(0.05, 2.5) for _ in range(KILLS)]

    def kill_on() -> None:
        try:
            for pause in pauses:
                enough.wait(pause)
                ends.append(operator.kill())
                operator.start_and_lead(LEASE_DURATION_SECONDS=LEASE_SECONDS)
        except BaseException as error:
            failures.append(error)

    enough = threading.Event()
    thread = threading.Thread(target=kill_on)
    thread.start()
    yield ends
    thread.join()
    if failures:
        raise failures[0]


@contextmanager
def _cordoned(space: Space) -> Iterator[None]:
    """No node takes new pods for a while."""
    nodes = [item for item in space.api.get("/api/v1/nodes").body["items"] if not item["spec"].get("unschedulable")]
    paths = [f"/api/v1/nodes/{item['metadata']['name']}" for item in nodes]
    for path in paths:
        space.api.patch(path, {"spec": {"unschedulable": True}})
    try:
        yield
    finally:
        for path in paths:
            space.api.patch(path, {"spec": {"unschedulable": None}})


def _strike(space: Space, name: str) -> None:
    """Do to a run what its fate says, once its first attempt is at work."""
    pod = space.wait_started(name, END_SECONDS)
    space.wait_log(pod, "up", 60)
    if _fate(name) == "canceled":
        space.cancel(name)
    elif _fate(name) == "deleted":
        space.api.delete(space.path("pods", pod))
    else:
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        answer = space.api.post(space.path("pods", pod) + "/eviction", body)
        assert answer.status == 201, answer


def _make_runs(space: Space, journal: Journal, dice: random.Random) -> None:
    for fate, (_count, script, *_rest) in FATES.items():
        space.add_script(fate, SOURCE, handler="python", **script)
    names = dice.sample(NAMES, len(NAMES))
    variables = {"journal": journal.address, "codes": [0, 0]}
    for place, name in enumerate(names):
        if place == len(names) // 2:
            with _cordoned(space):
                threading.Event().wait(CORDON_SECONDS)
        _count, _script, own, *_rest = FATES[_fate(name)]
        space.add_run(name, _fate(name), variables=variables | own)


@pytest.fixture(scope="module")
def survivors(
    make_space: Callable[[], Space], _session_operator: OperatorProcess, operator_settings: dict[str, str]
) -> tuple[Space, dict[str, Run], list[Entry]]:
    """All runs at their end, and what the journal says."""
    operator, dice = _session_operator, random.Random(20)
    if operator.running:
        operator.stop()
    space, journal = make_space(), Journal(make_space(), operator_settings["RUNNER_IMAGE"])
    operator.start_and_lead(LEASE_DURATION_SECONDS=LEASE_SECONDS)
    struck = [name for name in NAMES if _fate(name) in ("canceled", "deleted", "evicted")]
    with ThreadPoolExecutor(len(struck)) as pool, _killed_again_and_again(operator, dice) as ends:
        strikes = [pool.submit(_strike, space, name) for name in struck]
        _make_runs(space, journal, dice)
        for strike in strikes:
            strike.result()
    assert ends == [-9] * KILLS
    return space, {name: space.end_of(name, END_SECONDS) for name in NAMES}, journal.read()


Survivors = tuple[Space, dict[str, Run], list[Entry]]


@pytest.mark.parametrize("fate", FATES)
def test_every_run_ends_as_it_must(survivors: Survivors, fate: str) -> None:
    _space, runs, _entries = survivors
    _count, _script, _variables, end, reasons = FATES[fate]
    mine = {name: run for name, run in runs.items() if _fate(name) == fate}
    assert {name: run.end for name, run in mine.items()} == dict.fromkeys(mine, end)
    if reasons:
        # What came and went while the operator was dead is not in the list, but it is counted.
        for run in mine.values():
            assert run.status["attemptCount"] == run.attempts[-1]["number"] == len(reasons), run
            assert [entry["reason"] for entry in run.attempts] == [
                reasons[entry["number"] - 1] for entry in run.attempts
            ]


def test_each_script_ran_as_often_as_its_attempts_say(survivors: Survivors) -> None:
    space, runs, entries = survivors
    starts = Counter((entry.run, entry.attempt) for entry in entries if entry.word == "start")
    assert [key for key, count in starts.items() if count > 1] == [], "an attempt ran twice"
    for name, run in runs.items():
        executed = {attempt for started, attempt in starts if started == name}
        counted = set(range(1, run.status.get("attemptCount", 0) + 1))
        if run.phase == "Succeeded":
            assert executed == counted, run
            assert len(space.pods_seen(name)) == len(executed), run
        elif run.phase == "Failed":
            # One that is ended from outside may not have come as far as its journal.
            assert executed <= counted, run
        # Canceled: a stopped Job takes its pod with it; an operator killed right then can't tell its successor of it.
        assert {entry["pod"] for entry in run.attempts} <= space.pods_seen(name)
        if run.phase == "Succeeded":
            assert run.output == {"attempt": len(executed)}


def test_no_end_is_changed_afterwards(survivors: Survivors) -> None:
    space, runs, _entries = survivors
    for name in runs:
        ends = [run.status for run in space.history(name) if run.ended]
        assert all(end == ends[0] for end in ends), name


def test_the_concurrency_limit_held(survivors: Survivors) -> None:
    """An operator that forgot everything must not give a place away twice."""
    _space, _runs, entries = survivors
    now = most = 0
    for entry in entries:
        if _fate(entry.run) == "good":
            now += 1 if entry.word == "start" else -1
            most = max(most, now)
    assert 1 <= most <= MOST_AT_ONCE


def test_nothing_stays_behind(survivors: Survivors) -> None:
    space, runs, _entries = survivors
    for name in runs:
        assert space.patch_run(name, ttlSecondsAfterFinished=0).status == 200
    space.watches.runs.wait("all runs to be gone", lambda: not space.watches.runs.select(space.name), 60)
    space.watches.jobs.wait("all Jobs to be gone", lambda: not space.watches.jobs.select(space.name), 60)
    space.watches.pods.wait("all pods to be gone", lambda: not space.watches.pods.select(space.name), 60)
    config_maps = space.api.get(space.path("configmaps")).body["items"]
    assert [item["metadata"]["name"] for item in config_maps] == ["kube-root-ca.crt"]
