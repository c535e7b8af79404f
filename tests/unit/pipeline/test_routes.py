"""Every path, with the pipeline's shapes, statuses and texts; and what is refused before anything is read."""

from typing import Any

import pytest

from scriptrun.pipeline.decisions import TOO_LONG
from unit.pipeline.asgi import ask
from unit.pipeline.conftest import TOKEN, Desk, MakeDesk

LONG = "Forbidden: the auth token is not correct."
GUARDED = [
    ("POST", "/run-script/", LONG),
    ("GET", "/run-script/1/?dtable_uuid=b&script_name=s", LONG),
    ("GET", "/tasks/b/s/logs/", "Forbidden"),
    ("GET", "/tasks/b/s/logs/1/", "Forbidden"),
    ("GET", "/scripts-running-count/?username=a", LONG),
    ("GET", "/admin/statistics/scripts-running/by-user/", LONG),
    ("GET", "/admin/statistics/scripts-running/by-org/", LONG),
    ("GET", "/admin/statistics/scripts-running/by-base/", LONG),
    ("GET", "/admin/runs/", LONG),
    ("GET", "/admin/statistics/by-base/?org_id=7", LONG),
    ("GET", "/admin/statistics/by-day/?org_id=7", LONG),
    ("POST", "/script-running-callback/", LONG),
    ("POST", "/script-result/", LONG),
    ("POST", "/function/run-python", LONG),
    ("GET", "/admin/nothing/", LONG),
]
NOT_THE_SECRET = [
    "",
    "Token",
    "Token ",
    "Token wrong",
    f"Token {TOKEN[:-1]}",
    f"Token {TOKEN}x",
    f"Token  {TOKEN}",
    f"token {TOKEN}",
    f"Basic {TOKEN}",
    TOKEN,
    f"Token {TOKEN}, Bearer {TOKEN}",
    "Token \xff\xfe",
    "Token " + "x" * 100_000,
]


@pytest.mark.parametrize(("method", "path", "text"), GUARDED)
async def test_nothing_without_the_secret(desk: Desk, method: str, path: str, text: str) -> None:
    for shown in NOT_THE_SECRET:
        reply = await desk.ask(method, path, b"{" * 100_000, shown)
        assert (reply.status, reply.text, reply.read) == (403, text, 0)
    assert desk.cluster.objects == {}


async def test_two_headers_are_no_secret(desk: Desk) -> None:
    header = (b"authorization", f"Token {TOKEN}".encode())
    assert (await ask(desk.app, "GET", "/admin/runs/", headers=(header, header))).status == 403
    assert (await ask(desk.app, "GET", "/admin/runs/", headers=(header,))).status == 200


async def test_either_scheme_and_either_path(desk: Desk) -> None:
    for scheme in ("Token", "Bearer"):
        for path in ("/admin/runs/", "/admin/runs"):
            assert (await desk.ask("GET", path, authorization=f"{scheme} {TOKEN}")).status == 200


async def test_ping_needs_no_secret(desk: Desk) -> None:
    reply = await desk.ask("GET", "/ping/", authorization="")
    assert (reply.status, reply.text) == (200, "Pong")


async def test_other_paths_are_the_apis(desk: Desk) -> None:
    for path in ("/api/v1/namespaces/n/runs", "/healthz", "/run-scripts/", "/pinga", "/"):
        assert (await desk.ask("GET", path, authorization="")).text == "the API"


async def test_starters_that_know_no_secret_have_to_be_let_in(make_desk: MakeDesk) -> None:
    desk = await make_desk(starter_auth=False)
    for path in ("/script-result/", "/script-running-callback/"):
        reply = await desk.ask("POST", path, {"script_id": 5}, "")
        assert (reply.status, reply.body) == (404, {"error_msg": "Script not found"})
    assert (await desk.ask("GET", "/admin/runs/", authorization="")).status == 403
    assert (await desk.ask("POST", "/run-script/", {}, "")).status == 403


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "Bad request"),
        (b"[1]", "Bad request"),
        (b"{", "Bad request"),
        (b"{}", "Parameters invalid"),
        ({"dtable_uuid": "b", "script_name": "s"}, "Parameters invalid"),
        ({"dtable_uuid": "b", "script_name": "s", "owner": "o", "context_data": [1]}, "Parameters invalid"),
    ],
)
async def test_bad_calls(desk: Desk, body: Any, text: str) -> None:
    reply = await desk.ask("POST", "/run-script/", body)
    assert (reply.status, reply.text) == (400, text)
    assert desk.cluster.objects == {}


