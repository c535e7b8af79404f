"""Contract `stdio`: the task comes in on stdin, one JSON object with status and output goes out on stdout.

From the generic task workers (`worker exec`): an exit code other than 0, or a stdout that is no such JSON, is a
failure with the details in its reason. Stdout is the result and nothing else; stderr and `logs` are the log.
"""

from __future__ import annotations

from scriptrun_runner.conclusion import FAILURES, TERMINAL, Conclusion
from scriptrun_runner.contracts.base import Contract
from scriptrun_runner.output import INVALID_OUTPUT, OutputError, check_size, parse_output, read_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scriptrun_runner.ending import Ending
    from scriptrun_runner.tail import Capture

__all__ = ["StdioContract"]

_STATUSES = ("COMPLETED", *FAILURES, "IN_PROGRESS")
_MEMBERS = ("status", "output", "outputData", "reason", "logs")
_NAMES_CHARACTERS = 500
_REST_BYTES = 65_536  # for status, reason and logs beside the output


class _RefusedError(OutputError):
    """A result that is refused.

    Attributes:
        said: the script's own reason, to be put behind another text; "" when it gave none.
    """

    def __init__(self, error: OutputError, said: str) -> None:
        super().__init__(error.reason, f"{error}{said}")
        self.said = said


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
            said = error.said if isinstance(error, _RefusedError) else ""
            return Conclusion.script_failed(f"{ending.describe()}{said}", log=stdout.data)
        if ending.exit_code:
            terminal = conclusion.status == TERMINAL
            conclusion.fail("ScriptFailed", f"{ending.describe()}: {conclusion.message}".rstrip(": "))
            if terminal:
                conclusion.status = TERMINAL
        return conclusion

    def _read_result(self, stdout: Capture) -> Conclusion:
        """Read the result; one that is refused still says what its script had to say."""
        check_size("stdout", stdout.total_bytes, self.captured_bytes, "output, status, reason and logs")
        if not stdout.data.strip():
            raise OutputError(INVALID_OUTPUT, "stdout is empty: a stdio script prints one JSON object with its status")
        text, result = parse_output("stdout", stdout.data)
        try:
            _check_result(result)
            output = self._find_output(text, result)
        except OutputError as error:
            reason = result.get("reason")
            said = f"; the script's reason: {reason}" if reason and isinstance(reason, str) else ""
            raise _RefusedError(error, said) from error
        if output is None and result["status"] not in FAILURES:
            output = b"{}"
        log = "".join(f"{line}\n" for line in [*(result.get("logs") or ()), *_describe_unknown(result)])
        return _conclude(result, output, log.encode("utf-8", "replace"))

    def _find_output(self, text: str, result: dict[str, Any]) -> bytes | None:
        """Find the output, the very bytes that the script gave: in the result, else in the output file."""
        from scriptrun_runner.strict_json import cut_member

        for name in ("output", "outputData"):
            if result.get(name) is not None:
                output = (cut_member(text, name) or "").encode()
                check_size(name, len(output), self.spec.output_limit_bytes)
                return output
        return read_output(self.paths.output, self.spec.output_limit_bytes)


def _conclude(result: dict[str, Any], output: bytes | None, log: bytes) -> Conclusion:
    status, message = result["status"], result.get("reason") or ""
    if status in FAILURES:
        return Conclusion(status, "ScriptFailed", message or f"the script gave status {status}", output, log)
    return Conclusion(status, "", message, output, log)


def _describe_unknown(result: dict[str, Any]) -> list[str]:
    names = ", ".join(repr(name) for name in result if name not in _MEMBERS)
    if not names:
        return []
    if len(names) > _NAMES_CHARACTERS:
        names = f"{names[:_NAMES_CHARACTERS]}…"
    return [f"scriptrun: nothing reads these members of the result: {names}"]


def _check_result(result: dict[str, Any]) -> None:
    status, logs = result.get("status"), result.get("logs")
    wrong = ""
    if status not in _STATUSES:
        wrong = f"status is {status!r:.80}, it must be one of {', '.join(_STATUSES)}"
    elif not isinstance(result.get("output"), (dict, type(None))):
        wrong = "output is no JSON object"
    elif not isinstance(result.get("outputData"), (dict, type(None))):
        wrong = "outputData is no JSON object"
    elif result.get("output") is not None and result.get("outputData") is not None:
        wrong = "it has both output and outputData, which mean the same"
    elif not isinstance(result.get("reason"), (str, type(None))):
        wrong = "reason is no string"
    elif logs is not None and not (isinstance(logs, list) and all(isinstance(line, str) for line in logs)):
        wrong = "logs is no list of strings"
    if wrong:
        raise OutputError(INVALID_OUTPUT, f"the result on stdout is wrong: {wrong}")
