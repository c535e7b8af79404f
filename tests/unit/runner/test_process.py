"""A script's life: streams, group, deadline, stop; with real processes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scriptrun_runner import supervise
from unit.runner.harness import Execution, Input, RunScript


def _alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "State:\tZ" not in status


def _wait_until(condition: Callable[[], bool], seconds: float = 5) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def _start(tmp_path: Path, source: str, **fields: object) -> tuple[Execution, threading.Thread]:
    Input(tmp_path / "input", source, {}, **fields)
    execution = Execution(tmp_path)
    thread = threading.Thread(target=execution.run)
    thread.start()
    assert execution.started.wait(5)
    return execution, thread


@pytest.mark.parametrize(
    ("handler", "source"),
    [
        ("shell", "echo one; until test -e go; do sleep 0.01; done"),
        ("python", "import os, time\nprint('one')\nwhile not os.path.exists('go'): time.sleep(0.01)"),
    ],
)
def test_lines_show_as_they_come(tmp_path: Path, handler: str, source: str) -> None:
    execution, thread = _start(tmp_path, source, handler=handler)
    _wait_until(lambda: execution.shown[1] == b"one\n")
    assert thread.is_alive()
    (tmp_path / "work" / "go").touch()
    thread.join(5)
    assert execution.result.status == "COMPLETED"


def test_streams_stay_apart_and_share_a_log(run_script: RunScript) -> None:
    done = run_script("echo out; sleep 0.05; echo err >&2")
    assert done.shown == {1: b"out\n", 2: b"err\n"}
    assert done.result.log == "out\nerr\n"


def test_standard_input_is_empty(run_script: RunScript) -> None:
    assert run_script("cat; echo end").shown[1] == b"end\n"


def test_the_log_is_the_end_and_says_so(run_script: RunScript) -> None:
    done = run_script("seq 100000")
    assert len(done.shown[1]) == 588_895
    assert len(done.result.log.encode()) <= 65_536
    assert done.result.log.startswith("[588,895 bytes were written; these are the last of them]\n")
    assert done.result.log.endswith("\n99999\n100000\n")


def test_invalid_utf8_makes_a_log_no_larger(run_script: RunScript) -> None:
    done = run_script(r"head -c 65000 /dev/zero | tr '\0' '\377' >&2; exit 1")
    assert len(done.result.log.encode()) <= 65_536
    assert done.result.log.endswith("\ufffd" * 100)
    assert done.result.message.startswith("exit code 1\n…\ufffd")
    assert len(done.result.message.encode()) <= 2048


def test_closed_streams_do_no_harm(run_script: RunScript) -> None:
    done = run_script("exec >&- 2>&-; sleep 0.05; echo '{\"a\": 1}' > $2")
    assert (done.result.status, done.output()) == ("COMPLETED", {"a": 1})


def test_a_listener_that_fails_does_not_stop_the_script(tmp_path: Path) -> None:
    Input(tmp_path / "input", "seq 100000; echo '{\"a\": 1}' > $2", {})
    execution = Execution(tmp_path)
    calls = []

    def fail(stream: int, data: bytes) -> None:
        calls.append(stream)
        raise BrokenPipeError

    execution._show = fail  # type: ignore[method-assign]
    assert execution.run().output() == {"a": 1}
    assert calls == [1]
    assert execution.result.log.endswith("100000\n")


def test_nothing_of_its_group_outlives_a_script(run_script: RunScript) -> None:
    began = time.monotonic()
    done = run_script("sleep 1000 & echo $!")
    pid = int(done.shown[1])
    _wait_until(lambda: not _alive(pid))
    assert done.result.status == "COMPLETED"
    assert time.monotonic() - began < 2


def test_a_daemon_out_of_reach_does_not_hold_up_the_end(run_script: RunScript) -> None:
    began = time.monotonic()
    done = run_script("setsid sleep 30 & echo $!")
    os.kill(int(done.shown[1]), 9)
    assert done.result.status == "COMPLETED"
    assert time.monotonic() - began < 4


def test_last_words_through_a_pipe_are_heard(run_script: RunScript) -> None:
    done = run_script("exec > >(sleep 0.05; cat); echo last words")
    assert done.shown[1] == b"last words\n"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (11, "ended by signal 11 (SIGSEGV)"),
        (9, "ended by signal 9 (SIGKILL), which the runner did not send: most likely the memory limit was reached"),
        (40, "ended by signal 40 (real-time signal)"),
    ],
)
def test_an_end_by_signal(run_script: RunScript, number: int, words: str) -> None:
    result = run_script(f"kill -{number} $$").result
    assert (result.reason, result.exit_code, result.message) == ("ScriptFailed", 128 + number, words)


def test_attempt_deadline(run_script: RunScript) -> None:
    began = time.monotonic()
    done = run_script("echo working >&2; sleep 100", attemptDeadlineSeconds=0.2)
    assert (done.result.status, done.result.reason, done.result.exit_code) == ("FAILED", "Timeout", 143)
    words = "the attempt took longer than attemptDeadlineSeconds (0.2 s): ended by signal 15 (SIGTERM)\nworking"
    assert done.result.message == words
    assert time.monotonic() - began < 2


def test_a_script_deaf_to_the_deadline_is_killed(run_script: RunScript, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "_TIMEOUT_GRACE_SECONDS", 0.2)
    done = run_script("trap '' TERM; while :; do sleep 0.01; done", attemptDeadlineSeconds=0.2)
    assert (done.result.reason, done.result.exit_code) == ("Timeout", 137)
    assert done.result.message.endswith("(0.2 s): ended by signal 9 (SIGKILL)")


def test_a_good_end_after_the_deadline_is_still_a_timeout(run_script: RunScript) -> None:
    script = "trap 'echo \"{}\" > $2; exit 0' TERM; while :; do sleep 0.01; done"
    done = run_script(script, attemptDeadlineSeconds=0.3)
    assert (done.result.status, done.result.reason, done.result.exit_code) == ("FAILED", "Timeout", 0)
    assert done.output() == {}
    assert done.result.runner_exit_code == 1


def test_stop(tmp_path: Path) -> None:
    execution, thread = _start(tmp_path, "sleep 100")
    execution.stop.request()
    execution.stop.request()
    thread.join(5)
    assert (execution.result.reason, execution.result.exit_code) == ("Terminated", 143)
    words = "the pod was told to stop before the script ended: ended by signal 15 (SIGTERM)"
    assert execution.result.message == words


def test_a_script_deaf_to_the_stop_is_killed_within_the_grace_period(tmp_path: Path) -> None:
    script = "trap '' TERM; echo deaf; while :; do sleep 0.01; done"
    execution, thread = _start(tmp_path, script, gracePeriodSeconds=0.8)
    _wait_until(lambda: bool(execution.shown[1]))
    began = time.monotonic()
    execution.stop.request()
    thread.join(5)
    assert (execution.result.reason, execution.result.exit_code) == ("Terminated", 137)
    assert 0.5 < time.monotonic() - began < 0.8


@pytest.mark.parametrize(("timeout_grace", "stop_grace"), [(5.0, 0.4), (0.3, 30)])
def test_a_stop_after_the_deadline_makes_the_end_come_sooner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timeout_grace: float, stop_grace: float
) -> None:
    monkeypatch.setattr(supervise, "_TIMEOUT_GRACE_SECONDS", timeout_grace)
    script = "trap 'echo deaf' TERM; while :; do sleep 0.01; done"
    execution, thread = _start(tmp_path, script, attemptDeadlineSeconds=0.2, gracePeriodSeconds=stop_grace)
    _wait_until(lambda: bool(execution.shown[1]))
    execution.stop.request()
    thread.join(2)
    assert (execution.result.reason, execution.result.exit_code) == ("Timeout", 137)


def test_a_stop_before_the_start(tmp_path: Path) -> None:
    Input(tmp_path / "input", "touch started", {})
    execution = Execution(tmp_path)
    execution.stop.request()
    execution.run()
    assert (execution.result.reason, execution.result.exit_code) == ("Terminated", 143)
    assert not (tmp_path / "work" / "started").exists()


def test_a_process_that_even_sigkill_does_not_end(run_script: RunScript, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that hangs in the kernel; here the signals are lost instead."""
    monkeypatch.setattr(supervise, "_signal_group", lambda pid, number: None)
    monkeypatch.setattr(supervise, "_TIMEOUT_GRACE_SECONDS", 0.1)
    monkeypatch.setattr(supervise, "_UNKILLABLE_SECONDS", 0.1)
    done = run_script("exec >&- 2>&-; sleep 0.6", attemptDeadlineSeconds=0.1)
    assert (done.result.reason, done.result.exit_code) == ("Timeout", 137)