async def test_fifty_megabytes_are_not_read(desk: Desk) -> None:
    reply = await desk.ask("POST", "/run-script/", b" " * 50_000_000)
    assert reply.status == 413
    assert reply.read < 17_000_000


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/run-script/x/?dtable_uuid=base&script_name=a.py", 400, "Bad request"),
        ("/run-script/%C2%B2/?dtable_uuid=base&script_name=a.py", 400, "Bad request"),
        ("/run-script/1/", 400, "Parameters invalid"),
        ("/run-script/1/?dtable_uuid=base", 400, "Parameters invalid"),
        ("/run-script/2/?dtable_uuid=base&script_name=a.py", 404, "Not found"),
        ("/run-script/-1/?dtable_uuid=base&script_name=a.py", 404, "Not found"),
        (f"/run-script/{9**60}/?dtable_uuid=base&script_name=a.py", 404, "Not found"),
        ("/run-script/1/?dtable_uuid=other&script_name=a.py", 400, "Bad request"),
        ("/run-script/1/?dtable_uuid=base&script_name=b.py", 400, "Bad request"),
        ("/tasks/base/a.py/logs/?order_by=owner", 400, "order_by invalid."),
        ("/tasks/base/a.py/logs/9/", 404, '{"error_msg":"Script log not found"}'),
        ("/tasks/base/b.py/logs/1/", 404, '{"error_msg":"Script log not found"}'),
        ("/tasks/other/a.py/logs/1/", 404, '{"error_msg":"Script log not found"}'),
        ("/scripts-running-count/", 400, "username or org_id invalid."),
        ("/scripts-running-count/?org_id=x", 400, "org_id invalid."),
        ("/scripts-running-count/?org_id=-1", 400, "org_id invalid."),
        ("/scripts-running-count/?username=a&month=may", 400, "month invalid."),
        ("/admin/statistics/scripts-running/by-org/?month=may", 400, "month invalid."),
        ("/admin/statistics/scripts-running/by-org/?order_by=org_id", 400, "order_by invalid."),
        ("/admin/runs/?start=may", 400, '{"error":"Invalid value for start parameter"}'),
        ("/admin/runs/?end=9999-12-31", 400, '{"error":"Invalid value for end parameter"}'),
        ("/admin/runs/?page=x", 400, '{"error":"page must be an integer"}'),
        ("/admin/runs/?per_page=x", 400, '{"error":"per_page must be an integer"}'),
        ("/admin/runs/?per_page=1001", 400, '{"error":"per_page cannot be greater than 1000"}'),
        ("/admin/runs/?org_id=x", 400, '{"error":"org_id must be an integer"}'),
        ("/admin/runs/?start=0001-01-01T00:00%2B01:00", 400, '{"error":"Invalid value for start parameter"}'),
        ("/admin/statistics/by-base/", 400, '{"error":"org_id is required"}'),
        ("/admin/statistics/by-day/?base_uuid=base", 400, '{"error":"org_id is required"}'),
        ("/admin/statistics/by-day/?org_id=x", 400, '{"error":"org_id must be an integer"}'),
        ("/admin/statistics/by-base/?org_id=7&end=may", 400, '{"error":"Invalid value for end parameter"}'),
        ("/admin/statistics/by-base/?org_id=7&per_page=1001", 400, '{"error":"per_page cannot be greater than 1000"}'),
    ],
)
async def test_refusals(desk: Desk, path: str, status: int, text: str) -> None:
    assert await desk.start() == 1
    reply = await desk.ask("GET", path)
    assert (reply.status, reply.text) == (status, text)


async def test_an_order_in_every_list(desk: Desk) -> None:
    script_id = await desk.start(org_id=7, context_data={"a": 1}, operate_from="automation-rule")
    await desk.work()
    desk.cluster.finish(desk.cluster.runs()[0])
    await desk.work()
    shown = {
        "id": script_id,
        "dtable_uuid": "base",
        "owner": "ada",
        "org_id": 7,
        "script_name": "a.py",
        "context_data": {"a": 1},
        "started_at": "2026-01-31T12:00:01+00:00",
        "finished_at": "2026-01-31T12:00:03+00:00",
        "success": True,
        "return_code": 0,
        "output": "hi\n",
        "operate_from": "automation-rule",
        "state": "finished",
        "created_at": "2026-01-31T12:00:00+00:00",
    }
    assert await desk.look(script_id) == shown
    assert (await desk.ask("GET", "/tasks/BASE/a.py/logs/")).body == {"task_logs": [shown], "count": 1}
    assert (await desk.ask("GET", "/tasks/ba-se/a.py/logs/?org_by=id&page=2")).body == {"task_logs": [], "count": 1}
    assert (await desk.ask("GET", f"/tasks/base/a.py/logs/{script_id}/")).body == {"task_log": shown}
    brief = {key: value for key, value in shown.items() if key not in ("context_data", "output")}
    for query, count in (
        ("", 1),
        ("?org_id=7&base_uuid=base&start=2026-01-31&end=2026-01-31", 1),
        ("?start=2026-01-31T12:00:01&end=2026-01-31T12:00:01Z", 1),
        ("?start=2026-01-31T12:00:02", 0),
        ("?end=2026-01-31T13:00:00%2B01:00", 0),
        ("?org_id=8", 0),
    ):
        reply = await desk.ask("GET", f"/admin/runs/{query}")
        assert reply.body == {"runs": [brief] * count, "count": count, "total_count": count}, query
    for by, name, subject in (("user", "username", "ada"), ("org", "org_id", 7), ("base", "base_uuid", "base")):
        row = {"total_run_count": 1, "total_run_time": 2, name: subject}
        reply = await desk.ask("GET", f"/admin/statistics/scripts-running/by-{by}/?month=2026-01")
        assert reply.body == {"month": "2026-01", "count": 1, "results": [row]}
    assert (await desk.ask("GET", "/scripts-running-count/?org_id=7&month=2026-01")).body == {"count": 1}
    assert (await desk.ask("GET", "/scripts-running-count/?org_id=7&month=2025-12")).body == {"count": 0}


