"""The REST API on a real cluster: runs made, listed, followed, canceled, repeated, and looked up afterwards."""

import concurrent.futures
import json
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from clusterlab.apiprocess import HELLO, ApiProcess, Caller, log_in
from clusterlab.process import OperatorProcess
from clusterlab.space import Space
from kubeapi import wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.apifixtures"]

SLOW = """
import time
for number in range(30):
    print("line", number, flush=True)
    time.sleep(0.2)
"""
FLAKY = """
import os, sys
print("attempt", os.environ["SCRIPTRUN_ATTEMPT"])
sys.exit(os.environ["SCRIPTRUN_ATTEMPT"] == "1")
"""
FOREVER = "import time\nprint('ready', flush=True)\ntime.sleep(600)\n"


def wait_stored(space: Space, name: str) -> None:
    space.wait_run(name, "stored", lambda run: run.conditions.get("Stored", {}).get("status") == "True")


def test_a_run_is_made_and_waited_for(space: Space, caller: Caller) -> None:
    reply = caller.create("hello.py", wait=60, variables={"name": "Ada"})
    assert reply.status == 201, reply
    run = reply.body
    assert reply.headers["Location"] == caller.path(f"runs/{run['name']}")
    assert (run["phase"], run["reason"], run["exitCode"]) == ("Succeeded", "Completed", 0)
    assert run["output"] == {"greeting": "Hello Ada"}
    assert run["source"] == "api"
    assert run["requestedBy"].startswith(f"system:serviceaccount:{space.name}:edit")
    assert [attempt["number"] for attempt in run["attempts"]] == [1]
    assert json.loads(caller.get(f"runs/{run['name']}/output").text) == {"greeting": "Hello Ada"}
    assert caller.get(f"runs/{run['name']}/logs").text == "greeting Ada\n"
    # It is a run like any other.
    made = space.run(run["name"])
    assert made is not None
    assert made.body["spec"]["variables"] == {"name": "Ada"}


def test_what_would_be_refused_later_is_refused_at_once(space: Space, caller: Caller) -> None:
    schema = {"type": "object", "required": ["count"], "properties": {"count": {"type": "integer"}}}
    space.add_script("strict.py", HELLO, handler="python", variablesSchema=schema, activeDeadlineSeconds=60)
    for asked, problem, words in (
        ({"script": "nothing.py"}, "script-not-found", "there is no Script"),
        ({"script": "strict.py"}, "invalid", "count"),
        ({"script": "strict.py", "variables": {"count": "x"}}, "invalid", "variables.count"),
        ({"script": "strict.py", "variables": {"count": 1}, "activeDeadlineSeconds": 61}, "invalid", "at most 60"),
        ({"script": "strict.py", "variables": {"count": 1}, "backoffLimit": 1}, "invalid", "at most 0"),
        ({"script": "strict.py", "image": "mine"}, "invalid", "/image"),
        ({"script": "strict.py", "name": "Not_A_Name"}, "invalid", "/name"),
    ):
        reply = caller.post("runs", asked)
        assert (reply.status, reply.problem) == (422, problem), reply
        assert words in reply.body["detail"], reply
    assert caller.get("runs").body["items"] == []


def test_one_key_makes_one_run(caller: Caller) -> None:
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        # A hundred requests at once, twenty of them with one and the same key.
        keys = ["the-same"] * 20 + [f"key-{number}" for number in range(80)]
        replies = list(pool.map(lambda key: (key, caller.create("hello.py", key=key)), keys))
    assert {reply.status for _, reply in replies} <= {200, 201}
    names = {key: {reply.body["name"] for other, reply in replies if other == key} for key in set(keys)}
    assert all(len(found) == 1 for found in names.values()), names
    assert sum(reply.status == 201 for key, reply in replies if key == "the-same") == 1
    listed = caller.get("runs?limit=500").body["items"]
    assert len(listed) == 81
    other = caller.create("hello.py", key="the-same", variables={"name": "Grace"})
    assert (other.status, other.problem) == (422, "idempotency-key-reused")


def test_a_key_is_good_whatever_became_of_its_script(space: Space, caller: Caller) -> None:
    space.add_script("short-lived.py", HELLO, handler="python")
    first = caller.create("short-lived.py", key="k")
    assert space.api.delete(space.script_path("short-lived.py")).status == 200
    wait_for("it to be gone", lambda: caller.get("scripts/short-lived.py").status == 404)
    again = caller.create("short-lived.py", key="k")
    assert (again.status, again.body["uid"]) == (200, first.body["uid"])
    assert caller.create("short-lived.py", key="other").problem == "script-not-found"


