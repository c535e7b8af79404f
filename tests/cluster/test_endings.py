"""How runs end that were started: each in its stated phase and reason, with a message that says what happened.

All runs are made at once, then each is looked at.
"""

import hashlib
import json
from typing import Any

import pytest

from clusterlab.space import Run, Space

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

LARGE = """
import json, sys
json.dump({"text": "ä" * 20000}, open(sys.argv[2], "w"), ensure_ascii=False)
"""
COUNT = """
import json, os, sys
attempt = int(os.environ["SCRIPTRUN_ATTEMPT"])
print(f"this is attempt {attempt}", file=sys.stderr)
json.dump({"attempt": attempt}, open(sys.argv[2], "w"))
sys.exit(0 if attempt == 2 else 40 + attempt)
"""
SLEEP = "import time\nprint('sleeping', flush=True)\ntime.sleep(600)\n"
STUBBORN = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(600)\n"
HUNGRY = "hoard = []\nwhile True:\n    hoard.append(b'x' * (4 << 20))\n"
MEMORY = {"limits": {"memory": "48Mi"}}
NOWHERE = {"scriptrun.dev/no-such-node": "true"}

# name: (source, fields of the Script, fields of the run)
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "fails": ("import sys\nprint('out')\nsys.exit('the reason: 7 of 9')", {}, {}),
    "traceback": ("raise ValueError('bad value: ' + 'x' * 5000 + ' the end')", {}, {}),
    "syntax": ("def broken(:\n", {}, {}),
    "retried": (COUNT, {"backoffLimit": 4}, {}),
    "exhausted": ("import sys\nsys.exit(3)", {"backoffLimit": 4}, {"backoffLimit": 1}),
    "late": (SLEEP, {"activeDeadlineSeconds": 900, "backoffLimit": 3}, {"activeDeadlineSeconds": 4}),
    "slow": (SLEEP, {"attemptDeadlineSeconds": 2}, {}),
    "stubborn": (STUBBORN, {"attemptDeadlineSeconds": 1}, {}),
    "slow-retried": (
        "import os, time\nif os.environ['SCRIPTRUN_ATTEMPT'] == '1':\n    time.sleep(600)",
        {"attemptDeadlineSeconds": 2, "backoffLimit": 1},
        {},
    ),
    "hungry": (HUNGRY, {"resources": MEMORY}, {}),
    "hungry-retried": (HUNGRY, {"resources": MEMORY, "backoffLimit": 1}, {}),
    "not-json": ("import sys\nopen(sys.argv[2], 'w').write('{\"a\": 1,\\n \"b\": oops}')", {}, {}),
    "not-object": ("import sys\nopen(sys.argv[2], 'w').write('[1, 2]')", {}, {}),
    "wrong-shape": (
        'import sys\nopen(sys.argv[2], \'w\').write(\'{"items": [{"size": "big"}]}\')',
        {
            "outputSchema": {
                "properties": {"items": {"items": {"properties": {"size": {"type": "integer"}}}}},
            }
        },
        {},
    ),
    "too-large": (
        "import sys\nopen(sys.argv[2], 'w').write('{\"a\": \"' + 'x' * 5000 + '\"}')",
        {"output": {"limitBytes": 1000}},
        {},
    ),
    "by-reference": (LARGE, {}, {}),
    "no-token": (
        "import json, os, sys\njson.dump({'mounted': os.path.exists('/scriptrun/token')}, open(sys.argv[2], 'w'))",
        {"output": {"transport": "TerminationMessage"}},
        {},
    ),
    "no-room": (
        "import sys\nopen(sys.argv[2], 'w').write('{\"a\": \"' + 'x' * 5000 + '\"}')",
        {"output": {"transport": "TerminationMessage"}},
        {},
    ),
    "no-image": ("", {"image": "scriptrun.dev/no-such-image:1", "startDeadlineSeconds": 6}, {}),
    "bad-image": ("", {"image": "Not An Image", "startDeadlineSeconds": 5}, {}),
    "no-runner": ("", {"image": "scriptrun.dev/pause:1", "startDeadlineSeconds": 6}, {}),
    "no-node": ("", {"nodeSelector": NOWHERE, "startDeadlineSeconds": 10}, {}),
    "no-secret": ("", {"envFrom": [{"secretRef": {"name": "absent"}}], "startDeadlineSeconds": 5}, {}),
    "killed": ("import os\nos.kill(os.getpid(), 9)", {}, {}),
    "says-failed": (
        'print(\'{"status": "FAILED", "reason": "no stock", "output": {"left": 0}}\')',
        {"contract": "stdio"},
        {},
    ),
    "in-progress": ('print(\'{"status": "IN_PROGRESS"}\')', {"contract": "stdio"}, {}),
    "chatty": ("import sys\nfor _ in range(20000):\n    print('x' * 1000)\nprint('last words')", {}, {}),
    "liar": (
        "import json, os\nwith open('/dev/termination-log', 'w') as file:\n"
        "    json.dump({'schema': 1, 'status': 'COMPLETED', 'exitCode': 0}, file)\nos._exit(9)",
        {},
        {},
    ),
    "kills-runner": ("import os\nos.kill(1, 9)\nos.kill(1, 6)", {}, {}),
}


