"""Executing one task's program on this machine, under the contract that it would have in a pod."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scriptrun.desired.input import build_task_document, complete_task_document, dump_json
from scriptrun.models.reasons import Reason
from scriptrun.orchestrators.adapter import Outcome, Task, TaskFailure
from scriptrun.policies.attempts import RUNNER_REASONS, TERMINATED
from scriptrun.policies.documents import parse_document
from scriptrun_runner.conclusion import FAILURES, TERMINAL
from scriptrun_runner.execute import execute
from scriptrun_runner.paths import Paths
from scriptrun_runner.result import Result
from scriptrun_runner.spec import RunSpec
from scriptrun_runner.stop import Stop

__all__ = ["Contract", "Program", "Show", "build_outcome"]

Contract = Literal["stdio", "files"]

Show = Callable[[str], object]
"""Gets each line that a program writes for people."""

_GRACE_PERIOD_SECONDS = 10
_OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024  # more than any orchestrator takes: it is the adapter that refuses
_LINE_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Program:
    """What a worker executes for each task.

    Attributes:
        command: the program and its arguments.
        contract: how it gets the task and gives back its output.
        timeout_seconds: how long one task may take; None for ever.
        back_off_seconds: how long the orchestrator is to wait before it hands out a task again.
    """

    command: Sequence[str]
    contract: Contract
    timeout_seconds: float | None = None
    back_off_seconds: float = 0.0

    def execute(self, task: Task, stop: Stop, show: Show) -> Outcome:
        """Execute it for a task, to its end. It runs in the present working folder, with the present environment.

        Args:
            task: what it gets.
            stop: ends it early.
            show: gets what it writes for people, from several threads.
        """
        if task.problem is not None:
            return Outcome(status="FAILED", failure=task.problem, back_off_seconds=self.back_off_seconds)
        try:
            with tempfile.TemporaryDirectory(prefix="scriptrun-", ignore_cleanup_errors=True) as folder:
                paths = _lay_out(folder, task)
                lines = {stream: _Lines(show) for stream in (1, 2)}
                spec = RunSpec(self._describe(task))
                result = execute(spec, paths, os.environ, lambda stream, data: lines[stream].write(data), stop)
                for rest in lines.values():
                    rest.flush()
        except OSError as error:
            text = f"the task could not be laid out on the worker's machine: {error}"
            failure = TaskFailure(Reason.SCRIPT_FAILED, text)
            return Outcome(status="FAILED", failure=failure, back_off_seconds=self.back_off_seconds)
        return build_outcome(result, self.back_off_seconds)

    def _describe(self, task: Task) -> dict[str, Any]:
        """Describe the attempt to the runner."""
        return {
            "schema": 1,
            "name": task.id,
            "script": self.command[0],
            "handler": "exec",
            "command": list(self.command),
            "contract": self.contract,
            "attemptDeadlineSeconds": self.timeout_seconds,
            "outputLimitBytes": _OUTPUT_LIMIT_BYTES,
            "gracePeriodSeconds": _GRACE_PERIOD_SECONDS,
            "task": {
                "type": task.type,
                "id": task.id,
                "workflowId": task.workflow_id,
                "domain": task.domain,
                "headers": task.headers,
            },
        }


def _lay_out(folder: str, task: Task) -> Paths:
    """Write the input, and keep the runner's own files out of the working folder, which all tasks share."""
    paths = Paths(os.path.join(folder, "input"), os.getcwd(), os.path.join(folder, "run"))
    os.mkdir(paths.input)
    Path(paths.variables).write_bytes(dump_json(task.variables).encode(errors="replace"))
    if task.payload:
        document = complete_task_document(task.payload, task.variables)
    else:
        document = build_task_document(task.type, task.id, task.workflow_id, task.variables)
    Path(paths.task).write_bytes(dump_json(document).encode(errors="replace"))
    return paths


def build_outcome(result: Result, back_off_seconds: float = 0.0) -> Outcome:
    """Build what is reported of a result.

    Args:
        result: what the runner says.
        back_off_seconds: as of the program.
    """
    status, reason, message = result.status, result.reason, result.message
    output: dict[str, Any] = {}
    if result.output is not None:
        try:
            output = parse_document(result.output)
        except ValueError as error:
            if status not in FAILURES:
                status, reason, message = "FAILED", Reason.INVALID_OUTPUT, f"the output can't be passed on: {error}"
    if reason == TERMINATED:
        reason, message = Reason.EVICTED, f"the worker was stopped before the script ended: {message}"
    failure = TaskFailure(RUNNER_REASONS.get(reason, Reason(reason or Reason.SCRIPT_FAILED)), message)
    return Outcome(
        status="FAILED" if status in FAILURES else status,  # type: ignore[arg-type]  # the runner's words are these
        output=output,
        failure=failure if status in FAILURES else None,
        terminal=status == TERMINAL,
        logs=tuple(result.log.splitlines()),
        back_off_seconds=back_off_seconds,
    )


class _Lines:
    """Cuts what comes in pieces into lines."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._rest = b""

    def write(self, data: bytes) -> None:
        """Take a piece."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._show(line.decode(errors="replace"))

    def flush(self) -> None:
        """Show what had no line end."""
        if self._rest:
            self._show(self._rest.decode(errors="replace"))
            self._rest = b""
