"""The REST API and its history when things die: a replica, the database, the operator, the one who stores."""

import concurrent.futures
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import urllib3

from clusterlab.apiprocess import ApiProcess, Caller
from clusterlab.process import OperatorProcess
from clusterlab.space import Space
from kubeapi import wait_for
from peers.databases import open_folder
from peers.servers.postgres import Postgres

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.apifixtures"]

AWAY_SECONDS = 60.0
STEADY = """
import time
for number in range(40):
    print("line", number, flush=True)
    time.sleep(0.2)
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A database server of these tests' own, which they stop and start."""
    with open_folder() as folder, Postgres(folder) as server:
        yield server


def count_stored(folder: Path, namespace: str) -> int:
    with closing(sqlite3.connect(folder / "history.db")) as database:
        return int(database.execute("SELECT count(*) FROM runs WHERE namespace = ?", (namespace,)).fetchone()[0])


def test_a_replica_that_dies_takes_nothing_along(
    space: Space, caller: Caller, make_api: Callable[..., ApiProcess]
) -> None:
    """Killed while one caller waits and another follows: both go on with the other replica, and lose nothing."""
    space.add_script("steady.py", STEADY, handler="python")
    doomed, other = make_api().start_and_serve(), make_api().start_and_serve()
    at_first = Caller(doomed.url, caller.namespace, caller.token)
    later = Caller(other.url, caller.namespace, caller.token)

    def wait_through() -> str:
        try:
            at_first.create("steady.py", wait=60, key="once")
        except urllib3.exceptions.HTTPError:
            return str(later.create("steady.py", wait=60, key="once").body["phase"])
        raise AssertionError("the first answer should have been lost")

    seen: list[dict[str, str]] = []

    def follow_through(name: str) -> None:
        try:
            for event in at_first.follow(name):
                seen.append(event)
        except urllib3.exceptions.HTTPError:
            pass
        assert 0 < len(seen) < 40
        seen.extend(later.follow(name, seen[-1]["id"]))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(wait_through)
        name = wait_for("the run", lambda: next(iter(later.get("runs").body["items"]), None))["name"]
        following = pool.submit(follow_through, name)
        wait_for("some of the log", lambda: len(seen) > 5)
        doomed.kill()
        assert waiting.result(60) == "Succeeded"
        following.result(60)
    texts = [json.loads(event["data"])["text"] for event in seen if event.get("event") == "log"]
    assert "".join(texts).splitlines() == [f"line {number}" for number in range(40)]
    assert seen[-1]["event"] == "end"
    assert len(later.get("runs").body["items"]) == 1


def test_a_database_that_is_away_loses_no_run(
    space: Space, caller: Caller, make_api: Callable[..., ApiProcess], operator: OperatorProcess, postgres: Postgres
) -> None:
    """The database is stopped for a minute under load; then all runs are counted."""
    operator.stop()
    operator.start_and_lead(KEEP_UNTIL_STORED="true")
    process = make_api(HISTORY_URL=postgres.url(), HISTORY_TIMEOUT_SECONDS="3").start_and_serve()
    caller = Caller(process.url, caller.namespace, caller.token)
    made: list[str] = []
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            reply = caller.create("hello.py", ttlSecondsAfterFinished=0)
            assert reply.status == 201, reply  # runs go on
            made.append(reply.body["name"])
            time.sleep(0.8)

    try:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            loading = pool.submit(load)
            wait_for("some runs", lambda: len(made) >= 3)
            postgres.kill()
            already = len(made)
            time.sleep(AWAY_SECONDS)
            wait_for("runs while it is away", lambda: len(made) >= already + 20, 60)
            listed = caller.get("runs")
            assert (listed.status, listed.problem) == (503, "history-unavailable")
            assert listed.headers["Retry-After"]
            assert caller.get(f"runs/{made[-1]}").status == 200
            postgres.start()
            done.set()
            loading.result()
        count = f"SELECT count(*) FROM runs WHERE namespace = '{space.name}'"
        wait_for("every run in the history", lambda: postgres.execute(count) == str(len(made)), 90)
        wait_for("the cluster to be empty", lambda: not space.api.get(space.run_path()).body["items"], 60)
        listed = caller.get("runs?limit=500").body["items"]
        assert {item["name"] for item in listed} == set(made)
        assert {item["reason"] for item in listed} == {"Completed"}
        metrics = caller.get("/metrics").text
        assert "scriptrun_history_unstored 0.0" in metrics
    finally:
        done.set()
        operator.stop()