@pytest.fixture(scope="module")
def runs(shared: Space) -> Space:
    """Every case, started."""
    for name, (source, script, spec) in CASES.items():
        shared.start(name, source or "print('never')", script, **spec)
    return shared


def _numbers(run: Run) -> list[tuple[int, int | None, str]]:
    return [(entry["number"], entry.get("exitCode"), entry.get("reason", "")) for entry in run.attempts]


def test_a_failure_carries_the_end_of_stderr(runs: Space) -> None:
    run = runs.end_of("fails")
    assert run.end == ("Failed", "ScriptFailed")
    assert run.message == "exit code 1\nthe reason: 7 of 9"
    assert run.status["exitCode"] == 1
    assert run.conditions["Succeeded"]["status"] == "False"
    assert run.conditions["Succeeded"]["reason"] == "ScriptFailed"


def test_a_long_traceback_keeps_its_end(runs: Space) -> None:
    run = runs.end_of("traceback")
    assert run.message.startswith("exit code 1\n…")
    assert run.message.endswith("the end")
    assert len(run.message.encode()) <= 2048


def test_a_syntax_error_says_where(runs: Space) -> None:
    run = runs.end_of("syntax")
    assert run.end == ("Failed", "ScriptFailed")
    assert "line 1" in run.message
    assert "SyntaxError" in run.message


def test_a_retry_that_ends_well_is_a_success(runs: Space) -> None:
    """The script learns which attempt it is; each is in the status."""
    run = runs.end_of("retried")
    assert run.end == ("Succeeded", "Completed")
    assert run.output == {"attempt": 2}
    assert _numbers(run) == [(1, 41, "ScriptFailed"), (2, 0, "Completed")]
    assert run.status["attemptCount"] == 2
    assert {entry["pod"] for entry in run.attempts} == runs.pods_seen("retried")


def test_retries_are_used_up(runs: Space) -> None:
    """The run lowered the Script's limit."""
    run = runs.end_of("exhausted")
    assert run.end == ("Failed", "ScriptFailed")
    assert _numbers(run) == [(1, 3, "ScriptFailed"), (2, 3, "ScriptFailed")]
    assert run.status["exitCode"] == 3


def test_the_whole_run_took_too_long(runs: Space) -> None:
    run = runs.end_of("late")
    assert run.end == ("Failed", "Timeout")
    assert "activeDeadlineSeconds (4 s)" in run.message
    assert "Retrying" not in {version.reason for version in runs.history("late")}


@pytest.mark.parametrize(("name", "seconds", "code"), [("slow", "2 s", 143), ("stubborn", "1 s", 137)])
def test_an_attempt_took_too_long(runs: Space, name: str, seconds: str, code: int) -> None:
    run = runs.end_of(name)
    assert run.end == ("Failed", "Timeout")
    assert f"attemptDeadlineSeconds ({seconds})" in run.message
    assert _numbers(run) == [(1, code, "Timeout")]


def test_an_attempt_that_took_too_long_is_retried(runs: Space) -> None:
    run = runs.end_of("slow-retried")
    assert run.end == ("Succeeded", "Completed")
    assert _numbers(run) == [(1, 143, "Timeout"), (2, 0, "Completed")]


@pytest.mark.parametrize(("name", "attempts"), [("hungry", 1), ("hungry-retried", 2)])
def test_more_memory_than_allowed(runs: Space, name: str, attempts: int) -> None:
    """Only the kubelet knows why the script was killed; its word is awaited, and the runner's not taken for it."""
    run = runs.end_of(name)
    assert run.end == ("Failed", "OutOfMemory")
    assert "memory" in run.message
    assert _numbers(run) == [(number, 137, "OutOfMemory") for number in range(1, attempts + 1)]


def test_an_output_that_is_not_json_is_named_with_its_position(runs: Space) -> None:
    run = runs.end_of("not-json")
    assert run.end == ("Failed", "InvalidOutput")
    assert "line 2" in run.message
    assert run.output is None


def test_an_output_that_is_no_object(runs: Space) -> None:
    run = runs.end_of("not-object")
    assert run.end == ("Failed", "InvalidOutput")
    assert "must be a JSON object" in run.message


def test_an_output_of_the_wrong_shape_is_named_with_its_path(runs: Space) -> None:
    run = runs.end_of("wrong-shape")
    assert run.end == ("Failed", "InvalidOutput")
    assert run.message == "output.items[0].size: 'big' is not of type 'integer'"


