"""Contract `stdio`: the task comes in on stdin, one JSON object with status and output goes out on stdout.

From the generic task workers (`worker exec`): an exit code other than 0, or a stdout that is no such JSON, is a
failure with the details in its reason. Stdout is the result and nothing else; stderr and `logs` are the log.
"""

from __future__ import annotations

from scriptrun_runner.conclusion import Conclusion
from scriptrun_runner.contracts.base import Contract
from scriptrun_runner.output import INVALID_OUTPUT, OutputError, check_size, parse_output, read_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scriptrun_runner.ending import Ending
    from scriptrun_runner.tail import Capture

__all__ = ["StdioContract"]

_STATUSES = ("COMPLETED", "FAILED", "IN_PROGRESS")
_REST_BYTES = 65_536  # for status, reason and logs beside the output


class StdioContract(Contract):
    """Task in, result out."""

    shows_stdout = False

    @property
    def captured_bytes(self) -> int:
        """The output, and room for the rest of the result."""
        return self.spec.output_limit_bytes + _REST_BYTES

    def stdin(self) -> str:
        """The task document."""
        return self.paths.task

    def environment(self) -> dict[str, str]:
        """Identity of the task; POLL_DOMAIN only "if specified"."""
        task = self.spec.task
        known = {"TASK_TYPE": task.type, "TASK_ID": task.id, "WORKFLOW_ID": task.workflow_id}
        domain = {"POLL_DOMAIN": task.domain} if task.domain else {}
        return {**known, "EXECUTION_ID": task.workflow_id, **domain}

    def conclude(self, ending: Ending, stdout: Capture) -> Conclusion:
        """Understand stdout; what can't be understood goes to the log, so that somebody can."""
        try:
            conclusion = self._read_result(stdout)
        except OutputError as error:
            if not ending.exit_code:
                return Conclusion("FAILED", error.reason, str(error), log=stdout.data)
            return Conclusion.script_failed(ending.describe(), log=stdout.data)
        if ending.exit_code:
            conclusion.fail("ScriptFailed", f"{ending.describe()}: {conclusion.message}".rstrip(": "))
        return conclusion

    def _read_result(self, stdout: Capture) -> Conclusion:
        """Take the result apart; the output keeps the very bytes that the script gave."""
        from scriptrun_runner.strict_json import cut_member

        check_size("stdout", stdout.total_bytes, self.captured_bytes, "output, status, reason and logs")
        if not stdout.data.strip():
            raise OutputError(INVALID_OUTPUT, "stdout is empty: a stdio script prints one JSON object with its status")
        text, result = parse_output("stdout", stdout.data)
        _check_result(result)
        output = (cut_member(text, "output") or "").encode() if result.get("output") is not None else None
        if output is None:
            output = read_output(self.paths.output, self.spec.output_limit_bytes)
        else:
            check_size("output", len(output), self.spec.output_limit_bytes)
        if output is None and result["status"] != "FAILED":
            output = b"{}"
        log = "".join(f"{line}\n" for line in result.get("logs") or ()).encode("utf-8", "replace")
        message = result.get("reason") or ""
        if result["status"] == "FAILED":
            return Conclusion("FAILED", "ScriptFailed", message or "the script gave status FAILED", output, log)
        return Conclusion(result["status"], "", message, output, log)


def _check_result(result: dict[str, Any]) -> None:
    status, logs = result.get("status"), result.get("logs")
    wrong = ""
    if status not in _STATUSES:
        wrong = f"status is {status!r:.80}, it must be one of {', '.join(_STATUSES)}"
    elif not isinstance(result.get("output"), (dict, type(None))):
        wrong = "output is no JSON object"
    elif not isinstance(result.get("reason"), (str, type(None))):
        wrong = "reason is no string"
    elif logs is not None and not (isinstance(logs, list) and all(isinstance(line, str) for line in logs)):
        wrong = "logs is no list of strings"
    if wrong:
        raise OutputError(INVALID_OUTPUT, f"the result on stdout is wrong: {wrong}")
