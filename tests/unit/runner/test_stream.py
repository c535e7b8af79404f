"""Contract `stream`: what the script prints is its output."""

from __future__ import annotations

import json

from unit.runner.harness import RunScript


def test_variables_on_stdin_text_out(run_script: RunScript) -> None:
    done = run_script('cat; echo; echo "$GREETING"', contract="stream", variables={"a": 1}, environ={"GREETING": "hé"})
    assert done.output() == {"output": '{"a": 1}\nhé\n'}
    assert done.result.log == '{"a": 1}\nhé\n'


def test_both_streams_in_the_order_of_writing(run_script: RunScript) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo o$i; echo e$i >&2; done"
    done = run_script(script, contract="stream")
    assert done.output()["output"] == "".join(f"o{i}\ne{i}\n" for i in range(1, 10))
    assert done.shown == {1: done.output()["output"].encode(), 2: b""}


def test_a_failed_script_keeps_its_text(run_script: RunScript) -> None:
    done = run_script("echo so far; echo oops >&2; exit 1", contract="stream")
    assert (done.result.status, done.result.reason) == ("FAILED", "ScriptFailed")
    assert done.result.message == "exit code 1\nso far\noops"
    assert done.output() == {"output": "so far\noops\n"}


def test_invalid_utf8_is_replaced(run_script: RunScript) -> None:
    done = run_script(r"printf 'a\377b\300'", contract="stream")
    assert done.output() == {"output": "a\ufffdb\ufffd"}
    assert done.shown[1] == b"a\xffb\xc0"


def test_more_bytes_than_the_limit(run_script: RunScript) -> None:
    done = run_script("head -c 2000000 /dev/zero | tr '\\0' x", contract="stream")
    assert (done.result.status, done.result.reason) == ("FAILED", "OutputTooLarge")
    assert "2,000,000 bytes" in done.result.message
    assert "900,000 bytes" in done.result.message


def test_more_characters_than_the_limit(run_script: RunScript) -> None:
    done = run_script("head -c 1000001 /dev/zero | tr '\\0' x", contract="stream", outputLimitBytes=5_000_000)
    assert done.result.reason == "OutputTooLarge"
    assert "printed 1,000,001 characters, it may print 1,000,000" in done.result.message


def test_text_that_grows_over_the_limit_as_json(run_script: RunScript) -> None:
    done = run_script("head -c 600 /dev/zero | tr '\\0' '\"'", contract="stream", outputLimitBytes=1000)
    size = len(json.dumps({"output": '"' * 600}))
    assert done.result.reason == "OutputTooLarge"
    assert f"as JSON, has {size:,} bytes; the limit is 1,000 bytes" in done.result.message


def test_a_failed_script_that_printed_too_much_is_a_failed_script(run_script: RunScript) -> None:
    done = run_script("seq 1000; exit 9", contract="stream", outputLimitBytes=100)
    assert (done.result.reason, done.result.exit_code, done.result.output) == ("ScriptFailed", 9, None)
    assert "exit code 9; the text that the script printed has 3,893 bytes; the limit is 100" in done.result.message


def test_the_output_file_takes_the_place_of_the_text(run_script: RunScript) -> None:
    done = run_script("seq 1000; echo '{\"a\": 1}' > $SCRIPTRUN_OUTPUT", contract="stream", outputLimitBytes=100)
    assert done.output() == {"a": 1}