def test_an_output_over_the_limit_is_refused_with_both_numbers(runs: Space) -> None:
    run = runs.end_of("too-large")
    assert run.end == ("Failed", "OutputTooLarge")
    assert "5,009 bytes" in run.message
    assert "1,000 bytes" in run.message


def test_a_large_output_comes_by_reference(runs: Space) -> None:
    run = runs.end_of("by-reference")
    assert run.end == ("Succeeded", "Completed")
    assert run.output is None
    reference = run.status["outputRef"]
    raw = runs.get_config_map(reference["configMap"])["data"][reference["key"]].encode()
    assert json.loads(raw) == {"text": "ä" * 20000}
    assert reference == {
        "configMap": f"{run.attempts[0]['pod']}-output",
        "key": "output.json",
        "bytes": 40012,
        "sha256": hashlib.sha256(raw).hexdigest(),
    }


def test_with_the_termination_message_there_is_no_token(runs: Space) -> None:
    run = runs.end_of("no-token")
    assert run.end == ("Succeeded", "Completed")
    assert run.output == {"mounted": False}
    assert "outputRef" not in run.status
    answer = runs.api.get(runs.path("configmaps", f"{run.attempts[0]['pod']}-output"))
    assert answer.status == 404


def test_an_output_that_does_not_fit_a_termination_message(runs: Space) -> None:
    run = runs.end_of("no-room")
    assert run.end == ("Failed", "OutputTooLarge")
    assert "output has 5,009 bytes" in run.message
    assert "set the Script's output.transport to ConfigMap" in run.message


def test_an_image_that_can_not_be_pulled(runs: Space) -> None:
    run = runs.end_of("no-image")
    assert run.end == ("Failed", "ImageError")
    assert "scriptrun.dev/no-such-image:1" in run.message, "the kubelet's words"
    assert "startDeadlineSeconds 6" in run.message


def test_an_image_that_is_none(runs: Space) -> None:
    run = runs.end_of("bad-image")
    assert run.end == ("Failed", "ImageError")
    assert "InvalidImageName" in run.message


def test_an_image_without_the_runner(runs: Space) -> None:
    run = runs.end_of("no-runner")
    assert run.end == ("Failed", "ImageError")
    assert "/opt/scriptrun/bin/runner" in run.message
    assert "startedAt" not in run.status, "the runtime says 1970 of what never started"
    assert "durationSeconds" not in run.status


def test_nothing_fits_on_a_node(runs: Space) -> None:
    run = runs.end_of("no-node")
    assert ("Pending", "Unschedulable") in {version.end for version in runs.history("no-node")}
    assert run.end == ("Failed", "Unschedulable")
    assert "nodes are available" in run.message
    assert "startDeadlineSeconds 10" in run.message


def test_a_secret_that_is_not_there(runs: Space) -> None:
    run = runs.end_of("no-secret")
    assert run.end == ("Failed", "SourceMissing")
    assert 'secret "absent" not found' in run.message


def test_a_script_ended_by_a_signal_that_was_not_for_memory(runs: Space) -> None:
    run = runs.end_of("killed")
    assert run.end == ("Failed", "ScriptFailed")
    assert "signal 9 (SIGKILL)" in run.message
    assert run.status["exitCode"] == 137


def test_a_script_may_say_that_it_failed(runs: Space) -> None:
    run = runs.end_of("says-failed")
    assert run.end == ("Failed", "ScriptFailed")
    assert run.message == "no stock"
    assert run.output == {"left": 0}
    assert run.status["resultStatus"] == "FAILED"
    assert run.status["exitCode"] == 0


def test_a_script_may_say_that_the_task_goes_on(runs: Space) -> None:
    run = runs.end_of("in-progress")
    assert run.end == ("Succeeded", "Completed")
    assert run.status["resultStatus"] == "IN_PROGRESS"


def test_a_flood_of_output_keeps_its_end(runs: Space) -> None:
    run = runs.end_of("chatty")
    assert run.end == ("Succeeded", "Completed")
    log = runs.get_config_map(run.status["outputRef"]["configMap"])["data"]["log"]
    assert log.endswith("last words\n")
    assert len(log.encode()) <= 65536


def test_a_forged_termination_message_is_not_believed(runs: Space) -> None:
    run = runs.end_of("liar")
    assert run.end == ("Failed", "ScriptFailed")
    assert run.status["exitCode"] == 9


def test_a_script_can_not_kill_its_runner(runs: Space) -> None:
    """The kernel keeps PID 1 of a container from signals sent inside it."""
    assert runs.end_of("kills-runner").end == ("Succeeded", "Completed")


@pytest.mark.parametrize("name", ["late", "no-image", "no-node", "no-secret"])
def test_what_has_ended_runs_no_more(runs: Space, name: str) -> None:
    """A run that was given up leaves no pod at work behind it."""
    runs.end_of(name)
    runs.watches.pods.wait(f"no pod of {name} to be at work", lambda: not runs.working_pods(name))
