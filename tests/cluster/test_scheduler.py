"""The script pipeline's scheduler on a real cluster, asked as a server asks that was written for the original."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from clusterlab.apiprocess import ApiProcess
from clusterlab.pipeline import BASE, SECRET, Pipeline, build_settings, prepare_pipeline
from clusterlab.space import Space
from clusterlab.watch import Manifest
from kubeapi import wait_for
from scriptserver import ScriptServer, serve_scripts

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.apifixtures"]

TELL = """
import json, os, sys
context = json.load(sys.stdin)
print("row", context["row"]["Name"])
print("to stderr", file=sys.stderr)
print(os.environ["dtable_web_url"], os.environ["is_cloud"], len(os.environ["api_token"]))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptServer]:
    """The pipeline's server."""
    with serve_scripts() as server:
        yield server


@pytest.fixture(scope="module")
def scheduler(shared: Space, server: ScriptServer, make_api: Callable[..., ApiProcess]) -> Iterator[ApiProcess]:
    """The scheduler, at work."""
    prepare_pipeline(shared)
    process = make_api(**build_settings(shared, server.port), SCHEDULER_TIME_LIMIT_SECONDS="30").start_and_serve()
    yield process
    if process.running:
        assert process.stop() == 0, process.tail()


@pytest.fixture
def pipeline(scheduler: ApiProcess) -> Pipeline:
    """The server as a caller."""
    return Pipeline(scheduler.url)


def find_run(space: Space, script_id: int) -> Manifest:
    """The one run of a script."""
    [run] = [item for item in space.watches.runs.select(space.name) if item["spec"]["task"]["id"] == str(script_id)]
    return run


def test_a_script_is_run_and_polled_for(pipeline: Pipeline, server: ScriptServer, shared: Space) -> None:
    address = server.add("/ticket-1/hello.py", TELL)
    before = datetime.now(UTC).replace(microsecond=0)
    script_id = pipeline.start(address, context_data={"row": {"Name": "Zoë"}})
    first = pipeline.look(script_id)
    assert (first["success"], first["finished_at"], first["output"]) == (None, None, None)
    assert first["state"] in ("pending", "running")
    script = pipeline.wait(script_id)
    assert script["output"] == f"row Zoë\nto stderr\n{server.url} 1 19\n"
    assert (script["success"], script["return_code"], script["state"]) == (True, 0, "finished")
    assert script["context_data"] == {"row": {"Name": "Zoë"}}
    assert (script["owner"], script["operate_from"], script["dtable_uuid"]) == ("ada@example.com", "manualy", BASE)
    times = [datetime.fromisoformat(script[name]) for name in ("created_at", "started_at", "finished_at")]
    assert before <= times[0] <= times[1] <= times[2]
    # It is a run like any other, which owns what was made for it.
    run = find_run(shared, script_id)
    name = run["metadata"]["name"]
    assert run["spec"]["task"]["source"] == "scheduler"
    for kind, own in (("configmaps", f"{name}-source"), ("secrets", f"{name}.run-env")):
        made = shared.api.get(shared.path(kind, own)).body
        assert made["metadata"]["ownerReferences"][0]["uid"] == run["metadata"]["uid"]


def test_a_failure_shows_what_was_printed(pipeline: Pipeline, server: ScriptServer) -> None:
    address = server.add("/t/bad.py", "print('so far', flush=True)\nraise SystemExit(3)")
    script = pipeline.wait(pipeline.start(address))
    assert (script["success"], script["return_code"], script["output"]) == (False, 3, "so far\n")


def test_what_takes_too_long_is_ended(pipeline: Pipeline, server: ScriptServer) -> None:
    address = server.add("/t/slow.py", "import time\nprint('ready', flush=True)\ntime.sleep(300)")
    script = pipeline.wait(pipeline.start(address))
    assert (script["success"], script["return_code"]) == (False, -1)
    assert script["output"] == "The script's running time exceeded the limit and the execution was aborted."