def test_keys_of_two_callers_are_two(space: Space, caller: Caller) -> None:
    other = Caller(caller.url, space.name, log_in(space, "edit"))
    first, second = caller.create("hello.py", key="k"), other.create("hello.py", key="k")
    assert first.status == second.status == 201
    assert first.body["name"] != second.body["name"]


def test_a_name_is_taken_once(caller: Caller) -> None:
    assert caller.create("hello.py", name="mine").body["name"] == "mine"
    again = caller.create("hello.py", name="mine")
    assert (again.status, again.problem) == (409, "already-exists")
    keyed = caller.create("hello.py", name="keyed", key="one")
    assert (keyed.status, caller.create("hello.py", name="keyed", key="one").body["uid"]) == (201, keyed.body["uid"])
    other = caller.create("hello.py", name="keyed", key="two")
    assert (other.status, other.problem) == (409, "already-exists")


def test_pages_show_every_run_once_the_newest_first(space: Space, caller: Caller) -> None:
    made = [caller.create("hello.py", wait=60 if number < 3 else 0).body["name"] for number in range(12)]
    wait_stored(space, made[0])
    assert space.api.delete(space.run_path(made[0])).status == 200  # only the history knows it from now on
    wait_for("its end", lambda: caller.get(f"runs/{made[0]}").body["inCluster"] is False)
    shown, cursor = [], ""
    while cursor is not None:
        page = caller.get(f"runs?limit=5{f'&cursor={cursor}' if cursor else ''}").body
        shown += page["items"]
        cursor = page["nextCursor"]
    assert sorted(item["name"] for item in shown) == sorted(made)
    times = [item["createdAt"] for item in shown]
    assert times == sorted(times, reverse=True)
    assert [item["inCluster"] for item in shown if item["name"] == made[0]] == [False]


def test_filters(space: Space, caller: Caller) -> None:
    space.add_script("bad.py", "raise SystemExit(3)", handler="python")
    good, bad = caller.create("hello.py", wait=60).body["name"], caller.create("bad.py", wait=60).body["name"]
    other = space.add_run("by-kubectl", "hello.py").name
    space.end_of(other)
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    for query, expected in (
        ("script=hello.py", {good, other}),
        ("phase=Failed", {bad}),
        ("phase=Failed&phase=Succeeded", {good, bad, other}),
        ("reason=ScriptFailed", {bad}),
        ("source=api", {good, bad}),
        ("source=", {other}),
        (f"since={soon}", set()),
        (f"until={soon}", {good, bad, other}),
    ):
        listed = wait_for(query, lambda query=query: caller.get(f"runs?{query}"))  # type: ignore[misc]
        assert {item["name"] for item in listed.body["items"]} == expected, query


def test_a_run_is_canceled(space: Space, caller: Caller) -> None:
    space.add_script("forever.py", FOREVER, handler="python")
    name = caller.create("forever.py").body["name"]
    space.wait_started(name)
    assert caller.post(f"runs/{name}/cancel").status == 202
    assert caller.get(f"runs/{name}?wait=60").body["reason"] == "Canceled"
    again = caller.post(f"runs/{name}/cancel")
    assert (again.status, again.problem) == (409, "run-finished")


def test_a_run_is_repeated_also_when_only_the_history_knows_it(space: Space, caller: Caller) -> None:
    first = caller.create("hello.py", wait=60, variables={"name": "Ada"}).body["name"]
    again = caller.post(f"runs/{first}/rerun?wait=60", {"variables": {"name": "Grace"}})
    assert (again.status, again.body["output"]) == (201, {"greeting": "Hello Grace"})
    wait_stored(space, first)
    assert caller.ask("DELETE", f"runs/{first}").status == 204
    wait_for("its end", lambda: caller.get(f"runs/{first}").body["inCluster"] is False)
    third = caller.post(f"runs/{first}/rerun?wait=60", {}, Idempotency_Key="again")
    assert (third.status, third.body["output"]) == (201, {"greeting": "Hello Ada"})
    assert caller.post(f"runs/{first}/rerun?wait=60", {}, Idempotency_Key="again").status == 200


