"""A task's program on this machine: both contracts, and what is reported of each end."""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from scriptrun.models.reasons import Reason
from scriptrun.orchestrators.adapter import Outcome, Task, TaskFailure
from scriptrun.worker.program import Program, build_outcome
from scriptrun_runner.conclusion import Conclusion
from scriptrun_runner.result import Result
from scriptrun_runner.stop import Stop

TASK = Task(
    identity="t1",
    id="t1",
    type="greet",
    workflow_id="w1",
    domain="prod",
    variables={"name": "Ada"},
    payload={"taskId": "t1"},
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def program(source: str, contract: Any = "stdio", **more: Any) -> Program:
    return Program((sys.executable, "-c", source), contract, **more)


def run(program: Program, task: Task = TASK) -> tuple[Outcome, list[str]]:
    lines: list[str] = []
    return program.execute(task, Stop(), lines.append), lines


def echo(expression: str) -> str:
    return f"import json, os, sys; print(json.dumps({{'status': 'COMPLETED', 'output': {expression}}}))"


def test_stdio_gets_the_whole_task_on_stdin() -> None:
    outcome, lines = run(program(echo("json.load(sys.stdin)")))
    assert outcome == Outcome(status="COMPLETED", output={"taskId": "t1", "inputData": {"name": "Ada"}})
    assert lines == []


def test_stdio_gets_a_task_made_of_the_job_where_the_orchestrator_has_none() -> None:
    job = Task(identity="j1", id="77", type="greet", workflow_id="76", variables={"name": "Ada"})
    outcome, _ = run(program(echo("json.load(sys.stdin)")), job)
    inputs = {"name": "Ada"}
    assert outcome.output == {"taskType": "greet", "taskId": "77", "workflowInstanceId": "76", "inputData": inputs}


def test_the_five_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("TASK_TYPE", "TASK_ID", "WORKFLOW_ID", "EXECUTION_ID", "POLL_DOMAIN")
    source = program(echo(f"{{name: os.environ.get(name) for name in {names}}}"))
    assert run(source)[0].output == dict(zip(names, ("greet", "t1", "w1", "w1", "prod"), strict=True))
    monkeypatch.delenv("POLL_DOMAIN", raising=False)
    assert run(source, Task(identity="t2", id="t2", type="greet"))[0].output["POLL_DOMAIN"] is None


def test_it_runs_in_the_present_folder_and_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(echo("{'cwd': os.getcwd(), 'var': os.environ['MINE'], 'files': os.listdir()}"))
    monkeypatch.setenv("MINE", "yes")
    outcome, _ = run(Program(("python3", "worker.py"), "stdio"))
    assert outcome.output == {"cwd": str(tmp_path), "var": "yes", "files": ["worker.py"]}
    assert os.listdir(tmp_path) == ["worker.py"]


def test_files_gets_two_paths() -> None:
    source = (
        "import json, sys; v = json.load(open(sys.argv[-2])); json.dump({'hi': v['name']}, open(sys.argv[-1], 'w'))"
    )
    outcome, _ = run(program(source, "files"))
    assert outcome == Outcome(status="COMPLETED", output={"hi": "Ada"})
    assert run(program("pass", "files"))[0] == Outcome(status="COMPLETED", output={})


def test_what_it_writes_for_people_comes_line_by_line() -> None:
    source = 'import sys; sys.stderr.write(\'one\\ntwo\\n\'); print(\'{"status": "COMPLETED", "logs": ["three"]}\')'
    outcome, lines = run(program(source))
    assert lines == ["one", "two", "three"]
    assert outcome.logs == ("one", "two", "three")


def test_a_long_line_is_cut_into_pieces() -> None:
    _, lines = run(program("import sys; sys.stderr.write('x' * 100_000)"))
    assert "".join(lines) == "x" * 100_000
    assert len(lines) > 1


@pytest.mark.parametrize(
    ("source", "reason", "words"),
    [
        ("import sys; print('oops', file=sys.stderr); sys.exit(3)", Reason.SCRIPT_FAILED, "exit code 3\noops"),
        ("print('no json')", Reason.INVALID_OUTPUT, "stdout is not JSON"),
        ("pass", Reason.INVALID_OUTPUT, "stdout is empty"),
        ('print(\'{"status": "FAILED", "reason": "no such user"}\')', Reason.SCRIPT_FAILED, "no such user"),
        ('print(\'{"status": "DONE"}\')', Reason.INVALID_OUTPUT, "it must be one of COMPLETED, FAILED"),
        ('print(\'{"status": "COMPLETED", "output": {"n": 1e999}}\')', Reason.INVALID_OUTPUT, "1e999"),
    ],
)
def test_failures(source: str, reason: Reason, words: str) -> None:
    outcome, _ = run(program(source, back_off_seconds=7))
    assert outcome.status == "FAILED"
    assert outcome.failure is not None
    assert outcome.failure.reason is reason
    assert words in outcome.failure.message
    assert outcome.back_off_seconds == 7


def test_a_failure_keeps_output_and_logs() -> None:
    result = {"status": "FAILED", "output": {"step": 2}, "logs": ["a"], "reason": "no"}
    outcome, _ = run(program(f"print({json.dumps(json.dumps(result))})"))
    assert (outcome.output, outcome.logs) == ({"step": 2}, ("a",))


def test_in_progress() -> None:
    outcome, _ = run(program('print(\'{"status": "IN_PROGRESS", "output": {"done": 0.5}}\')', back_off_seconds=3))
    assert outcome == Outcome(status="IN_PROGRESS", output={"done": 0.5}, back_off_seconds=3)


def test_a_program_that_is_not_there() -> None:
    outcome, _ = run(Program(("no-such-program",), "stdio"))
    assert outcome.failure is not None
    assert "'no-such-program' is not in" in outcome.failure.message


def test_a_time_limit() -> None:
    outcome, _ = run(program("import time; time.sleep(60)", timeout_seconds=0.2))
    assert outcome.failure is not None
    assert outcome.failure.reason is Reason.TIMEOUT


def test_stopped_is_worth_another_try() -> None:
    stop = Stop()
    source = program("import sys, time; print('up', file=sys.stderr, flush=True); time.sleep(60)")
    outcome = source.execute(TASK, stop, lambda line: stop.request())
    assert outcome.failure is not None
    assert outcome.failure.reason is Reason.EVICTED
    assert outcome.failure.message.startswith("the worker was stopped before the script ended")


def test_a_task_with_a_problem_is_not_executed(tmp_path: Path) -> None:
    problem = TaskFailure(Reason.INVALID_VARIABLES, "inputData is a list")
    task = Task(identity="t", id="t", type="greet", problem=problem)
    outcome, _ = run(program("open('ran', 'w')"), task)
    assert outcome.failure == problem
    assert not (tmp_path / "ran").exists()


def test_no_room_on_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    outcome, _ = run(program("pass"))
    assert outcome.failure is not None
    assert "could not be laid out on the worker's machine" in outcome.failure.message


def test_many_at_once_do_not_meet() -> None:
    source = program(
        "import json, sys; t = json.load(sys.stdin); "
        "print(json.dumps({'status': 'COMPLETED', 'output': t['inputData']}))"
    )
    found: dict[int, Outcome] = {}

    def work(number: int) -> None:
        task = Task(identity=str(number), id=str(number), type="greet", variables={"n": number})
        found[number] = run(source, task)[0]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: outcome.output for number, outcome in found.items()} == {n: {"n": n} for n in range(8)}


def test_an_unknown_reason_of_the_runner_is_a_defect_not_a_guess() -> None:
    with pytest.raises(ValueError, match="Nonsense"):
        build_outcome(Result(Conclusion("FAILED", "Nonsense", ""), 1, 0.0))


def test_a_script_that_says_never_again() -> None:
    outcome = build_outcome(Result(Conclusion("FAILED_WITH_TERMINAL_ERROR", "ScriptFailed", "no such order"), 1, 0.0))
    assert (outcome.status, outcome.terminal) == ("FAILED", True)
    assert outcome.failure == TaskFailure(Reason.SCRIPT_FAILED, "no such order")
