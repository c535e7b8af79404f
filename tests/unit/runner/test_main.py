"""The runner as a process: signals, exit code, termination message, ConfigMap."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from unit.runner.api_server import Answer, ApiServer
from unit.runner.harness import MakePod, Pod

_GREET = 'echo to stdout; echo to stderr >&2; echo \'{"greeting": "hé"}\' > $2'


def _wait_for_no_child(pid: int) -> None:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    while children.read_text().strip():
        time.sleep(0.01)


def _wait_for_file(path: Path) -> None:
    until = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_the_whole_way(api: ApiServer, make_pod: MakePod) -> None:
    pod = make_pod(_GREET)
    done = pod.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"to stdout\n", b"to stderr\n")
    output = '{"greeting": "hé"}\n'
    config_map = api.requests[0].document
    result = json.loads(config_map["data"].pop("result.json"))
    # Two pipes keep no order between them.
    assert sorted(config_map["data"].pop("log").splitlines()) == ["to stderr", "to stdout"]
    assert config_map == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "hello-1-0-abcde-output",
            "namespace": "team",
            "labels": {"scriptrun.dev/output": "true", "app.kubernetes.io/managed-by": "scriptrun"},
            "ownerReferences": [
                {
                    "apiVersion": "scriptrun.dev/v1alpha1",
                    "kind": "ScriptRun",
                    "name": "hello-1",
                    "uid": "11111111-2222-3333-4444-555555555555",
                }
            ],
        },
        "immutable": True,
        "data": {"output.json": output},
    }
    assert set(result) == {
        *("schema", "status", "exitCode", "reason", "message"),
        *("startedAt", "finishedAt", "outputBytes", "outputSha256"),
    }
    assert result["outputSha256"] == hashlib.sha256(output.encode()).hexdigest()
    assert pod.result() == {**result, "output": {"greeting": "hé"}}


def test_a_failure_exits_as_the_script_did(api: ApiServer, make_pod: MakePod) -> None:
    pod = make_pod("echo no >&2; exit 3")
    assert pod.run().returncode == 3
    result = pod.result()
    assert (result["status"], result["exitCode"], result["message"]) == ("FAILED", 3, "exit code 3\nno")
    assert json.loads(api.requests[0].document["data"]["result.json"]) == result
    assert "output.json" not in api.requests[0].document["data"]


def test_a_bad_output_of_a_good_script_exits_with_1(api: ApiServer, make_pod: MakePod) -> None:
    pod = make_pod("echo nonsense > $2")
    assert pod.run().returncode == 1
    assert (pod.result()["reason"], pod.result()["exitCode"]) == ("InvalidOutput", 0)


def test_in_progress_is_no_failure(api: ApiServer, make_pod: MakePod) -> None:
    pod = make_pod('echo \'{"status": "IN_PROGRESS", "output": {"done": 3}}\'', contract="stdio")
    done = pod.run()
    assert (done.returncode, done.stdout) == (0, b"")
    assert (pod.result()["status"], pod.result()["output"]) == ("IN_PROGRESS", {"done": 3})


def test_a_large_output_is_in_the_config_map_only(api: ApiServer, make_pod: MakePod) -> None:
    pod = make_pod(
        "import sys; open(sys.argv[2], 'w').write('{\"a\":\"' + 'é\"'[0] * 440000 + '\"}')", handler="python"
    )
    assert pod.run().returncode == 0
    assert "output" not in pod.result()
    assert pod.result()["outputBytes"] == 880_008
    assert json.loads(api.requests[0].document["data"]["output.json"]) == {"a": "é" * 440_000}


def test_an_output_that_can_not_be_written(api: ApiServer, make_pod: MakePod) -> None:
    api.answers.append(Answer(422, "no room"))
    pod = make_pod(_GREET)
    done = pod.run()
    assert done.returncode == 0
    assert done.stderr.endswith(b"scriptrun: the output could not be written: 422 no room\n")
    assert pod.result()["status"] == "COMPLETED"
    assert pod.result()["message"] == "the output could not be written: 422 no room"
    assert pod.result()["output"] == {"greeting": "hé"}


def test_sigterm_reaches_the_script_and_the_result_is_written(api: ApiServer, make_pod: MakePod) -> None:
    pod = make_pod("trap 'echo bye >&2; exit 7' TERM; touch ready; while :; do sleep 0.01; done")
    process = pod.start()
    _wait_for_file(pod.root / "work" / "ready")
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=10)
    assert process.returncode == 7
    result = pod.result()
    assert (result["status"], result["reason"], result["exitCode"]) == ("FAILED", "Terminated", 7)
    assert result["message"].startswith("the pod was told to stop before the script ended: exit code 7\n")
    assert result["message"].endswith("bye")
    assert stderr.endswith(b"bye\n")
    assert json.loads(api.requests[0].document["data"]["result.json"]) == result


def test_sigterm_while_the_api_server_is_away(api: ApiServer, make_pod: MakePod) -> None:
    api.stop()
    pod = make_pod("touch ready; exit 3", gracePeriodSeconds=1.5)
    process = pod.start()
    _wait_for_file(pod.root / "work" / "ready")
    _wait_for_no_child(process.pid)
    assert process.poll() is None
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=10)
    assert time.monotonic() - began < 1.5
    assert process.returncode == 3
    assert b"scriptrun: the API server does not take the output, trying again: ConnectionRefusedError" in stderr
    assert "gave up after" in pod.result()["message"]
    assert pod.result()["message"].endswith("\nexit code 3")
    api.start()


def test_a_flood_passes_through_a_small_runner(api: ApiServer, make_pod: MakePod) -> None:
    with make_pod("head -c 100000000 /dev/zero").start() as process:
        assert process.stdout is not None
        total = peak_kib = 0
        while data := process.stdout.read1(1 << 20):  # type: ignore[attr-defined]
            total += len(data)
            peak_kib = max(peak_kib, _read_peak_kib(process.pid))
        process.wait(timeout=10)
    assert (total, process.returncode) == (100_000_000, 0)
    assert 0 < peak_kib < 64 * 1024


def _read_peak_kib(pid: int) -> int:
    """Read the most memory a process ever had; not from `rusage`, which counts the forking process in."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def test_nobody_reads_the_pod_s_log(api: ApiServer, make_pod: MakePod) -> None:
    pod = make_pod("seq 100000; echo '{\"a\": 1}' > $2")
    process = pod.start()
    assert process.stdout is not None
    process.stdout.close()
    _, stderr = process.communicate(timeout=10)
    assert (process.returncode, stderr) == (0, b"")
    assert pod.result()["output"] == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file or directory"),
        ("{", "not JSON"),
        ("", "not JSON: Expecting value"),
        ("{} {}", "not JSON: Extra data"),
        ("[]", "not a JSON object"),
        ('{"schema": 2}', "schema is 2, this runner knows 1"),
        ('{"schema": 1, "handler": "perl"}', "handler is 'perl', it may be python, shell, node, exec"),
        ('{"schema": 1, "fileName": "../x"}', "fileName is '../x', it must be a plain file name"),
        ('{"schema": 1, "outputLimitBytes": "many"}', "invalid literal"),
    ],
)
def test_a_run_that_can_not_be_read(make_pod: MakePod, text: str | None, message: str) -> None:
    pod = make_pod("true")
    pod.input.folder.joinpath("run.json").unlink()
    if text is not None:
        pod.input.folder.joinpath("run.json").write_text(text)
    done = pod.run()
    assert done.returncode == 126
    assert message in pod.result()["message"]
    assert (pod.result()["status"], pod.result()["reason"]) == ("FAILED", "ScriptFailed")
    assert message in done.stderr.decode()