def test_what_left_the_cluster_is_looked_up_in_the_history(space: Space, caller: Caller) -> None:
    name = caller.create("hello.py", wait=60, key="once", variables={"name": "Ada"}, ttlSecondsAfterFinished=3600).body[
        "name"
    ]
    before = caller.get(f"runs/{name}").body
    wait_stored(space, name)
    assert caller.ask("DELETE", f"runs/{name}").status == 204
    wait_for("its end", lambda: caller.get(f"runs/{name}").body["inCluster"] is False)
    after = caller.get(f"runs/{name}").body
    changed = {key for key in before if before[key] != after[key]}
    assert changed <= {"inCluster", "scriptSha256", "ttlSecondsAfterFinished"}, changed
    assert len(after["scriptSha256"]) == 64
    assert caller.get(f"runs/{name}/output").body == {"greeting": "Hello Ada"}
    assert caller.get(f"runs/{name}/logs").text == "greeting Ada\n"
    events = list(caller.follow(name))
    assert [event["event"] for event in events] == ["log", "end"]
    # Its key is not forgotten either.
    seen = caller.create("hello.py", key="once", variables={"name": "Ada"}, ttlSecondsAfterFinished=3600)
    assert (seen.status, seen.body["uid"]) == (200, before["uid"])
    # A name that was given is free again for another key.
    assert caller.create("hello.py", name=name, key="another").status == 201
    wait_for("the new one", lambda: caller.get(f"runs/{name}?wait=30").body["phase"] == "Succeeded")
    wait_stored(space, name)
    assert caller.ask("DELETE", f"runs/{name}").status == 204
    wait_for("its end", lambda: caller.get(f"runs/{name}").body["inCluster"] is False)
    gone = caller.ask("DELETE", f"runs/{name}")
    assert (gone.status, gone.problem) == (409, "run-forgotten")


def read_lines(events: list[dict[str, str]]) -> list[str]:
    texts = [json.loads(event["data"])["text"] for event in events if event.get("event") == "log"]
    return "".join(texts).splitlines()


def test_a_log_is_followed_and_taken_up_where_it_was_cut_off(space: Space, caller: Caller) -> None:
    space.add_script("slow.py", SLOW, handler="python")
    name = caller.create("slow.py").body["name"]
    first = []
    for event in caller.follow(name):
        first.append(event)
        if len(first) == 7:
            break
    second = list(caller.follow(name, first[-1]["id"]))
    assert read_lines(first + second) == [f"line {number}" for number in range(30)]
    assert second[-1]["event"] == "end"
    assert json.loads(second[-1]["data"])["phase"] == "Succeeded"
    # Once more when it is over, from everywhere.
    whole = list(caller.follow(name))
    assert read_lines(whole) == read_lines(first + second)
    for place in (0, 11, 29):
        assert read_lines(list(caller.follow(name, whole[place]["id"]))) == read_lines(whole)[place + 1 :]


def test_every_attempt_of_a_run_is_followed(space: Space, caller: Caller) -> None:
    space.add_script(
        "flaky.py",
        FLAKY,
        handler="python",
        backoffLimit=2,
    )
    name = caller.create("flaky.py").body["name"]
    events = list(caller.follow(name))
    assert read_lines(events) == ["attempt 1", "attempt 2"]
    assert [json.loads(event["data"])["attempt"] for event in events[:-1]] == [1, 2]
    assert caller.get(f"runs/{name}/logs?attempt=1").text == "attempt 1\n"
    assert read_lines(list(caller.follow(name, events[0]["id"]))) == ["attempt 2"]


def test_the_allow_list_shows_no_source_and_no_environment(space: Space, caller: Caller) -> None:
    space.add_script(
        "secretive.py", "print('the source')", handler="python", env=[{"name": "A", "value": "environment"}]
    )
    wait_for("the Script", lambda: caller.get("scripts/secretive.py").status == 200)
    text = caller.get("scripts").text + caller.get("scripts/secretive.py").text
    assert "hello.py" in text
    assert "the source" not in text
    assert "environment" not in text


