"""Contract `stdio`: task on stdin, result on stdout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unit.runner.harness import Execution, Input, RunScript


@pytest.fixture
def answer(run_script: RunScript, tmp_path: Path) -> Any:
    """Execute a stdio script that prints the given text."""

    def execute(text: str | bytes, after: str = "", **fields: Any) -> Execution:
        (tmp_path / "stdout").write_bytes(text.encode() if isinstance(text, str) else text)
        return run_script(f"cat ../stdout; {after or 'true'}", contract="stdio", **fields)

    return execute


def test_task_document_and_environment(run_script: RunScript) -> None:
    script = """
import json, os, sys
task = json.load(sys.stdin)
names = ("TASK_TYPE", "TASK_ID", "WORKFLOW_ID", "EXECUTION_ID", "POLL_DOMAIN")
print(json.dumps({"status": "COMPLETED", "output": {"task": task, **{name: os.environ.get(name) for name in names}}}))
"""
    variables = {"name": "Ada"}
    task = {"type": "greet", "id": "task-7", "workflowId": "flow-3", "domain": ""}
    done = run_script(script, handler="python", contract="stdio", variables=variables, task=task)
    assert done.output() == {
        "task": {"taskType": "greet", "taskId": "task-7", "workflowInstanceId": "flow-3", "inputData": variables},
        "TASK_TYPE": "greet",
        "TASK_ID": "task-7",
        "WORKFLOW_ID": "flow-3",
        "EXECUTION_ID": "flow-3",
        "POLL_DOMAIN": None,
    }
    done = run_script(script, handler="python", contract="stdio", task={**task, "domain": "blue"})
    assert done.output()["POLL_DOMAIN"] == "blue"


def test_the_result_is_not_shown_but_logs_and_stderr_are(answer: Any) -> None:
    done = answer('{"status": "COMPLETED", "output": {"secret": 1}, "logs": ["one", "two"]}', "echo zero >&2")
    assert done.shown == {1: b"", 2: b"zero\none\ntwo\n"}
    assert done.result.log == "zero\none\ntwo\n"


def test_output_keeps_the_very_bytes(answer: Any) -> None:
    output = '{ "n": 1.10, "deep": {"output": [1e400, {"}": "\\""}]},\n "é": 12345678901234567890123 }'
    done = answer(
        '\n{"status":"COMPLETED","output" : {"first": 0}, "x": [{"output": 1}],"output" :\t' + output + " }\n\n"
    )
    assert done.result.output == output.encode()


def test_conductors_own_name_of_the_output(answer: Any) -> None:
    done = answer('{"status": "COMPLETED", "output": null, "outputData": {"n": 1.10}}')
    assert done.result.output == b'{"n": 1.10}'
    assert done.result.log == ""


def test_members_that_nobody_reads_are_told_in_the_log(answer: Any) -> None:
    done = answer('{"status": "COMPLETED", "outputs": {}, "logs": ["one"], "a\\nb": 1}')
    assert done.result.log == "one\nscriptrun: nothing reads these members of the result: 'outputs', 'a\\nb'\n"
    many = answer(json.dumps({"status": "COMPLETED", **{f"member{number}": 1 for number in range(2000)}}))
    assert len(many.result.log) < 600


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ("true", "status is 'DONE', it must be one of"),
        ("exit 4", "exit code 4; the script's reason: no such order"),
    ],
)
def test_a_result_that_is_refused_still_shows_its_reason(answer: Any, after: str, message: str) -> None:
    done = answer('{"status": "DONE", "reason": "no such order"}', after)
    assert message in done.result.message
    assert done.result.message.endswith("; the script's reason: no such order")


def test_too_large_an_output_still_shows_the_reason(answer: Any) -> None:
    text = json.dumps({"status": "FAILED", "reason": "no such order", "outputData": {"a": "x" * 1000}})
    done = answer(text, outputLimitBytes=1000)
    assert done.result.reason == "OutputTooLarge"
    assert "outputData has 1,009 bytes" in done.result.message
    assert done.result.message.endswith("no such order")


@pytest.mark.parametrize("status", ["COMPLETED", "IN_PROGRESS"])
def test_no_output_is_the_empty_object(answer: Any, status: str) -> None:
    done = answer(json.dumps({"status": status, "output": None, "reason": "so far"}))
    result = done.result
    assert (result.status, result.output, result.message, result.runner_exit_code) == (status, b"{}", "so far", 0)


def test_the_output_file_counts_when_stdout_has_no_output(answer: Any) -> None:
    done = answer('{"status": "COMPLETED"}', "echo '{\"a\": 1}' > $SCRIPTRUN_OUTPUT")
    assert done.output() == {"a": 1}


def test_failed_keeps_reason_and_output(answer: Any) -> None:
    done = answer('{"status": "FAILED", "reason": "no such customer", "output": {"code": "E7"}}', "echo hm >&2")
    result = done.result
    assert (result.status, result.reason, result.exit_code) == ("FAILED", "ScriptFailed", 0)
    assert result.message == "no such customer\nhm"
    assert done.output() == {"code": "E7"}
    assert result.runner_exit_code == 1


@pytest.mark.parametrize(
    ("after", "code", "message"), [("true", 0, "no such order"), ("exit 4", 4, "exit code 4: no such order")]
)
def test_a_terminal_error_stays_one(answer: Any, after: str, code: int, message: str) -> None:
    done = answer('{"status": "FAILED_WITH_TERMINAL_ERROR", "reason": "no such order"}', after)
    result = done.result
    assert (result.status, result.reason, result.exit_code) == ("FAILED_WITH_TERMINAL_ERROR", "ScriptFailed", code)
    assert (result.message, result.output, result.runner_exit_code) == (message, None, code or 1)


def test_failed_without_output_has_none(answer: Any) -> None:
    assert answer('{"status": "FAILED"}').result.output is None


def test_an_exit_code_makes_any_result_a_failure(answer: Any) -> None:
    done = answer('{"status": "COMPLETED", "reason": "half done", "output": {"a": 1}, "logs": ["l"]}', "exit 4")
    assert (done.result.status, done.result.reason, done.result.exit_code) == ("FAILED", "ScriptFailed", 4)
    assert done.result.message == "exit code 4: half done"
    assert done.output() == {"a": 1}
    assert done.result.log == "l\n"


def test_an_exit_code_without_a_result_shows_stdout(answer: Any) -> None:
    done = answer("usage: worker FILE\n", "echo bad >&2; exit 2")
    assert (done.result.reason, done.result.message) == ("ScriptFailed", "exit code 2\nbad")
    assert done.result.log == "bad\nusage: worker FILE\n"
    assert done.shown[2] == b"bad\nusage: worker FILE\n"


@pytest.mark.parametrize(
    ("stdout", "message"),
    [
        ("", "stdout is empty"),
        ("  \n", "stdout is empty"),
        ('debug\n{"status": "COMPLETED"}', "Expecting value: line 1 column 1 (char 0); it begins with 'debug"),
        ('{"status": "COMPLETED"}\nbye', "Extra data: line 2 column 1 (char 24)"),
        ("[]", "must be a JSON object"),
        ("{}", "status is None, it must be one of COMPLETED, FAILED, FAILED_WITH_TERMINAL_ERROR, IN_PROGRESS"),
        ('{"status": "DONE"}', "status is 'DONE'"),
        ('{"status": ["COMPLETED"]}', "status is ['COMPLETED']"),
        ('{"status": "COMPLETED", "output": [1]}', "output is no JSON object"),
        ('{"status": "COMPLETED", "outputData": []}', "outputData is no JSON object"),
        ('{"status": "COMPLETED", "output": {}, "outputData": {}}', "both output and outputData"),
        ('{"status": "COMPLETED", "logs": "one"}', "logs is no list of strings"),
        ('{"status": "COMPLETED", "logs": [1]}', "logs is no list of strings"),
        ('{"status": "FAILED", "reason": {}}', "reason is no string"),
        ('{"status": "COMPLETED", "output": {"a": NaN}}', "NaN is no JSON number: line 1 column 41 (char 40)"),
        (b'{"status": "COMPLETED", "reason": "\xff"}', "not UTF-8: invalid start byte at byte 35"),
    ],
)
def test_a_stdout_that_is_no_result(answer: Any, stdout: str | bytes, message: str) -> None:
    done = answer(stdout)
    assert (done.result.status, done.result.reason) == ("FAILED", "InvalidOutput")
    assert message in done.result.message
    shown = stdout if isinstance(stdout, bytes) else stdout.encode()
    assert done.shown[2] == shown
    assert done.result.runner_exit_code == 1


def test_lone_surrogates_do_no_harm(answer: Any) -> None:
    done = answer(r'{"status": "FAILED", "reason": "a\ud800b", "logs": ["c\udfffd"]}')
    assert done.result.message == "a?b"
    assert done.result.log == "c?d\n"


def test_too_large_an_output(answer: Any) -> None:
    done = answer(json.dumps({"status": "COMPLETED", "output": {"a": "x" * 1000}}), outputLimitBytes=1000)
    assert done.result.reason == "OutputTooLarge"
    assert "output has 1,009 bytes" in done.result.message
    assert "1,000 bytes" in done.result.message


def test_a_flood_is_counted_not_kept(run_script: RunScript) -> None:
    done = run_script("head -c 30000000 /dev/zero", contract="stdio", outputLimitBytes=1000)
    assert done.result.reason == "OutputTooLarge"
    assert "stdout has 30,000,000 bytes; the limit is 66,536 bytes" in done.result.message
    assert len(done.shown[2]) == 66_536


def test_a_missing_task_document(tmp_path: Path) -> None:
    Input(tmp_path / "input", "cat", {}, contract="stdio")
    (tmp_path / "input" / "task.json").unlink()
    result = Execution(tmp_path).run().result
    assert (result.reason, result.exit_code) == ("ScriptFailed", 126)
    assert "no input for the script" in result.message
    assert "task.json" in result.message
