"""Orders from beginning to end, whoever dies or is away on the way: none is lost, run twice or counted twice."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scriptrun.errors import TryLater, Unavailable
from unit.pipeline.cluster import away
from unit.pipeline.conftest import NOON, TOKEN, Desk, MakeDesk


class Died(BaseException):
    """The process ended here."""


async def count(desk: Desk) -> tuple[int, int]:
    """How many were started, and how many ran."""
    started = (await desk.ask("GET", "/scripts-running-count/?username=ada&month=2026-01")).body["count"]
    rows = (await desk.ask("GET", "/admin/statistics/scripts-running/by-user/?month=2026-01")).body["results"]
    return started, rows[0]["total_run_count"] if rows else 0


async def test_what_is_made_for_an_order(desk: Desk) -> None:
    script_id = await desk.start(context_data={"a": 1})
    [run], [secret] = desk.cluster.runs(), desk.cluster.secrets()
    assert run["spec"]["variables"] == {"a": 1}
    assert run["spec"]["activeDeadlineSeconds"] == 900
    assert secret["stringData"]["api_token"] == "s3cret"
    assert "s3cret" not in str(run)
    assert (await desk.look(script_id))["state"] == "pending"
    await desk.work()
    [script] = desk.cluster.scripts()
    assert script["data"] == {"index.py": "print('hi')"}
    for item in (secret, script):
        assert item["metadata"]["ownerReferences"][0]["uid"] == run["metadata"]["uid"]
        assert item["immutable"] is True
    desk.cluster.finish(run, "no\n", "ScriptFailed", 3)
    await desk.work()
    script_shown = await desk.look(script_id)
    assert (script_shown["success"], script_shown["return_code"], script_shown["output"]) == (False, 3, "no\n")
    assert await count(desk) == (1, 1)


@pytest.mark.parametrize("plural", ["scriptruns", "secrets"])
async def test_a_cluster_that_is_away_at_the_start(desk: Desk, plural: str) -> None:
    desk.cluster.fail = away(plural)
    reply = await desk.ask("POST", "/run-script/", desk.build_call())
    assert (reply.status, reply.text) == (500, "Internal server error")
    desk.cluster.fail = lambda _verb, _plural: None
    await desk.work()
    script = await desk.look(1)
    assert (script["success"], script["state"]) == (False, "finished")
    assert await count(desk) == (0, 0)
    assert (
        all(run["metadata"]["name"] in desk.cluster.dropped for run in desk.cluster.runs()) or not desk.cluster.runs()
    )


@pytest.mark.parametrize("plural", ["scriptruns", "secrets"])
@pytest.mark.parametrize("moment", ["fail", "lose"])
async def test_a_scheduler_that_dies_before_it_answers(make_desk: MakeDesk, plural: str, moment: str) -> None:
    """Nobody learned the order's id, so it is not run: its caller will ask again."""
    desk = await make_desk()

    def die(verb: str, asked: str) -> None:
        if (verb, asked) == ("create", plural):
            raise Died

    setattr(desk.cluster, moment, die)
    with pytest.raises(Died):
        await desk.start()
    setattr(desk.cluster, moment, lambda _verb, _plural: None)
    other = await make_desk()
    await other.work()
    assert (await other.look(1))["success"] is None
    other.pass_time(seconds=61)
    await other.work()
    assert (await other.look(1))["success"] is False
    assert desk.cluster.scripts() == []
    assert all(run["spec"].get("cancel") for run in desk.cluster.runs())
    assert await count(other) == (0, 0)
    assert await other.start() == 2


async def test_a_scheduler_that_dies_with_the_script_downloaded(make_desk: MakeDesk) -> None:
    desk = await make_desk()
    script_id = await desk.start()
    desk.cluster.lose = away("configmaps")  # it was made, and nobody heard of it
    await desk.work()
    assert len(desk.cluster.scripts()) == 1
    desk.cluster.lose = lambda _verb, _plural: None
    other = await make_desk()
    await other.work()
    desk.cluster.finish(desk.cluster.runs()[0])
    await other.work()
    assert (await other.look(script_id))["output"] == "hi\n"
    assert len(desk.cluster.runs()) == len(desk.cluster.scripts()) == 1