def test_environment(run_script: RunScript, tmp_path: Path) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": "/nowhere",
        "LOGNAME": "ada",
        "MINE": "1",
        "SCRIPTRUN_POD": "hello-1-0-abcde",
        "SCRIPTRUN_FAILED_ATTEMPTS": "2",
        "SCRIPTRUN_IGNORED_ATTEMPTS": "1",
    }
    done = run_script("env -u PWD -u SHLVL -u _", environ=environ)
    lines = dict(line.split("=", 1) for line in done.shown[1].decode().splitlines())
    assert lines == {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "work"),
        "USER": "ada",
        "LOGNAME": "ada",
        "PYTHONUNBUFFERED": "1",
        "MINE": "1",
        "SCRIPTRUN_NAME": "hello-1",
        "SCRIPTRUN_NAMESPACE": "team",
        "SCRIPTRUN_ATTEMPT": "4",
        "SCRIPTRUN_VARIABLES": str(tmp_path / "input" / "variables.json"),
        "SCRIPTRUN_OUTPUT": str(tmp_path / "run" / "output.json"),
    }


def test_what_the_script_sets_for_itself_alone(run_script: RunScript) -> None:
    """PATH in the image's words, and programs of its handler that only the image's own PATH has."""
    path = os.environ["PATH"]
    own = {"SCRIPTRUN_ENV_PATH": "/opt/tools/bin:$(PATH)", "SCRIPTRUN_ENV_LD_LIBRARY_PATH": "/opt/lib:$(OTHER)"}
    done = run_script("echo $PATH; echo $LD_LIBRARY_PATH; env | grep -c SCRIPTRUN_ENV", environ={"PATH": path, **own})
    assert done.shown[1].decode().splitlines() == [f"/opt/tools/bin:{path}", "/opt/lib:$(OTHER)", "0"]
    done = run_script("echo $PATH", environ={"PATH": path, "SCRIPTRUN_ENV_PATH": "/opt/tools/bin"})
    assert done.shown[1] == b"/opt/tools/bin\n"