def test_a_script_without_an_address_is_asked_for(pipeline: Pipeline, server: ScriptServer) -> None:
    address = server.add("/t/found.py", "import os\nprint('found', os.environ['api_token'])")
    path = f"/api/v2.1/dtable/{BASE}/run-script/my script.py/task/file/"
    server.add(path, json.dumps({"script_url": address, "temp_api_token": "t0ken-of-the-file"}))
    bare = Pipeline(pipeline.url, base=BASE.replace("-", ""))
    script = bare.wait(bare.start("", "my script.py", temp_api_token=None), "my script.py")
    assert script["output"] == "found t0ken-of-the-file\n"
    asked = next(item for item in server.asked if item.path.startswith("/api/v2.1"))
    assert asked.headers["Authorization"] == f"Token {SECRET}"


def test_a_script_that_is_not_there(pipeline: Pipeline, server: ScriptServer, shared: Space) -> None:
    script = pipeline.wait(pipeline.start(f"{server.url}/t/missing.py"))
    assert (script["success"], script["return_code"]) == (False, None)
    assert script["output"] == "Fail to get script: the server with the script answers 404"
    shared.wait_phase(find_run(shared, script["id"])["metadata"]["name"], "Canceled")


def test_what_ran_is_listed_and_counted(pipeline: Pipeline, server: ScriptServer) -> None:
    address = server.add("/t/quick.py", "print('quick')")
    own = Pipeline(pipeline.url, base="aaaaaaaa-6a52-4a6e-9d0b-6c8f0f6b1d11")
    given = {"owner": "grace@example.com", "org_id": 5}
    ids = [own.start(address, "quick.py", **given) for _ in range(3)]
    for script_id in ids:
        assert own.wait(script_id, "quick.py")["success"] is True
    reply = own.logs("quick.py", per_page=2)
    assert reply.body["count"] == 3
    assert [log["id"] for log in reply.body["task_logs"]] == sorted(ids)[:0:-1]
    assert own.logs("quick.py", f"{ids[0]}/").body["task_log"]["output"] == "quick\n"
    assert own.get("/scripts-running-count/", {"org_id": 5}).body == {"count": 3}
    assert own.get("/scripts-running-count/", {"username": "grace@example.com"}).body == {"count": 3}
    month = datetime.now(UTC).strftime("%Y-%m")
    for by, name, subject in (
        ("user", "username", "grace@example.com"),
        ("org", "org_id", 5),
        ("base", "base_uuid", own.base),
    ):
        query = {"month": month, "order_by": "-total_run_count"}
        found = own.get(f"/admin/statistics/scripts-running/by-{by}/", query).body
        assert found["month"] == month
        [row] = [row for row in found["results"] if row[name] == subject]
        assert (row["total_run_count"], type(row["total_run_time"])) == (3, int)
    runs = own.get("/admin/runs/", {"org_id": 5, "base_uuid": own.base}).body
    assert (runs["count"], runs["total_count"]) == (3, 3)
    assert [run["id"] for run in runs["runs"]] == sorted(ids, reverse=True)
    assert "output" not in runs["runs"][0]
    first = min(run["started_at"] for run in runs["runs"])
    span = {"org_id": 5, "start": first, "end": datetime.now(UTC).isoformat()}
    assert own.get("/admin/runs/", span).body["total_count"] == 3
    assert own.get("/admin/runs/", {**span, "start": "2020-01-01", "end": "2020-01-31"}).body["total_count"] == 0
    figures = {"number_of_runs": 3, "triggered_manually": 3, "triggered_by_automation_rule": 0}
    figures |= {"successful_runs": 3, "unsuccessful_runs": 0}
    [base] = own.get("/admin/statistics/by-base/", span).body["results"]
    assert base["base_uuid"] == own.base
    assert figures.items() <= base.items()
    days = own.get("/admin/statistics/by-day/", {**span, "base_uuid": own.base}).body["results"]
    assert sum(day["number_of_runs"] for day in days) == 3
    assert days[0]["date"] == first[:10]