async def test_two_schedulers_settle_and_count_once(make_desk: MakeDesk) -> None:
    desks = [await make_desk() for _ in range(2)]
    script_ids = [await desks[number % 2].start() for number in range(6)]
    await asyncio.gather(*(desk.work() for desk in desks))
    assert len(desks[0].cluster.scripts()) == 6
    for run in desks[0].cluster.runs():
        desks[0].cluster.finish(run)
    await asyncio.gather(*(desk.work() for desk in desks))
    assert [(await desks[0].look(script_id))["success"] for script_id in script_ids] == [True] * 6
    assert await count(desks[1]) == (6, 6)


async def test_an_api_server_that_is_away_delays(desk: Desk) -> None:
    script_id = await desk.start()
    desk.cluster.fail = away("scriptruns")
    with pytest.raises(Unavailable):
        await desk.work()
    desk.cluster.fail = away("configmaps")
    await desk.work()
    assert (await desk.look(script_id))["success"] is None
    desk.cluster.fail = lambda _verb, _plural: None
    await desk.work()
    desk.cluster.finish(desk.cluster.runs()[0])
    await desk.work()
    assert (await desk.look(script_id))["success"] is True


async def test_a_download_is_tried_again_and_not_for_ever(desk: Desk) -> None:
    url = desk.server.add("/ticket/a.py", "print('hi')")
    desk.server.statuses["/ticket/a.py"] = [500, 503]
    await desk.start(script_url=url)
    await desk.work()
    assert len(desk.cluster.scripts()) == 1
    desk.server.statuses["/ticket/b.py"] = [500] * 9
    second = await desk.start(script_url=f"{desk.server.url}/ticket/b.py")
    await desk.work()
    script = await desk.look(second)
    assert (script["success"], script["return_code"]) == (False, None)
    assert script["output"] == "Fail to get script: the server with the script answers 500"
    assert desk.cluster.runs()[1]["spec"]["cancel"] is True
    assert await count(desk) == (1, 0)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "http://169.254.169.254/latest/meta-data/", "http://localhost/ticket/a.py", "nonsense"],
)
async def test_an_address_that_is_not_allowed(desk: Desk, url: str) -> None:
    script_id = await desk.start(script_url=url)
    await desk.work()
    script = await desk.look(script_id)
    assert script["success"] is False
    assert script["output"].startswith("Fail to get script: ")
    assert "ticket" not in script["output"]
    assert desk.server.asked == []


async def test_a_server_is_asked_for_an_address(desk: Desk) -> None:
    path = "/api/v2.1/dtable/0d2f3c1e-6a52-4a6e-9d0b-6c8f0f6b1d11/run-script/my ../script.py/task/file/"
    desk.server.add(path, json.dumps({"script_url": desk.server.add("/found.py", "print('found')")}))
    await desk.start(dtable_uuid="0d2f3c1e6a524a6e9d0b6c8f0f6b1d11", script_name="my ../script.py", script_url=None)
    await desk.work()
    assert desk.cluster.scripts()[0]["data"] == {"index.py": "print('found')"}
    assert desk.server.asked[0].headers["Authorization"] == f"Token {TOKEN}"
    assert "/../" not in desk.server.asked[0].path
    assert "Authorization" not in desk.server.asked[1].headers


FILE = "/api/v2.1/dtable/base/run-script/a.py/task/file/"


async def test_a_server_that_gives_the_token_with_the_address(desk: Desk, tmp_path: Path) -> None:
    address = desk.server.add("/found.py", "print('found')")
    desk.server.add(FILE, json.dumps({"script_url": address, "temp_api_token": "t0ken-of-the-file"}))
    await desk.start(script_url=None, temp_api_token=None)
    assert desk.cluster.secrets() == []
    desk.cluster.lose = away("secrets")  # it was made, and nobody heard of it
    await desk.work()
    [secret], [script], [run] = desk.cluster.secrets(), desk.cluster.scripts(), desk.cluster.runs()
    assert secret["stringData"] == {
        "dtable_web_url": desk.server.url,
        "api_token": "t0ken-of-the-file",
        "is_cloud": "1",
    }
    assert secret["metadata"]["name"] == run["spec"]["secretEnv"]["name"]
    assert script["data"] == {"index.py": "print('found')"}
    assert b"t0ken-of-the-file" not in read_database(tmp_path)


async def test_a_token_of_the_callers_is_not_replaced(desk: Desk) -> None:
    address = desk.server.add("/found.py", "print('found')")
    desk.server.add(FILE, json.dumps({"script_url": address, "temp_api_token": "another"}))
    await desk.start(script_url="")
    await desk.work()
    [secret] = desk.cluster.secrets()
    assert secret["stringData"]["api_token"] == "s3cret"
    assert len(desk.cluster.scripts()) == 1


