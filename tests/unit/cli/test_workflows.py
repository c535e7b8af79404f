"""`scriptrun workflows …`: runs are started, followed step by step, shown, resumed and canceled."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scriptrun.cli import waiting
from scriptrun.kube import watching
from unit.cli.apistub import CONFIG_MAPS, PODS, RUNS, SCRIPTS, ApiStub, Reply, events, list_of, refuse
from unit.cli.conftest import Done, Scriptrun

WORKFLOWS = SCRIPTS.replace("scripts", "workflows")
WORKFLOW_RUNS = SCRIPTS.replace("scripts", "workflowruns")
UID = "uid-7"
START, END = "2026-01-01T00:00:00Z", "2026-01-01T00:00:02Z"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiStub]:
    stub = ApiStub()
    monkeypatch.setenv("KUBECONFIG", str(stub.write_kubeconfig(tmp_path / "kubeconfig")))
    monkeypatch.setattr("scriptrun.kube.connection.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    stub.on(f"GET {WORKFLOWS}/totals", Reply(make_workflow()))
    yield stub
    stub.close()


def make_workflow() -> dict[str, Any]:
    steps = [{"name": "fetch", "script": "fetch.py"}, {"name": "total", "script": "total.py", "when": "{{ true }}"}]
    last = [{"name": "tidy", "script": "tidy.py"}]
    ready = {"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": START}
    return {
        "metadata": {"name": "totals", "namespace": "team"},
        "spec": {"description": "Adds up", "steps": steps, "finally": last, "activeDeadlineSeconds": 3600},
        "status": {"conditions": [ready]},
    }


def make_run(*steps: dict[str, Any], **status: Any) -> dict[str, Any]:
    metadata = {"name": "order-7", "namespace": "team", "uid": UID, "resourceVersion": "8"}
    spec = {"workflowRef": {"name": "totals"}, "input": {"orderId": 7}}
    return {"metadata": metadata, "spec": spec, "status": {**status, **({"steps": list(steps)} if steps else {})}}


def make_end(*steps: dict[str, Any], phase: str = "Succeeded", reason: str = "Completed", **status: Any) -> Any:
    return make_run(*steps, phase=phase, reason=reason, finishedAt=END, durationSeconds=2.5, **status)


def make_step(name: str, phase: str, **fields: Any) -> dict[str, Any]:
    over = {} if phase == "Running" else {"finishedAt": END}
    return {
        "name": name,
        "phase": phase,
        "startedAt": START,
        "run": f"order-7-{name}-1",
        "attempts": 1,
        **over,
        **fields,
    }


def make_script_run(step: str, created: str = START, owner: str = UID, **status: Any) -> dict[str, Any]:
    labels = {"scriptrun.dev/workflow-run": "order-7", "scriptrun.dev/step": step, "scriptrun.dev/attempt": "1"}
    metadata = {
        "name": f"order-7-{step}-1",
        "namespace": "team",
        "creationTimestamp": created,
        "labels": labels,
        "ownerReferences": [{"kind": "WorkflowRun", "name": "order-7", "uid": owner}],
    }
    pod = {"number": 1, "pod": f"pod-{step}"}
    over = {"phase": "Succeeded", "reason": "Completed", "finishedAt": END, "attempts": [pod], **status}
    return {"metadata": metadata, "spec": {"scriptRef": {"name": f"{step}.py"}}, "status": over}


def expect(api: ApiStub, *answers: Reply, watch: Reply | None = None) -> None:
    """Answer the creation of the run, its lists, and each watch of it."""
    api.on(f"POST {WORKFLOW_RUNS}", Reply(make_run(), 201))
    api.on(f"GET {WORKFLOW_RUNS}", *answers)
    api.on(f"WATCH {WORKFLOW_RUNS}", watch or events(held=True))


def run(scriptrun: Scriptrun, *options: str) -> Done:
    return scriptrun("workflows", "run", "totals", "--name", "order-7", *options)


FETCHING, FETCHED = make_step("fetch", "Running"), make_step("fetch", "Succeeded", reason="Completed")


def test_each_change_of_a_step_is_a_line(api: ApiStub, scriptrun: Scriptrun) -> None:
    skipped = make_step("total", "Skipped", reason="ConditionFalse")
    end = make_end(FETCHED, skipped, output={"text": "7"})
    changes = [make_run(FETCHING, phase="Running"), make_run(FETCHING, phase="Running", progress="0/3"), end]
    expect(api, list_of(make_run()), watch=events(*(("MODIFIED", change) for change in changes)))
    done = run(scriptrun, "--var", "orderId:=7", "--ttl", "1h")
    assert (done.code, json.loads(done.stdout)) == (0, {"text": "7"})
    assert done.stderr.splitlines() == [
        "workflowrun.scriptrun.dev/order-7 created",
        "order-7: Running",
        "order-7: fetch: Running",
        "order-7: fetch: Succeeded in 2.0 s",
        "order-7: total: Skipped: ConditionFalse",
        "order-7: Succeeded in 2.5 s",
    ]
    [created] = api.find("POST", WORKFLOW_RUNS)
    spec = {"workflowRef": {"name": "totals"}, "input": {"orderId": 7}, "ttlSecondsAfterFinished": 3600}
    assert (created.body["kind"], created.body["spec"]) == ("WorkflowRun", spec)
    assert api.find("WATCH", WORKFLOW_RUNS)[0].query["fieldSelector"] == "metadata.name=order-7"


def test_a_run_that_waits_says_for_what(api: ApiStub, scriptrun: Scriptrun) -> None:
    queued = make_run(phase="Queued", reason="Concurrency", message="1 of 1 runs are active")
    expect(api, list_of(queued), watch=events(("MODIFIED", make_end(output={}))))
    assert "order-7: Queued: Concurrency: 1 of 1 runs are active\n" in run(scriptrun).stderr


@pytest.mark.parametrize(
    ("reason", "script", "code"),
    [
        ("ScriptFailed", {"exitCode": 7}, 7),
        ("ScriptFailed", None, 1),
        ("Timeout", {"exitCode": 143}, 124),
        ("OutOfMemory", {}, 137),
        ("ImageError", {}, 125),
        ("ExpressionFailed", None, 125),
    ],
)
def test_the_exit_code_is_that_of_the_step_that_failed(
    api: ApiStub, scriptrun: Scriptrun, reason: str, script: dict[str, Any] | None, code: int
) -> None:
    earlier = make_step("fetch", "Failed", reason="OutOfMemory")  # onFailure: Continue
    failed = make_step("total", "Failed", reason=reason)
    end = make_end(earlier, failed, phase="Failed", reason="StepFailed", message=f"step total failed: {reason}")
    expect(api, list_of(end))
    if script is not None:
        api.on(f"GET {RUNS}/order-7-total-1", Reply(make_script_run("total", **script)))
    done = run(scriptrun)
    assert (done.code, done.stdout) == (code, "")
    assert done.stderr.endswith(f"order-7: Failed in 2.5 s: StepFailed: step total failed: {reason}\n")


@pytest.mark.parametrize(
    ("reason", "phase", "code"),
    [("InvalidInput", "Failed", 125), ("Timeout", "Failed", 124), ("Canceled", "Canceled", 130)],
)
def test_the_exit_code_of_a_run_without_a_failed_step(
    api: ApiStub, scriptrun: Scriptrun, reason: str, phase: str, code: int
) -> None:
    expect(api, list_of(make_end(phase=phase, reason=reason)))
    assert run(scriptrun).code == code


def test_a_forged_script_run_decides_no_exit_code(api: ApiStub, scriptrun: Scriptrun) -> None:
    failed = make_step("total", "Failed", reason="ScriptFailed")
    expect(api, list_of(make_end(failed, phase="Failed", reason="StepFailed")))
    api.on(f"GET {RUNS}/order-7-total-1", Reply(make_script_run("total", owner="another", exitCode=9)))
    assert run(scriptrun).code == 1


def test_not_waiting(api: ApiStub, scriptrun: Scriptrun) -> None:
    expect(api, list_of())
    assert run(scriptrun, "--no-wait").stdout == "workflowrun.scriptrun.dev/order-7 created\n"
    assert run(scriptrun, "--no-wait", "-o", "name").stdout == "workflowrun.scriptrun.dev/order-7\n"
    assert not api.find("GET", WORKFLOW_RUNS)


def test_the_run_itself_as_json(api: ApiStub, scriptrun: Scriptrun) -> None:
    expect(api, list_of(make_end(FETCHED)))
    assert json.loads(run(scriptrun, "-o", "json").stdout)["status"]["steps"] == [FETCHED]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("total", 'there is no Workflow "total" in namespace team: did you mean "totals"?'),
        ("x", 'there is no Workflow "x" in namespace team: "scriptrun workflows list" shows all'),
    ],
)
def test_no_run_of_a_workflow_that_is_not_there(api: ApiStub, scriptrun: Scriptrun, typed: str, message: str) -> None:
    api.on(f"GET {WORKFLOWS}", list_of(make_workflow()))
    done = scriptrun("workflows", "run", typed)
    assert (done.code, message in done.stderr) == (2, True)
    assert not api.find("POST", WORKFLOW_RUNS)


def test_who_may_not_see_workflows_may_run_them(api: ApiStub, scriptrun: Scriptrun) -> None:
    api.on(f"GET {WORKFLOWS}/secret", refuse(403, "Forbidden"))
    expect(api, list_of())
    assert scriptrun("workflows", "run", "secret", "--no-wait").code == 0
    assert api.find("POST", WORKFLOW_RUNS)[0].body["spec"] == {"workflowRef": {"name": "secret"}}


def test_a_number_that_kubernetes_rounds_is_refused(api: ApiStub, scriptrun: Scriptrun) -> None:
    done = run(scriptrun, "--var", "id:=18446744073709551616")
    assert (done.code, "error: input.id: " in done.stderr) == (2, True)
    assert not api.find("POST", WORKFLOW_RUNS)


def test_an_api_server_away_for_long_says_how_to_get_back(
    api: ApiStub, scriptrun: Scriptrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(watching, "_PAUSE_SECONDS", 0.05)
    expect(api, refuse(503, "ServiceUnavailable", "later"))
    done = run(scriptrun, "-n", "team")
    assert done.code == 1
    assert "See it: scriptrun workflows logs -f order-7 -n team; its output: scriptrun workflows get" in done.stderr


def test_a_hint_when_no_process_looks_at_it(
    api: ApiStub, scriptrun: Scriptrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_HINT_SECONDS", 0.0)
    monkeypatch.setattr(watching, "_SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(watching, "_PAUSE_SECONDS", 0.0)
    api.on(f"GET {WORKFLOW_RUNS}/order-7", Reply({**make_run(), "status": None}))
    expect(api, list_of(make_run()), list_of(make_end(output={})))
    assert "order-7: no scriptrun workflows has looked at it for 0 s: is one running" in run(scriptrun).stderr


def test_the_logs_of_all_steps_come_in_their_order(api: ApiStub, scriptrun: Scriptrun) -> None:
    """Also of those that are over before anybody has heard of their start."""
    first, second = make_script_run("fetch"), make_script_run("a-total", created=END)
    forged = make_script_run("evil", owner="another")
    api.on(f"GET {RUNS}", list_of(second, first, forged))
    api.on(f"WATCH {RUNS}", events(held=True))
    api.on(f"GET {PODS}", list_of())
    api.on(f"WATCH {PODS}", events(held=True))
    for step in ("fetch", "a-total", "evil"):
        body = {"metadata": {"labels": {"scriptrun.dev/output": "true"}}, "data": {"log": f"log of {step}\n"}}
        api.on(f"GET {CONFIG_MAPS}/pod-{step}-output", Reply(body))
    expect(api, list_of(make_end(FETCHED, output={})))
    api.on(f"GET {WORKFLOW_RUNS}/order-7", Reply(make_end(FETCHED)))
    logs = scriptrun("workflows", "logs", "order-7")
    assert (logs.code, logs.stdout) == (0, "log of fetch\nlog of a-total\n")
    assert logs.stderr == "step fetch:\nstep a-total:\n"


def test_following_shows_logs_while_steps_run(api: ApiStub, scriptrun: Scriptrun) -> None:
    script_run = make_script_run("fetch")
    api.on(f"GET {RUNS}", list_of(script_run))
    api.on(f"WATCH {RUNS}", events(held=True))
    api.on(f"GET {PODS}", list_of())
    api.on(f"WATCH {PODS}", events(held=True))
    body = {"metadata": {"labels": {"scriptrun.dev/output": "true"}}, "data": {"log": "hello\n"}}
    api.on(f"GET {CONFIG_MAPS}/pod-fetch-output", Reply(body))
    expect(api, list_of(make_run(FETCHING, phase="Running")), watch=events(("MODIFIED", make_end(FETCHED, output={}))))
    done = run(scriptrun, "-f")
    assert (done.code, done.stdout) == (0, "{}\n")
    assert "step fetch:\n" in done.stderr
    assert done.stderr.count("hello\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--step", "nope"], "order-7 has no step nope: it has fetch, total, tidy"),
        (["--step", "tidy"], "step tidy of order-7 has no ScriptRun yet (-f waits for it): Running"),
        ([], "order-7 has no ScriptRun yet (-f waits for it): Running"),
    ],
)
def test_no_logs(api: ApiStub, scriptrun: Scriptrun, options: list[str], message: str) -> None:
    api.on(f"GET {WORKFLOW_RUNS}/order-7", Reply(make_run(FETCHING, phase="Running")))
    api.on(f"GET {RUNS}", list_of())
    done = scriptrun("workflows", "logs", "order-7", *options)
    assert (done.code, done.stderr) == (1, f"error: {message}\n")


def test_a_large_output_is_read_whole_and_checked(api: ApiStub, scriptrun: Scriptrun) -> None:
    text = '{"a":1}'
    digest = hashlib.sha256(text.encode()).hexdigest()
    reference = {"configMap": "order-7-run-output", "key": "output.json", "bytes": 7, "sha256": digest}
    api.on(f"GET {WORKFLOW_RUNS}/order-7", Reply(make_end(outputRef=reference)))
    kept = [Reply({"metadata": {}, "data": {"output.json": one}}) for one in (text, "{}")]
    api.on(f"GET {CONFIG_MAPS}/order-7-run-output", *kept)
    assert scriptrun("workflows", "get", "order-7", "-o", "output").stdout == f"{text}\n"
    done = scriptrun("workflows", "get", "order-7", "-o", "output")
    assert (done.code, "no longer holds the output of order-7" in done.stderr) == (1, True)


def test_a_run_in_full(api: ApiStub, scriptrun: Scriptrun) -> None:
    failed = make_step("total", "Failed", reason="ScriptFailed", message="exit code 3\nlast line")
    end = make_end(FETCHED, failed, phase="Failed", reason="StepFailed", message="step total failed", output={"a": 1})
    end["spec"]["resume"] = {"run": "order-6", "step": "fetch"}
    api.on(f"GET {WORKFLOW_RUNS}/order-7", Reply(end))
    shown = scriptrun("workflows", "get", "order-7").stdout
    rows = [line.split() for line in shown.splitlines()]
    assert ["Resumes:", "order-6,", "from", "step", "fetch"] in rows
    assert ["fetch", "Succeeded", "2.0", "s", "order-7-fetch-1"] in rows
    assert ["total", "Failed", "2.0", "s", "order-7-total-1", "ScriptFailed:", "exit", "code", "3"] in rows
    assert ["tidy", "Pending"] in rows
    assert '"orderId": 7' in shown


def test_a_workflow_in_full(api: ApiStub, scriptrun: Scriptrun) -> None:
    columns = [{"name": name, "priority": 0} for name in ("Name", "Workflow", "Phase")]
    rows = [
        {"cells": [name, workflow, "Failed"], "object": {"metadata": {"name": name, "creationTimestamp": START}}}
        for name, workflow in (("order-7", "totals"), ("x-1", "other"))
    ]
    table = {"metadata": {}, "columnDefinitions": columns, "rows": rows}
    api.on(f"GET {WORKFLOW_RUNS}", Reply(table))
    shown = scriptrun("workflows", "describe", "totals").stdout
    lines = [line.split() for line in shown.splitlines()]
    assert ["total", "total.py", "0", "Fail", "{{", "true", "}}"] in lines
    assert ["order-7", "Failed"] in lines
    assert "x-1" not in shown
    document = json.loads(scriptrun("workflows", "describe", "totals", "-o", "json").stdout)
    assert [item["name"] for item in document["runs"]] == ["order-7"]
    assert scriptrun("workflows", "runs", "totals").stdout.splitlines()[1:] == ["order-7   totals     Failed"]


def test_runs_of_one_workflow_by_name(api: ApiStub, scriptrun: Scriptrun) -> None:
    other = make_run(phase="Running")
    other["metadata"] |= {"name": "x-1"}
    other["spec"] |= {"workflowRef": {"name": "other"}}
    api.on(f"GET {WORKFLOW_RUNS}", list_of(make_end(), other))
    assert scriptrun("workflows", "runs", "totals", "-o", "name").stdout == "workflowrun.scriptrun.dev/order-7\n"
    assert (
        scriptrun("workflows", "runs", "--phase", "Running", "-o", "name").stdout == "workflowrun.scriptrun.dev/x-1\n"
    )


def test_cancel(api: ApiStub, scriptrun: Scriptrun) -> None:
    api.on(f"GET {WORKFLOW_RUNS}/a", Reply(make_run(phase="Running")))
    api.on(f"GET {WORKFLOW_RUNS}/b", Reply(make_end()))
    api.on(f"PATCH {WORKFLOW_RUNS}/a", Reply(make_run()))
    done = scriptrun("workflows", "cancel", "a", "b")
    assert (done.code, done.stdout) == (0, "workflowrun.scriptrun.dev/a canceled\n")
    assert done.stderr == "b is over already: Succeeded\n"
    assert [request.body for request in api.find("PATCH", f"{WORKFLOW_RUNS}/a")] == [{"spec": {"cancel": True}}]


NOT_REACHED = make_step("total", "Skipped", reason="NotReached")


@pytest.mark.parametrize(
    ("steps", "resumed"),
    [
        ([FETCHED, make_step("total", "Failed", reason="ScriptFailed"), make_step("tidy", "Succeeded")], "total"),
        ([make_step("fetch", "Failed"), NOT_REACHED], "fetch"),
        ([FETCHED, NOT_REACHED], "total"),
        ([make_step("fetch", "Skipped", reason="ConditionFalse"), make_step("total", "Canceled")], "total"),
    ],
)
def test_resuming_where_it_failed(
    api: ApiStub, scriptrun: Scriptrun, steps: list[dict[str, Any]], resumed: str
) -> None:
    old = make_end(*steps, phase="Failed", reason="StepFailed")
    old["spec"] |= {"cancel": True, "saved": {"name": "x"}}
    api.on(f"GET {WORKFLOW_RUNS}/order-7", Reply(old))
    expect(api, list_of())
    assert scriptrun("workflows", "rerun", "order-7", "--from-failed", "--no-wait").code == 0
    assert scriptrun("workflows", "rerun", "order-7", "--no-wait", "--name", "again").code == 0
    resume, anew = (request.body for request in api.find("POST", WORKFLOW_RUNS))
    same = {"workflowRef": {"name": "totals"}, "input": {"orderId": 7}}
    assert resume["spec"] == {**same, "resume": {"run": "order-7", "step": resumed}}
    assert resume["metadata"] == {"generateName": "totals-", "namespace": "team"}
    assert (anew["spec"], anew["metadata"]["name"]) == (same, "again")


@pytest.mark.parametrize(
    ("old", "message"),
    [
        (make_run(FETCHING, phase="Running"), "order-7 has not ended: cancel it first"),
        (make_end(phase="Failed", reason="InvalidInput"), "ended before its first step (InvalidInput)"),
        (make_end(FETCHED, make_step("tidy", "Failed"), phase="Failed"), "order-7 has no step that failed"),
    ],
    ids=["running", "not started", "only a step of finally failed"],
)
def test_no_step_to_resume_from(api: ApiStub, scriptrun: Scriptrun, old: dict[str, Any], message: str) -> None:
    api.on(f"GET {WORKFLOW_RUNS}/order-7", Reply(old))
    done = scriptrun("workflows", "rerun", "order-7", "--from-failed")
    assert (done.code, message in done.stderr) == (2, True)
    assert not api.find("POST", WORKFLOW_RUNS)


def test_without_a_subcommand_it_is_the_process(scriptrun: Scriptrun, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the chart starts it."""
    monkeypatch.setenv("SCRIPTRUN_WORKERS", "many")
    done = scriptrun("workflows", "--kubeconfig", "x")
    assert (done.code, done.stderr.startswith("error: SCRIPTRUN_WORKERS=many: ")) == (2, True)


def test_options_of_the_process_are_no_options_of_a_subcommand(scriptrun: Scriptrun) -> None:
    done = scriptrun("workflows", "--context", "there", "list")
    assert done.code == 2
    assert done.stderr.startswith("error: write --context after the subcommand: scriptrun workflows list --context")


@pytest.mark.parametrize(
    ("words", "name"),
    [("run tot", "totals"), ("describe tot", "totals"), ("runs tot", "totals"), ("logs ord", "order-7")],
)
def test_names_are_completed(api: ApiStub, words: str, name: str) -> None:
    api.on(f"GET {WORKFLOWS}", list_of({"metadata": {"name": "totals"}}, {"metadata": {"name": "other"}}))
    api.on(f"GET {WORKFLOW_RUNS}", list_of({"metadata": {"name": "order-7"}}, {"metadata": {"name": "x-1"}}))
    asked = {"_SCRIPTRUN_COMPLETE": "complete_bash", "COMP_WORDS": f"scriptrun workflows {words}", "COMP_CWORD": "3"}
    done = subprocess.run(
        [sys.executable, "-m", "scriptrun"], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [name], done.stderr