async def test_figures_of_an_organisation_by_base_and_by_day(desk: Desk) -> None:
    for given in (
        {"dtable_uuid": "BA-SE"},
        {"operate_from": "automation-rule"},
        {"dtable_uuid": "other", "operate_from": "schedule"},
        {"org_id": 8},
    ):
        await desk.start(**{"org_id": 7, **given})
    await desk.work()
    runs = desk.cluster.runs()
    for run in runs[:2]:
        desk.cluster.finish(run)
    runs[2]["status"] = {"startedAt": "2026-02-01T00:00:00Z"}
    desk.cluster.finish(runs[3], reason="ScriptFailed", code=3)
    await desk.work()
    names = ("number_of_runs", "triggered_manually", "triggered_by_automation_rule", "successful_runs")

    def row(name: str, key: str, seconds: int, failed: int, *counts: int) -> dict[str, Any]:
        figures = dict(zip(names, counts, strict=True))
        return {name: key, **figures, "total_run_time": seconds, "unsuccessful_runs": failed}

    base, other = row("base_uuid", "base", 5, 0, 2, 1, 1, 2), row("base_uuid", "other", 0, 0, 1, 0, 0, 0)
    first, second = row("date", "2026-01-31", 5, 0, 2, 1, 1, 2), row("date", "2026-02-01", 0, 0, 1, 0, 0, 0)
    failed = row("base_uuid", "base", 2, 1, 1, 1, 0, 0)
    for query, rows, total in (
        ("by-base/?org_id=7", [base, other], 2),
        ("by-base/?org_id=7&base_uuid=other", [base, other], 2),
        ("by-base/?org_id=7&per_page=1&page=2", [other], 2),
        ("by-base/?org_id=7&end=2026-01-31", [base], 1),
        ("by-base?org_id=8", [failed], 1),
        ("by-day/?org_id=7", [first, second], 2),
        ("by-day/?org_id=7&base_uuid=BASE", [first], 1),
        ("by-day/?org_id=7&start=2026-02-01T00:00:00", [second], 1),
        ("by-day/?org_id=9", [], 0),
    ):
        reply = await desk.ask("GET", f"/admin/statistics/{query}")
        assert reply.body == {"results": rows, "total_count": total}, query


async def test_what_has_not_started_has_no_time_and_no_day(desk: Desk) -> None:
    script_id = await desk.start(org_id=7)
    shown = await desk.look(script_id)
    assert (shown["started_at"], shown["finished_at"]) == ("", None)
    [row] = (await desk.ask("GET", "/admin/statistics/by-base/?org_id=7")).body["results"]
    assert (row["number_of_runs"], row["total_run_time"]) == (1, 0)
    assert (await desk.ask("GET", "/admin/statistics/by-day/?org_id=7")).body == {"results": [], "total_count": 0}


async def test_what_is_overdue_is_shown_so_at_once(desk: Desk) -> None:
    script_id = await desk.start()
    await desk.work()
    desk.cluster.runs()[0]["status"] = {"startedAt": "2026-01-31T12:00:01Z"}
    await desk.work()
    assert (await desk.look(script_id))["state"] == "running"
    desk.pass_time(seconds=902)
    script = await desk.look(script_id)
    assert (script["success"], script["return_code"], script["output"]) == (False, -1, TOO_LONG)
    assert desk.cluster.runs()[0]["spec"]["cancel"] is True


async def test_a_method_that_a_path_does_not_know(desk: Desk) -> None:
    assert (await desk.ask("DELETE", "/run-script/1/")).status == 405
    assert (await desk.ask("GET", "/admin/nothing/")).status == 404


async def test_headers_and_lines_from_callers_stay_what_they_are(desk: Desk) -> None:
    name = "a.py\r\nSet-Cookie: evil=1"
    script_id = await desk.start(script_name=name)
    query = "dtable_uuid=base&script_name=a.py%0D%0ASet-Cookie:%20evil=1"
    reply = await desk.ask("GET", f"/run-script/{script_id}/?{query}")
    assert reply.body["script"]["script_name"] == name
    assert "set-cookie" not in reply.headers