async def test_a_script_is_handed_over_with_the_servers_token(make_desk: MakeDesk, desk: Desk) -> None:
    handing = await make_desk(starter_url=desk.server.url)
    desk.server.add(FILE, json.dumps({"script_url": "https://x/found.py", "temp_api_token": "another"}))
    await handing.start(script_url=None, temp_api_token=None)
    [asked] = desk.server.posted("/function/run-python")
    assert (asked["script_url"], asked["env"]["api_token"]) == ("https://x/found.py", "another")


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b'{"script_url": 7}',
        b"[" * 30_000,
        b'{"script_url": ' + b"9" * 60_000 + b"}",
        b'"text"',
        b'{"script_url": "https://x/y", "temp_api_token": ["t"]}',
    ],
    ids=["page", "array", "number", "deep", "digits", "text", "token"],
)
async def test_a_server_that_does_not_say_where_the_script_is(desk: Desk, answer: bytes) -> None:
    desk.server.add(FILE, answer)
    script_id = await desk.start(script_url="")
    await desk.work()
    assert (await desk.look(script_id))["output"] == "Fail to get script: the server did not say where the script is"


async def test_a_limit(desk: Desk) -> None:
    await desk.start(scripts_running_limit=1)
    reply = await desk.ask("POST", "/run-script/", desk.build_call(scripts_running_limit=1))
    assert (reply.status, reply.text) == (400, "The number of runs exceeds the limit")
    assert len(desk.cluster.runs()) == 1
    await desk.start(scripts_running_limit=-1)


async def test_an_order_that_waited_too_long(desk: Desk) -> None:
    script_id = await desk.start()
    await desk.work()
    desk.pass_time(seconds=901)
    await desk.work()
    assert (await desk.look(script_id))["return_code"] == -1
    assert desk.cluster.runs()[0]["spec"]["cancel"] is True
    assert await count(desk) == (0, 0)


def read_database(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("history.db*"))


async def test_a_secret_is_in_no_row(desk: Desk, tmp_path: Path) -> None:
    await desk.start()
    kept = read_database(tmp_path)
    assert b"s3cret" not in kept
    assert TOKEN.encode() not in kept
    await desk.work()
    order = await desk.reconciler.orders.get(1)
    assert order is not None
    assert order.request.script_url == ""


async def test_as_a_starter_it_reports_to_the_scheduler(make_desk: MakeDesk, desk: Desk) -> None:
    starter = await make_desk(report_url=desk.server.url)
    call = {
        "script_url": desk.server.add("/a.py", "print('hi')"),
        "env": {"api_token": "s3cret", "dtable_web_url": "https://tables"},
        "context_data": {"a": 1},
        "script_id": 4711,
    }
    reply = await starter.ask("POST", "/function/run-python", call)
    assert (reply.status, reply.text) == (200, "Received")
    assert desk.cluster.secrets()[0]["stringData"] == {**call["env"], "is_cloud": "1"}  # type: ignore[dict-item]
    await starter.work()
    desk.cluster.finish(desk.cluster.runs()[0])
    desk.server.collect = lambda _asked: 503
    with pytest.raises(TryLater):
        await starter.work()
    desk.server.collect = lambda _asked: 200
    await starter.work()
    began = datetime(2026, 1, 31, 12, 0, 1, tzinfo=UTC).timestamp()
    expected = {"success": True, "return_code": 0, "output": "hi\n", "spend_time": 2.5, "script_id": 4711}
    expected |= {"started_at": began}
    assert desk.server.posted("/script-result/")[-1] == expected
    told = len(desk.server.posted("/script-result/"))
    await starter.work()
    assert len(desk.server.posted("/script-result/")) == told
    # It is no script of a server's, so no server sees it.
    assert (await starter.ask("GET", "/admin/runs/")).body["count"] == 0
    assert (await starter.ask("GET", "/run-script/1/?dtable_uuid=b&script_name=s")).status == 404


async def test_without_a_scheduler_there_is_no_starter(desk: Desk) -> None:
    reply = await desk.ask("POST", "/function/run-python", {"script_url": "https://x/y"})
    assert reply.status == 400
    assert "SCRIPTRUN_SCHEDULER_REPORT_URL" in reply.text
    assert desk.cluster.objects == {}