def test_a_monthly_limit(pipeline: Pipeline, server: ScriptServer) -> None:
    address = server.add("/t/limited.py", "print('limited')")
    given = {"org_id": 77, "scripts_running_limit": 2}
    ids = [pipeline.start(address, **given) for _ in range(2)]
    refused = pipeline.run(address, **given)
    assert (refused.status, refused.text) == (400, "The number of runs exceeds the limit")
    assert pipeline.run(address, org_id=77, scripts_running_limit=-1).status == 200
    for script_id in ids:
        pipeline.wait(script_id)


def test_a_secret_is_nowhere_but_in_its_secret(
    pipeline: Pipeline, server: ScriptServer, shared: Space, scheduler: ApiProcess
) -> None:
    secret = "s3cret-of-this-one-run-4711"
    address = server.add("/ticket-0815/own.py", "print('done')")
    script_id = pipeline.start(address, temp_api_token=secret)
    script = pipeline.wait(script_id)
    name = find_run(shared, script_id)["metadata"]["name"]
    shared.wait_run(name, "stored", lambda run: run.conditions.get("Stored", {}).get("status") == "True")
    kept = b"".join(path.read_bytes() for path in scheduler.folder.glob("history.db*"))
    shown = [json.dumps(script), pipeline.logs().text, pipeline.get("/admin/runs/").text, "\n".join(scheduler.log)]
    for path in (
        shared.run_path(name),
        shared.job_path(name),
        shared.path("pods?labelSelector=scriptrun.dev/run=" + name),
        shared.path("configmaps"),
        shared.path("events"),
    ):
        shown.append(json.dumps(shared.api.get(path).body))
    for text in (secret, "ticket-0815", SECRET):
        assert all(text not in part for part in shown), text
    assert secret.encode() not in kept
    assert SECRET.encode() not in kept
    assert shared.api.get(shared.path("secrets", f"{name}.run-env")).status == 200
    assert shared.api.delete(shared.run_path(name)).status == 200
    gone = shared.path("secrets", f"{name}.run-env")
    wait_for("the end of the Secret", lambda: shared.api.get(gone).status == 404)


def test_a_run_that_somebody_deletes(pipeline: Pipeline, server: ScriptServer, shared: Space) -> None:
    address = server.add("/t/deleted.py", "import time\ntime.sleep(300)")
    script_id = pipeline.start(address)
    wait_for("its start", lambda: pipeline.look(script_id)["state"] == "running")
    name = find_run(shared, script_id)["metadata"]["name"]
    assert shared.api.delete(shared.run_path(name)).status == 200
    script = pipeline.wait(script_id)
    assert (script["success"], script["output"]) == (False, "The script's run was deleted.")


def test_a_scheduler_that_is_killed_loses_nothing_and_runs_nothing_twice(
    pipeline: Pipeline, server: ScriptServer, shared: Space, scheduler: ApiProcess
) -> None:
    address = server.add("/t/killed.py", "import json, sys\nprint(json.load(sys.stdin)['number'])")
    own = Pipeline(pipeline.url, base="bbbbbbbb-6a52-4a6e-9d0b-6c8f0f6b1d11")
    given = {"owner": "killed@example.com", "org_id": 99}
    ids = [own.start(address, context_data={"number": number}, **given) for number in range(5)]
    scheduler.kill()
    scheduler.start_and_serve()
    assert [own.wait(script_id)["output"] for script_id in ids] == [f"{number}\n" for number in range(5)]
    for script_id in ids:
        assert len(shared.pods_seen(find_run(shared, script_id)["metadata"]["name"])) == 1
    assert own.get("/scripts-running-count/", {"org_id": 99}).body == {"count": 5}
    [row] = own.get("/admin/statistics/scripts-running/by-base/", {"per_page": 1000}).body["results"][-1:]
    assert (row["base_uuid"], row["total_run_count"]) == (own.base, 5)
