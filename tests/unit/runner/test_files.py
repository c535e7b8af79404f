"""Contract `files`: variables and output by file, and every way to spoil the output."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path

import pytest

from unit.runner.harness import RunScript


def test_variables_in_and_output_out(run_script: RunScript) -> None:
    script = """
import json, sys
name = json.load(open(sys.argv[1]))["name"]
json.dump({"greeting": f"Hello {name}"}, open(sys.argv[2], "w"))
"""
    began = time.time()
    done = run_script(script, handler="python", fileName="hello.py", variables={"name": "Ada"})
    document = done.result.document()
    assert done.output() == {"greeting": "Hello Ada"}
    assert document["status"] == "COMPLETED"
    assert (document["exitCode"], document["reason"], document["message"]) == (0, "", "")
    assert document["outputBytes"] == 25
    assert document["outputSha256"] == hashlib.sha256(b'{"greeting": "Hello Ada"}').hexdigest()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", document["startedAt"])
    assert began - 0.01 < done.result.started_at < done.result.finished_at < time.time() + 0.01


def test_output_keeps_the_very_bytes(run_script: RunScript) -> None:
    written = '{ "π":1.10,\n\t"n": 1, "n": 123456789012345678901234567890 }\n'
    done = run_script(f"cat > $2 <<'END'\n{written}END\n")
    assert done.result.output == written.encode()


def test_nothing_written_is_the_empty_object(run_script: RunScript) -> None:
    done = run_script("true")
    assert (done.result.status, done.result.output) == ("COMPLETED", b"{}")


def test_the_paths_are_in_the_environment_too(run_script: RunScript) -> None:
    script = 'test "$1" = "$SCRIPTRUN_VARIABLES" && cp "$SCRIPTRUN_VARIABLES" "$SCRIPTRUN_OUTPUT"'
    done = run_script(script, variables={"a": 1})
    assert done.output() == {"a": 1}


def test_failure_carries_exit_code_and_the_end_of_stderr(run_script: RunScript) -> None:
    done = run_script("seq 2000 >&2; echo ouch >&2; exit 3")
    result = done.result
    assert (result.status, result.reason, result.exit_code) == ("FAILED", "ScriptFailed", 3)
    assert result.message.startswith("exit code 3\n…")
    assert result.message.endswith("1999\n2000\nouch")
    assert 2000 < len(result.message.encode()) <= 2048
    assert result.output is None
    assert result.runner_exit_code == 3


@pytest.mark.parametrize("contract", ["files", "package", "stdio", "stream"])
def test_a_failed_script_keeps_the_output_it_wrote(run_script: RunScript, contract: str) -> None:
    written = '{"error": {"code": "NoStock"}, "n": 1.10}'
    said = """echo '{"status": "FAILED"}'"""
    done = run_script(f"printf %s '{written}' > $SCRIPTRUN_OUTPUT; {said}; exit 3", contract=contract)
    assert (done.result.status, done.result.reason, done.result.exit_code) == ("FAILED", "ScriptFailed", 3)
    assert done.result.output == written.encode()


def test_a_failed_script_with_a_spoilt_output_is_a_failed_script(run_script: RunScript) -> None:
    result = run_script("echo '{\"a\":' > $2; echo ouch >&2; exit 3").result
    assert (result.reason, result.exit_code, result.output) == ("ScriptFailed", 3, None)
    assert result.message.startswith("exit code 3; output file ")
    assert "is not JSON" in result.message
    assert result.message.endswith("\nouch")


@pytest.mark.parametrize("contract", ["files", "package", "stdio", "stream"])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        ('{"retryable": false}', "FAILED_WITH_TERMINAL_ERROR"),
        ('{"retryable": true}', "FAILED"),
        ('{"retryable": 0}', "FAILED"),
        ('"retryable"', "FAILED"),
    ],
)
def test_a_failed_script_says_never_again(run_script: RunScript, contract: str, error: str, status: str) -> None:
    said = """echo '{"status": "FAILED"}'"""
    script = f"""echo '{{"error": {error}}}' > $SCRIPTRUN_OUTPUT; {said}; exit 3"""
    done = run_script(script, contract=contract)
    assert (done.result.status, done.result.reason, done.result.exit_code) == (status, "ScriptFailed", 3)


def test_only_a_script_that_failed_says_never_again(run_script: RunScript) -> None:
    done = run_script("""echo '{"error": {"retryable": false}}' > $2""")
    assert (done.result.status, done.result.reason) == ("COMPLETED", "")
    over = run_script("""echo '{"error": {"retryable": false}}' > $2; sleep 60""", attemptDeadlineSeconds=0.5)
    assert (over.result.status, over.result.reason) == ("FAILED", "Timeout")


def test_stale_output_of_an_earlier_run_is_gone(run_script: RunScript) -> None:
    assert run_script("echo '{\"old\": 1}' > $2").output() == {"old": 1}
    assert run_script("true").output() == {}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "is empty"),
        ('{"a": 1,}', "line 1 column 9 (char 8)"),
        ('{\n "a": "NaN",\n "b": NaN}', "NaN is no JSON number: line 3 column 7 (char 21)"),
        ('{"a": -Infinity}', "-Infinity is no JSON number: line 1 column 7 (char 6)"),
        ("[1]", "must be a JSON object, {…}; it begins with '[1]'"),
        ("null", "must be a JSON object"),
        ('{"a": 1} {"b": 2}', "Extra data: line 1 column 10 (char 9)"),
        ("\ufeff{}", "byte order mark"),
        ('{"a":' * 150_000, "nested too deeply"),
    ],
)
def test_output_that_is_no_json_object(run_script: RunScript, tmp_path: Path, written: str, message: str) -> None:
    (tmp_path / "written").write_text(written, encoding="utf-8")
    done = run_script("cp ../written $2; echo from stderr >&2")
    assert (done.result.status, done.result.reason, done.result.exit_code) == ("FAILED", "InvalidOutput", 0)
    assert "output.json" in done.result.message
    assert message in done.result.message
    assert done.result.message.endswith("from stderr")
    assert done.result.output is None
    assert done.result.runner_exit_code == 1


def test_output_in_another_encoding(run_script: RunScript) -> None:
    done = run_script(r"printf '{\"a\": \"\351\"}' > $2")
    assert done.result.reason == "InvalidOutput"
    assert "is not UTF-8: invalid continuation byte at byte 7" in done.result.message


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("ln -s /etc/passwd $2", "is a symbolic link"),
        ("ln -s /nowhere $2", "is a symbolic link"),
        ("mkfifo $2", "is a named pipe"),
        ("mkdir $2", "is a folder"),
        ("mknod $2 c 1 5 2> /dev/null || ln -s /dev/zero $2", "is a "),
        ("python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' $2", "can't be read"),
        ("echo '{}' > $2; rm -r ../run; echo > ../run", "can't be read: Not a directory"),
    ],
)
def test_no_plain_file_in_place_of_the_output(run_script: RunScript, command: str, message: str) -> None:
    began = time.monotonic()
    done = run_script(command)
    assert (done.result.status, done.result.reason) == ("FAILED", "InvalidOutput")
    assert message in done.result.message
    assert time.monotonic() - began < 5


def test_too_large_an_output_names_both_numbers(run_script: RunScript) -> None:
    done = run_script("head -c 1001 /dev/zero > $2", outputLimitBytes=1000)
    assert (done.result.status, done.result.reason) == ("FAILED", "OutputTooLarge")
    assert "1,001 bytes" in done.result.message
    assert "1,000 bytes" in done.result.message


def test_an_output_of_the_very_limit(run_script: RunScript) -> None:
    script = """
import sys
open(sys.argv[2], "w").write('{"a":"' + "x" * (900_000 - 8) + '"}')
"""
    done = run_script(script, handler="python")
    assert done.result.status == "COMPLETED"
    assert len(done.result.output or b"") == 900_000


def test_numbers_of_any_length_and_double_keys_pass(run_script: RunScript) -> None:
    done = run_script('printf \'{"a": 1%05000d, "a": 1e999}\' 0 > $2')
    assert done.result.status == "COMPLETED"
    assert len(done.result.output or b"") > 5000