@pytest.mark.parametrize("uid", [0, 65532])
def test_a_script_knows_a_name_of_its_user(run_script: RunScript, monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    monkeypatch.setattr(os, "getuid", lambda: uid)
    done = run_script("echo $USER $LOGNAME", environ={"PATH": os.environ["PATH"]})
    assert done.shown[1].decode().split() == ["scriptrun" if uid else "root"] * 2


@pytest.mark.parametrize(
    ("handler", "start"), [("exec", "#!/usr/bin/env python3\n"), ("shell", "exec python3 - <<'END'\n")]
)
def test_python_shows_its_lines_as_they_come(run_script: RunScript, handler: str, start: str) -> None:
    source = f"{start}import os, signal\nprint('step 1 is done')\nos.kill(os.getpid(), signal.SIGKILL)\n"
    done = run_script(source, handler=handler)
    assert (done.shown[1], done.result.exit_code) == (b"step 1 is done\n", 137)


def test_a_home_of_its_own_stays(run_script: RunScript, tmp_path: Path) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONUNBUFFERED": "",
        "SCRIPTRUN_FAILED_ATTEMPTS": "",
    }
    script = (
        "import os; print(os.environ['HOME'], repr(os.environ['PYTHONUNBUFFERED']), os.environ['SCRIPTRUN_ATTEMPT'])"
    )
    assert run_script(script, handler="python", environ=environ).shown[1].decode() == f"{tmp_path} '' 1\n"


def test_many_at_once(tmp_path: Path) -> None:
    executions = []
    for number in range(12):
        root = tmp_path / str(number)
        Input(root / "input", f"#!/bin/sh\npwd; echo '{{\"n\": {number}}}' > $2\n", {}, handler="exec")
        executions.append(Execution(root))
    threads = [threading.Thread(target=execution.run) for execution in executions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [execution.output() for execution in executions] == [{"n": number} for number in range(12)]
    assert [e.shown[1].decode().strip() for e in executions] == [e.paths.work for e in executions]