async def test_scripts_are_handed_over_to_another_starter(make_desk: MakeDesk, desk: Desk) -> None:
    handing = await make_desk(starter_url=desk.server.url)
    script_id = await handing.start(context_data={"a": 1})
    [asked] = desk.server.posted("/function/run-python")
    assert asked["env"] == {"dtable_web_url": desk.server.url, "api_token": "s3cret", "is_cloud": "1"}
    assert (asked["script_id"], asked["context_data"]) == (script_id, {"a": 1})
    assert desk.cluster.objects == {}
    await handing.work()
    assert (await handing.look(script_id))["state"] == "running"
    result = {"success": True, "return_code": 0, "output": "there\n", "spend_time": 3, "script_id": script_id}
    for output in ("there\n", "again"):
        reply = await handing.ask("POST", "/script-result/", {**result, "output": output})
        assert (reply.status, reply.body) == (200, {"success": True})
    assert (await handing.look(script_id))["output"] == "there\n"
    assert await count(handing) == (1, 1)


async def test_nobody_reports_for_a_script_that_runs_here(desk: Desk) -> None:
    script_id = await desk.start()
    result = {"success": True, "return_code": 0, "output": "forged", "spend_time": 3, "script_id": script_id}
    for path in ("/script-running-callback/", "/script-result/"):
        reply = await desk.ask("POST", path, {**result, "started_at": NOON.timestamp()})
        assert (reply.status, reply.body) == (200, {"success": True})
    shown = await desk.look(script_id)
    assert (shown["success"], shown["started_at"]) == (None, "")


@pytest.mark.parametrize("path", ["/script-running-callback/", "/script-result/"])
async def test_a_report_of_a_script_that_nobody_asked_for(make_desk: MakeDesk, path: str) -> None:
    starter = await make_desk(report_url="http://127.0.0.1:1")
    call = {"script_url": starter.server.add("/a.py", "print('hi')"), "script_id": 1}
    assert (await starter.ask("POST", "/function/run-python", call)).status == 200
    for body in ({"script_id": 1}, {"script_id": 9}, {"script_id": None}, {}):
        reply = await starter.ask("POST", path, body)
        assert (reply.status, reply.body) == (404, {"error_msg": "Script not found"}), body


async def test_a_starter_says_when_it_begins(make_desk: MakeDesk, desk: Desk) -> None:
    """What waits in the starter's own queue has its time limit from there on."""
    handing = await make_desk(starter_url=desk.server.url)
    script_id = await handing.start()
    handing.pass_time(seconds=800)
    began = handing.now[0]
    body = {"script_id": script_id, "started_at": began.timestamp()}
    reply = await handing.ask("POST", "/script-running-callback/", body)
    assert (reply.status, reply.body) == (200, {"success": True})
    assert (await handing.look(script_id))["started_at"] == began.isoformat()
    handing.pass_time(seconds=800)
    await handing.work()
    assert (await handing.look(script_id))["state"] == "running"
    # It can say so as often as it likes, and whatever its clock says: the script is ended all the same.
    for seconds in (0, 4_000_000_000):
        body["started_at"] = seconds
        assert (await handing.ask("POST", "/script-running-callback/", body)).status == 200
    assert (await handing.look(script_id))["started_at"] == (NOON + timedelta(seconds=900)).isoformat()
    handing.pass_time(seconds=300)
    await handing.work()
    assert (await handing.look(script_id))["return_code"] == -1


async def test_a_starter_says_with_the_result_when_it_began(make_desk: MakeDesk, desk: Desk) -> None:
    handing = await make_desk(starter_url=desk.server.url)
    script_id = await handing.start()
    handing.pass_time(seconds=10)
    result = {"success": True, "return_code": 0, "output": "", "spend_time": 3, "script_id": script_id}
    began = NOON + timedelta(seconds=5)
    assert (await handing.ask("POST", "/script-result/", {**result, "started_at": began.timestamp()})).status == 200
    assert (await handing.look(script_id))["started_at"] == began.isoformat()


async def test_a_starter_that_is_away(make_desk: MakeDesk, desk: Desk) -> None:
    desk.server.collect = lambda _asked: 500
    handing = await make_desk(starter_url=desk.server.url)
    reply = await handing.ask("POST", "/run-script/", desk.build_call())
    assert (reply.status, reply.text) == (500, "Internal server error")
    assert (await handing.look(1))["success"] is False