def test_who_stores_may_die_between_storing_and_saying_so(
    space: Space, caller: Caller, rest: ApiProcess, make_api: Callable[..., ApiProcess]
) -> None:
    """A run that is in the database and not marked is marked by the next one, and is there once."""
    name = caller.create("hello.py", wait=60).body["name"]
    space.wait_run(name, "stored", lambda run: "Stored" in run.conditions)
    conditions = space.api.get(space.run_path(name)).body["status"]["conditions"]
    unmarked = [item for item in conditions if item["type"] != "Stored"]
    assert rest.stop() == 0
    patch = {"status": {"conditions": unmarked}}
    assert space.api.patch(space.run_path(name) + "/status", patch).status == 200
    rest.start_and_serve()
    space.wait_run(name, "stored again", lambda run: "Stored" in run.conditions)
    assert count_stored(rest.folder, space.name) == 1


def test_runs_that_end_while_nobody_stores_are_stored_later(space: Space, caller: Caller, rest: ApiProcess) -> None:
    assert rest.kill() != 0
    names = [space.add_run(f"unseen-{number}", "hello.py").name for number in range(5)]
    for name in names:
        space.end_of(name)
    rest.start_and_serve()
    wait_for("all five", lambda: count_stored(rest.folder, space.name) == 5)
    assert {item["name"] for item in caller.get("runs").body["items"]} == set(names)


def test_of_two_replicas_one_stores_and_the_other_takes_over(
    space: Space, caller: Caller, make_api: Callable[..., ApiProcess], postgres: Postgres
) -> None:
    settings = {"LEADER_ELECTION": "true", "LEASE_NAME": "scriptrun-history", "HISTORY_URL": postgres.url()}
    first = make_api(**settings).start_and_serve()
    first.wait_for_log("successfully acquired lease")
    second = make_api(**settings).start_and_serve()
    names = [Caller(second.url, caller.namespace, caller.token).create("hello.py", wait=60).body["name"]]
    space.wait_run(names[0], "stored", lambda run: "Stored" in run.conditions)
    first.kill()
    names.append(Caller(second.url, caller.namespace, caller.token).create("hello.py", wait=60).body["name"])
    space.wait_run(names[1], "stored", lambda run: "Stored" in run.conditions, 60)
    count = f"SELECT count(*), count(DISTINCT uid) FROM runs WHERE namespace = '{space.name}'"
    assert postgres.execute(count) == "2|2"


def test_a_run_deleted_by_hand_is_stored_as_it_goes(space: Space, caller: Caller, rest: ApiProcess) -> None:
    name = space.add_run("by-hand", "hello.py").name
    space.end_of(name)
    assert space.api.delete(space.run_path(name)).status == 200
    kept = wait_for(
        "it in the history", lambda: caller.get(f"runs/{name}").body if count_stored(rest.folder, space.name) else None
    )
    assert kept["phase"] == "Succeeded"


def test_an_operator_killed_at_the_end_of_a_run_loses_nothing(
    space: Space, caller: Caller, rest: ApiProcess, operator: OperatorProcess
) -> None:
    operator.stop()
    operator.start_and_lead(KEEP_UNTIL_STORED="true")
    try:
        made = [caller.create("hello.py", ttlSecondsAfterFinished=0).body["name"] for _ in range(10)]
        wait_for("the first end", lambda: count_stored(rest.folder, space.name) >= 1)
        operator.kill()
        operator.start_and_lead(KEEP_UNTIL_STORED="true")
        wait_for("every run in the history", lambda: count_stored(rest.folder, space.name) == 10, 60)
        wait_for("the cluster to be empty", lambda: not space.api.get(space.run_path()).body["items"], 60)
        assert {item["name"] for item in caller.get("runs").body["items"]} == set(made)
    finally:
        operator.stop()