def test_a_fault_of_the_runner_itself_is_told(make_pod: MakePod) -> None:
    pod = make_pod("true")
    pod.environ["KUBERNETES_SERVICE_PORT"] = "1"
    (pod.root / "input" / "run.json").write_text('{"schema": 1, "task": 5}')
    assert pod.run().returncode == 126
    assert "the runner itself failed, please report this: Traceback" in pod.result()["message"]


class TestTerminationMessageTransport:
    """The way of scripts that get no token at all."""

    def test_the_result_needs_no_api_server(self, make_pod: MakePod) -> None:
        pod = make_pod(_GREET, outputTransport="TerminationMessage")
        assert pod.run().returncode == 0
        assert pod.result()["output"] == {"greeting": "hé"}

    def test_too_large_an_output_names_both_numbers(self, make_pod: MakePod) -> None:
        pod = make_pod('printf \'{"a": "%04000d"}\' 0 > $2', outputTransport="TerminationMessage")
        assert pod.run().returncode == 1
        result = pod.result()
        assert (result["status"], result["reason"], result["exitCode"]) == ("FAILED", "OutputTooLarge", 0)
        assert "output has 4,009 bytes; a termination message has room for 3," in result["message"]
        assert "output" not in result
        assert result["outputBytes"] == 0

    def test_a_failure_stays_one(self, make_pod: MakePod) -> None:
        text = json.dumps({"status": "FAILED", "reason": "no", "output": {"a": "x" * 5000}})
        pod = make_pod(f"cat <<'END'\n{text}\nEND", contract="stdio", outputTransport="TerminationMessage")
        assert pod.run().returncode == 1
        assert pod.result()["reason"] == "ScriptFailed"
        assert pod.result()["message"].endswith("\nno")

    def test_a_message_that_grows_in_json_still_fits(self, make_pod: MakePod) -> None:
        script = "head -c 5000 /dev/zero | tr '\\0' '\\1' >&2; exit 1"
        pod = make_pod(script, outputTransport="TerminationMessage")
        assert pod.run().returncode == 1
        assert pod.result()["message"].startswith("exit code 1\n…\x01\x01")


def test_no_termination_log_is_no_end(make_pod: MakePod, tmp_path: Path) -> None:
    pod: Pod = make_pod("exit 5", outputTransport="TerminationMessage")
    pod.log = tmp_path / "nowhere" / "log"
    done: subprocess.CompletedProcess[bytes] = pod.run()
    assert done.returncode == 5
    assert b"scriptrun: no termination message" in done.stderr