def test_figures(space: Space, caller: Caller) -> None:
    space.add_script("bad.py", "raise SystemExit(3)", handler="python")
    names = [caller.create(script, wait=60).body["name"] for script in ("hello.py", "hello.py", "bad.py")]
    for name in names:
        wait_stored(space, name)
    groups = {group["key"]: group for group in caller.get("stats").body["groups"]}
    assert groups["hello.py"]["byReason"] == {"Completed": 2}
    assert groups["hello.py"]["successRate"] == 1
    assert groups["hello.py"]["p50Seconds"] <= groups["hello.py"]["p95Seconds"]
    assert groups["bad.py"]["byReason"] == {"ScriptFailed": 1}
    [day] = caller.get("stats?by=day").body["groups"]
    assert day["count"] == 3
    assert [group["key"] for group in caller.get("stats?by=source").body["groups"]] == ["api"]


def test_without_a_history_all_but_the_past_is_there(
    space: Space, caller: Caller, make_api: Callable[..., ApiProcess]
) -> None:
    bare = make_api().start_and_serve()
    caller = Caller(bare.url, caller.namespace, caller.token)
    name = caller.create("hello.py", wait=60, variables={"name": "Ada"}).body["name"]
    assert [item["name"] for item in caller.get("runs").body["items"]] == [name]
    assert caller.get("stats").body["groups"][0]["byReason"] == {"Completed": 1}
    assert caller.ask("DELETE", f"runs/{name}").status == 204
    wait_for("its end", lambda: caller.get(f"runs/{name}").status == 404)
    assert space.name


def test_the_operator_deletes_no_run_that_the_history_lacks(
    space: Space, caller: Caller, rest: ApiProcess, operator: OperatorProcess
) -> None:
    operator.stop()
    operator.start_and_lead(KEEP_UNTIL_STORED="true")
    try:
        assert rest.stop() == 0
        name = space.add_run("short-lived", "hello.py", ttlSecondsAfterFinished=0).name
        space.end_of(name)
        time.sleep(2)  # nothing happens, which is not to be waited for by any event
        assert space.api.get(space.run_path(name)).status == 200
        rest.start_and_serve()
        wait_for("its end in the cluster", lambda: space.api.get(space.run_path(name)).status == 404)
        kept = caller.get(f"runs/{name}").body
        assert (kept["inCluster"], kept["output"]) == (False, {"greeting": "Hello you"})
    finally:
        operator.stop()


def test_the_end_of_a_run_that_goes_in_that_moment_is_the_answer(caller: Caller) -> None:
    """The operator deletes it as soon as its end is written."""
    for _ in range(3):
        answer = caller.create("hello.py", wait=60, ttlSecondsAfterFinished=0)
        assert answer.status == 201, answer
        assert (answer.body["phase"], answer.body["output"]) == ("Succeeded", {"greeting": "Hello you"})


def test_the_root_leads_programs_and_people_on(rest: ApiProcess) -> None:
    caller = Caller(rest.url, "")
    answer = caller.get("/")
    assert (answer.status, answer.body["name"]) == (200, "scriptrun")
    assert answer.body["version"] == caller.get(answer.body["openapi"]).body["info"]["version"]
    for name in ("docs", "openapi", "health"):
        assert caller.get(answer.body[name]).status == 200
    request = urllib.request.Request(f"{rest.url}/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    with urllib.request.urlopen(request, timeout=10) as page:
        assert (page.status, page.url) == (200, f"{rest.url}/docs")


def test_the_docs_page_asks_no_other_address(rest: ApiProcess) -> None:
    caller = Caller(rest.url, "")
    page = caller.get("/docs")
    assert page.status == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for word in ("<script", "http://", "https://", "src=", "@import", "url("):
        assert word not in page.text
    document = caller.get("/openapi.json").body
    for path in document["paths"]:
        assert path in page.text
    assert caller.get("/metrics").text.count("scriptrun_http_requests_total") > 1


def test_stopping_lets_what_is_under_way_finish(
    space: Space, caller: Caller, make_api: Callable[..., ApiProcess]
) -> None:
    space.add_script("slow.py", SLOW, handler="python")
    process = make_api().start_and_serve()
    caller = Caller(process.url, caller.namespace, caller.token)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(caller.create, "slow.py", 60)
        name = wait_for("the run", lambda: next(iter(caller.get("runs").body["items"]), None))["name"]
        following = pool.submit(lambda: list(caller.follow(name)))
        time.sleep(1)
        started = time.monotonic()
        assert process.stop() == 0
        assert time.monotonic() - started < 9
        assert waiting.result().status == 201  # as it stood
        assert waiting.result().body["phase"] in ("Pending", "Running")
        assert following.result()[-1].get("event") != "end"
