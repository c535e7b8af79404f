"""Runs are followed to their end, whatever the network does meanwhile."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from scriptrun.cli import podlogs, waiting
from scriptrun.errors import Forbidden
from scriptrun.kube import watching
from scriptrun.kube.resources import SCRIPTRUNS
from scriptrun.kube.watching import watch_objects
from unit.cli.apistub import CONFIG_MAPS, PODS, RUNS, SCRIPTS, ApiStub, Reply, events, list_of, refuse
from unit.cli.conftest import Done, Scriptrun

POD = "hello-1-0-abcde"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiStub]:
    stub = ApiStub()
    monkeypatch.setenv("KUBECONFIG", str(stub.write_kubeconfig(tmp_path / "kubeconfig")))
    # The library reads the variable when it is imported, which an earlier test may have done.
    monkeypatch.setattr("scriptrun.kube.connection.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    stub.on(f"GET {SCRIPTS}/hello.py", Reply({}))
    yield stub
    stub.close()


def _make_output(data: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"labels": {"scriptrun.dev/output": "true"}}, "data": data}


def _make_run(**status: Any) -> dict[str, Any]:
    metadata = {"name": "hello-1", "namespace": "team", "resourceVersion": "8"}
    return {"metadata": metadata, "spec": {"scriptRef": {"name": "hello.py"}}, "status": status}


def _make_end(reason: str = "Completed", phase: str = "Succeeded", **status: Any) -> dict[str, Any]:
    return _make_run(phase=phase, reason=reason, finishedAt="2026-01-01T00:00:00Z", **status)


def _make_pod(state: str) -> dict[str, Any]:
    owner = {"kind": "Job", "name": "hello-1", "uid": "u", "controller": True}
    metadata = {"name": POD, "resourceVersion": "9", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {
        "metadata": {**metadata, "ownerReferences": [owner]},
        "status": {"containerStatuses": [{"name": "script", "state": {state: {}}}]},
    }


ATTEMPTS = [{"number": 1, "pod": POD}]


def _expect(api: ApiStub, *answers: Reply, watch: Reply | None = None) -> None:
    """Answer the lists of the run, and each watch of it."""
    api.on(f"POST {RUNS}", Reply(_make_run(), 201))
    api.on(f"GET {RUNS}", *answers)
    api.on(f"WATCH {RUNS}", watch or events(held=True))


def _run(scriptrun: Scriptrun, *options: str) -> Done:
    return scriptrun("run", "hello.py", "--name", "hello-1", *options)


def test_from_creation_to_output(api: ApiStub, scriptrun: Scriptrun) -> None:
    running = _make_run(phase="Running")
    end = _make_end(output={"a": 1}, durationSeconds=0.5)
    _expect(api, list_of(_make_run()), watch=events(("MODIFIED", running), ("MODIFIED", running), ("MODIFIED", end)))
    done = _run(scriptrun, "--var", "a:=1")
    assert (done.code, json.loads(done.stdout)) == (0, {"a": 1})
    assert done.stderr.splitlines() == [
        "scriptrun.scriptrun.dev/hello-1 created",
        "hello-1: Running",
        "hello-1: Succeeded in 0.5 s",
    ]
    [created] = api.find("POST", RUNS)
    assert created.body["spec"] == {"scriptRef": {"name": "hello.py"}, "variables": {"a": 1}}
    assert api.find("WATCH", RUNS)[0].query["fieldSelector"] == "metadata.name=hello-1"


def _make_script(name: str, *aliases: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "team"}, "spec": {"aliases": list(aliases)}}


def test_a_script_may_be_called_by_an_alias(api: ApiStub, scriptrun: Scriptrun) -> None:
    api.on(f"GET {SCRIPTS}", list_of(_make_script("order-import.py", "Order Import.py"), _make_script("hello.py")))
    _expect(api, list_of(_make_end()))
    done = scriptrun("run", "Order Import.py", "--no-wait")
    assert done.code == 0
    [created] = api.find("POST", RUNS)
    assert created.body["spec"] == {"scriptRef": {"name": "order-import.py"}}
    assert created.body["metadata"]["generateName"].startswith("order-import")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("helo.py", 'there is no Script "helo.py" in namespace team, by name or alias: did you mean "hello.py"?'),
        ("x", 'there is no Script "x" in namespace team, by name or alias: "scriptrun scripts list" shows all'),
        ("both", '"both" is an alias of several Scripts: a, b: leave it in spec.aliases of one of them'),
    ],
)
def test_nothing_is_created_for_a_name_that_stands_for_no_script(
    api: ApiStub, scriptrun: Scriptrun, typed: str, message: str
) -> None:
    scripts = (_make_script("hello.py"), _make_script("a", "both"), _make_script("b", "both"))
    api.on(f"GET {SCRIPTS}", list_of(*scripts))
    done = scriptrun("run", typed)
    assert done.code == 2
    assert message in done.stderr
    assert not api.find("POST", RUNS)


def test_who_may_not_see_scripts_may_run_them(api: ApiStub, scriptrun: Scriptrun) -> None:
    api.on(f"GET {SCRIPTS}/secret.py", refuse(403, "Forbidden"))
    _expect(api, list_of(_make_end()))
    assert scriptrun("run", "secret.py", "--no-wait").code == 0
    assert api.find("POST", RUNS)[0].body["spec"] == {"scriptRef": {"name": "secret.py"}}


@pytest.mark.parametrize(
    ("reason", "phase", "exit_code", "code"),
    [("ScriptFailed", "Failed", 7, 7), ("Timeout", "Failed", 143, 124), ("Canceled", "Canceled", None, 130)],
)
def test_the_exit_code_tells(
    api: ApiStub, scriptrun: Scriptrun, reason: str, phase: str, exit_code: int | None, code: int
) -> None:
    _expect(api, list_of(_make_end(reason, phase, **({"exitCode": exit_code} if exit_code else {}))))
    assert _run(scriptrun).code == code


def test_a_watch_that_ends_fails_or_is_too_old_is_begun_again(api: ApiStub, scriptrun: Scriptrun) -> None:
    api.on(f"POST {RUNS}", Reply(_make_run(), 201))
    api.on(f"GET {RUNS}", *[list_of(_make_run())] * 4, list_of(_make_end(output={})))
    too_old = events(("ERROR", {"code": 410, "message": "too old"}))
    api.on(f"WATCH {RUNS}", events(), too_old, refuse(410, "Expired"), Reply("", cut=True))
    done = _run(scriptrun)
    assert (done.code, done.stdout) == (0, "{}\n")
    assert len(api.find("GET", RUNS)) == 5


def test_an_api_server_away_for_long_ends_the_wait_but_not_the_run(
    api: ApiStub, scriptrun: Scriptrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(watching, "_PAUSE_SECONDS", 0.05)
    _expect(api, refuse(503, "ServiceUnavailable", "later"))
    done = _run(scriptrun, "--context", "stub")
    assert (done.code, done.stdout) == (1, "")
    assert "hello-1 goes on without you. See it: scriptrun logs -f hello-1 --context stub;" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: the API server has been away for a minute: later")


@pytest.mark.parametrize("type_", ["MODIFIED", "DELETED"])
def test_a_run_deleted_in_the_moment_of_its_end(api: ApiStub, scriptrun: Scriptrun, type_: str) -> None:
    """With ttlSecondsAfterFinished 0. The watch may tell of end and deletion as one."""
    end = _make_end("ScriptFailed", "Failed", exitCode=7, output={"a": 1})
    _expect(api, list_of(_make_run()), list_of(), watch=events((type_, end), ("DELETED", end)))
    done = _run(scriptrun, "--ttl", "0")
    assert (done.code, json.loads(done.stdout)) == (7, {"a": 1})


def test_its_large_output_is_gone_with_it(api: ApiStub, scriptrun: Scriptrun) -> None:
    reference = {"configMap": f"{POD}-output", "key": "output.json", "bytes": 9000, "sha256": "0" * 64}
    end = _make_end(outputRef=reference)
    end["spec"]["ttlSecondsAfterFinished"] = 0
    _expect(api, list_of(_make_run()), watch=events(("MODIFIED", end)))
    api.on(f"GET {CONFIG_MAPS}/{POD}-output", refuse(404, "NotFound", "it is gone"))
    done = _run(scriptrun, "--ttl", "0")
    assert (done.code, done.stdout) == (0, "")
    assert "hello-1: Succeeded" in done.stderr
    assert "deleted together with the run" in done.stderr


@pytest.mark.parametrize("gone", [events(("DELETED", _make_run())), events()])
def test_a_run_deleted_meanwhile(api: ApiStub, scriptrun: Scriptrun, gone: Reply) -> None:
    _expect(api, list_of(_make_run()), list_of(), watch=gone)
    done = _run(scriptrun)
    assert done.code == 1
    assert "error: hello-1 was deleted while it was waited for" in done.stderr


def test_a_hint_when_no_operator_looks_at_it(
    api: ApiStub, scriptrun: Scriptrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_HINT_SECONDS", 0.0)
    monkeypatch.setattr(watching, "_SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(watching, "_PAUSE_SECONDS", 0.0)
    api.on(f"GET {RUNS}/hello-1", Reply({**_make_run(), "status": None}))
    _expect(api, list_of(_make_run()), list_of(_make_end(output={})))
    done = _run(scriptrun)
    assert done.code == 0
    assert "hello-1: no operator has looked at it for 0 s: is one running" in done.stderr


def test_not_waiting(api: ApiStub, scriptrun: Scriptrun) -> None:
    _expect(api, list_of())
    assert _run(scriptrun, "--no-wait").stdout == "scriptrun.scriptrun.dev/hello-1 created\n"
    assert _run(scriptrun, "--no-wait", "-o", "name").stdout == "scriptrun.scriptrun.dev/hello-1\n"
    assert json.loads(_run(scriptrun, "--no-wait", "-o", "json").stdout)["metadata"]["name"] == "hello-1"
    assert not api.find("GET", RUNS)


def test_a_log_comes_once_though_the_network_cuts_it_off(
    api: ApiStub, scriptrun: Scriptrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(podlogs, "_PAUSE_SECONDS", 0.0)
    log = [Reply("one\ntw", cut=True), Reply("one\ntwo\nthr", cut=True), Reply("one\ntwo\nthree\nfour")]
    api.on(f"GET {PODS}", list_of(_make_pod("running")))
    api.on(f"WATCH {PODS}", events(held=True))
    api.on(f"GET {PODS}/{POD}/log", *log)
    end = _make_end("ScriptFailed", "Failed", exitCode=3, message="exit code 3\nfour", attempts=ATTEMPTS)
    # The run is over only when its log was read: the stub answers this list before it gives the end.
    _expect(api, list_of(_make_run()), list_of(end))
    monkeypatch.setattr(watching, "_SILENCE_SECONDS", 0.5)
    done = _run(scriptrun, "-f")
    assert (done.code, done.stdout) == (3, "")
    assert "one\ntwo\nthree\nfourhello-1: Failed: ScriptFailed: exit code 3\n" in done.stderr
    assert api.find("GET", f"{PODS}/{POD}/log")[0].query == {"container": "script", "follow": "true"}


def test_a_fast_runs_log_is_read_from_its_output(api: ApiStub, scriptrun: Scriptrun) -> None:
    """The kubelet has not told yet that the pod started, and its log can't be asked for."""
    api.on(f"GET {PODS}", list_of(_make_pod("waiting")))
    api.on(f"WATCH {PODS}", events(held=True))
    api.on(f"GET {CONFIG_MAPS}/{POD}-output", Reply(_make_output({"log": "quick\n"})))
    _expect(api, list_of(_make_end(output={}, attempts=ATTEMPTS)))
    done = _run(scriptrun, "-f")
    assert "created\nquick\nhello-1: Succeeded\n" in done.stderr
    assert not api.find("GET", f"{PODS}/{POD}/log")


def test_a_long_log_is_read_from_the_pod_once_it_can_be(
    api: ApiStub, scriptrun: Scriptrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(podlogs, "_PAUSE_SECONDS", 0.0)
    whole = "".join(f"line {number}\n" for number in range(10_000))
    api.on(f"GET {PODS}", list_of(_make_pod("waiting")))
    api.on(f"WATCH {PODS}", events(held=True))
    api.on(f"GET {CONFIG_MAPS}/{POD}-output", Reply(_make_output({"log": whole[-65_536:]})))
    api.on(f"GET {PODS}/{POD}/log", refuse(400, "BadRequest", "waiting to start"), Reply(whole))
    _expect(api, list_of(_make_end(output={}, attempts=ATTEMPTS)))
    assert whole in _run(scriptrun, "-f").stderr


async def test_a_log_that_may_not_be_read() -> None:
    class Refusing:
        async def list(self, *_: object, **__: object) -> None:
            raise Forbidden("pods is forbidden", 403, "Forbidden")

    told: list[str] = []
    await podlogs.LogFollower(cast(Any, Refusing()), ("team", "hello-1"), print, told.append).run()
    assert told == ["the log can't be followed: pods is forbidden"]


def test_a_large_output_is_read_whole_and_checked(api: ApiStub, scriptrun: Scriptrun) -> None:
    text = '{"a":  1.0}'
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    reference = {"configMap": f"{POD}-output", "key": "output.json", "bytes": len(text), "sha256": sha256}
    api.on(f"GET {RUNS}/hello-1", Reply(_make_end(outputRef=reference)))
    api.on(
        f"GET {CONFIG_MAPS}/{POD}-output",
        Reply(_make_output({"output.json": text})),
        Reply(_make_output({"output.json": "{}"})),
    )
    assert scriptrun("get", "hello-1", "-o", "output").stdout == f"{text}\n"
    done = scriptrun("get", "hello-1", "-o", "output")
    assert (done.code, done.stdout) == (1, "")
    assert "does not hold the output of this run any more" in done.stderr


def test_no_output_says_where_the_run_stands(api: ApiStub, scriptrun: Scriptrun) -> None:
    api.on(f"GET {RUNS}/hello-1", Reply(_make_run(phase="Queued", reason="ConcurrencyLimit")))
    done = scriptrun("get", "hello-1", "-o", "output")
    assert (done.code, done.stderr) == (1, "error: hello-1 has no output: Queued: ConcurrencyLimit\n")


def test_the_log_of_a_pod_that_is_gone(api: ApiStub, scriptrun: Scriptrun) -> None:
    other = "hello-1-0-first"
    api.on(f"GET {RUNS}/hello-1", Reply(_make_end(attempts=[{"number": 1, "pod": other}, {"number": 2, "pod": POD}])))
    api.on(f"GET {PODS}", list_of())
    api.on(f"GET {CONFIG_MAPS}/{POD}-output", Reply(_make_output({"log": "kept\n"})))
    both = scriptrun("logs", "hello-1")
    assert (both.code, both.stdout) == (0, "kept\n")
    first, lost, second = both.stderr.splitlines()
    assert (first, second) == (f"attempt 1, pod {other}:", f"attempt 2, pod {POD}:")
    assert lost.startswith(f"pod {other} has no log (any more)")
    assert scriptrun("logs", "hello-1", "--attempt", "2").stdout == "kept\n"
    gone = scriptrun("logs", "hello-1", "--attempt", "1")
    assert (gone.code, gone.stdout) == (1, "")
    assert f"pod {other} has no log (any more)" in gone.stderr
    missing = scriptrun("logs", "hello-1", "--attempt", "3")
    assert (missing.code, missing.stderr) == (1, "error: hello-1 has no attempt 3: there were 2\n")


def test_the_logs_of_all_attempts_are_gone(api: ApiStub, scriptrun: Scriptrun) -> None:
    attempts = [{"number": 1, "pod": "hello-1-0-first"}, {"number": 2, "pod": POD}]
    api.on(f"GET {RUNS}/hello-1", Reply(_make_end(attempts=attempts)))
    api.on(f"GET {PODS}", list_of())
    done = scriptrun("logs", "hello-1")
    assert done.code == 1
    assert done.stderr.endswith("error: none of the 2 attempts of hello-1 has a log (any more)\n")


def test_following_begins_with_the_attempts_that_are_over(api: ApiStub, scriptrun: Scriptrun) -> None:
    """Whatever the order in which the API server lists their pods: by name, which is random."""
    old = "hello-1-0-zzzzz"
    earlier = _make_pod("terminated")
    earlier["metadata"] |= {"name": old, "creationTimestamp": "2025-01-01T00:00:00Z"}
    attempts = [{"number": 1, "pod": old}, *({**attempt, "number": 2} for attempt in ATTEMPTS)]
    api.on(f"GET {RUNS}/hello-1", Reply(_make_run(phase="Running", attempts=attempts)))
    api.on(f"GET {PODS}", list_of(_make_pod("running"), earlier))
    api.on(f"WATCH {PODS}", events(held=True))
    api.on(f"GET {PODS}/{old}/log", Reply("one\n"))
    api.on(f"GET {PODS}/{POD}/log", Reply("two\n"))
    _expect(api, list_of(_make_end(output={}, attempts=attempts)))
    done = scriptrun("logs", "-f", "hello-1")
    assert (done.code, done.stdout) == (0, "one\ntwo\n")
    said = [line for line in done.stderr.splitlines() if line.startswith("attempt")]
    assert said == [f"attempt 1, pod {old}:", f"attempt 2, pod {POD}:"]


def test_no_log_yet(api: ApiStub, scriptrun: Scriptrun) -> None:
    api.on(f"GET {RUNS}/hello-1", Reply(_make_run()))
    # Another pod that carries the run's label, which anybody may do who may make pods, is not asked.
    foreign = {"metadata": {"name": "liar", "creationTimestamp": "2026-01-01T00:00:00Z"}}
    api.on(f"GET {PODS}", list_of(foreign))
    done = scriptrun("logs", "hello-1")
    assert (done.code, done.stderr) == (1, "error: hello-1 has no pod yet (-f waits for it): Pending\n")


def test_cancel(api: ApiStub, scriptrun: Scriptrun) -> None:
    api.on(f"GET {RUNS}/a", Reply(_make_run(phase="Running")))
    api.on(f"GET {RUNS}/b", Reply(_make_end()))
    api.on(f"PATCH {RUNS}/a", Reply(_make_run()))
    done = scriptrun("cancel", "a", "b")
    assert (done.code, done.stdout) == (0, "scriptrun.scriptrun.dev/a canceled\n")
    assert done.stderr == "b is over already: Succeeded\n"
    assert [request.body for request in api.find("PATCH", f"{RUNS}/a")] == [{"spec": {"cancel": True}}]


def test_rerun(api: ApiStub, scriptrun: Scriptrun) -> None:
    old = _make_end("ScriptFailed", "Failed")
    old["spec"] |= {"variables": {"a": 1}, "cancel": True, "task": {"id": "7"}}
    api.on(f"GET {RUNS}/hello-0", Reply(old))
    _expect(api, list_of(_make_end(output={})))
    assert scriptrun("rerun", "hello-0").code == 0
    [created] = api.find("POST", RUNS)
    assert created.body["spec"] == {"scriptRef": {"name": "hello.py"}, "variables": {"a": 1}}
    assert created.body["metadata"] == {"generateName": "hello-py-", "namespace": "team"}


def test_variables_that_kubernetes_has_rounded_are_not_used_again(api: ApiStub, scriptrun: Scriptrun) -> None:
    old = _make_end("InvalidVariables", "Failed")
    old["spec"] |= {"variables": {"id": 1.8446744073709552e29}}
    api.on(f"GET {RUNS}/hello-0", Reply(old))
    done = scriptrun("rerun", "hello-0")
    assert (done.code, done.stdout) == (2, "")
    assert "hello-0 can't be run again as it was: variables.id: Kubernetes rounds numbers" in done.stderr
    assert not api.find("POST", RUNS)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply("404 page not found\n", 404), "does not know the kinds of scriptrun.dev: install the chart"),
        (refuse(401, "Unauthorized"), "does not accept the credentials of this context"),
        (refuse(403, "Forbidden", 'scriptruns is forbidden: User "me"'), 'error: scriptruns is forbidden: User "me"'),
        (refuse(404, "NotFound", 'scriptruns.scriptrun.dev "x" not found'), 'scriptruns.scriptrun.dev "x" not found'),
        (refuse(422, "Invalid", "spec:\x1b[2J\x07\n no"), "error: spec:\\x07 no"),
    ],
)
def test_refusals_are_one_line_that_says_what_to_do(
    api: ApiStub, scriptrun: Scriptrun, reply: Reply, message: str
) -> None:
    api.on(f"GET {RUNS}/x", reply)
    done = scriptrun("get", "x")
    assert (done.code, done.stdout) == (1, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_every_page_is_listed(api: ApiStub, scriptrun: Scriptrun) -> None:
    first = Reply({"metadata": {"continue": "more"}, "items": [_make_end()]})
    second = _make_run(phase="Running")
    second["metadata"] = {**second["metadata"], "name": "hello-2"}
    api.on(f"GET {RUNS}", first, list_of(second))
    assert scriptrun("list", "-o", "name").stdout.split() == [
        "scriptrun.scriptrun.dev/hello-1",
        "scriptrun.scriptrun.dev/hello-2",
    ]
    assert [request.query.get("continue") for request in api.find("GET", RUNS)] == [None, "more"]


def _make_table(name: str, phase: str, version: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "team", "resourceVersion": version}
    return {"rows": [{"cells": [name, phase], "object": {"metadata": metadata}}]}


def test_a_watched_list_goes_on_where_it_was(api: ApiStub, scriptrun: Scriptrun) -> None:
    columns = [{"name": "Name", "priority": 0}, {"name": "Phase", "priority": 0}]
    first = {"metadata": {"resourceVersion": "7"}, "columnDefinitions": columns, **_make_table("a", "Running", "6")}
    api.on(f"GET {RUNS}", Reply(first), Reply({**first, "metadata": {"resourceVersion": "20"}}))
    api.on(
        f"WATCH {RUNS}",
        events(("MODIFIED", _make_table("a", "Succeeded", "8")), ("BOOKMARK", _make_table("", "", "10"))),
        events(("DELETED", _make_table("a", "Succeeded", "11")), ("ERROR", {"code": 410, "message": "too old"})),
        events(("ADDED", _make_table("b", "Running", "21")), ("ERROR", {"code": 500, "message": "broken"})),
    )
    done = scriptrun("list", "-w")
    assert done.stdout.splitlines() == ["NAME   PHASE", "a      Running", "a      Succeeded", "b      Running"]
    assert [request.query["resourceVersion"] for request in api.find("WATCH", RUNS)] == ["7", "10", "20"]
    assert (done.code, done.stderr) == (1, "error: broken\n")


class _Client:
    """Gives a watch whose events a test sends at the moment it wants."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def list(self, *_where: Any, **_query: str) -> dict[str, Any]:
        return {"items": [], "metadata": {"resourceVersion": "1"}}

    async def watch(self, *_where: Any, **_query: str) -> AsyncIterator[dict[str, Any]]:
        while True:
            yield await self.sent.get()


@pytest.mark.parametrize("steps", range(6))
async def test_a_cancellation_is_never_lost(steps: int) -> None:
    """Also one that comes at the same moment as an event: asyncio.wait_for would swallow it."""
    client: Any = _Client()

    async def consume() -> None:
        async for _ in watch_objects(client, SCRIPTRUNS, "team"):
            pass

    task = asyncio.create_task(consume())
    for _ in range(10):
        await asyncio.sleep(0)
    client.sent.put_nowait({"type": "MODIFIED", "object": {}})
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=2)
    assert task.cancelled()
