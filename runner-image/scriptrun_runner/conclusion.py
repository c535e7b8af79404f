"""What a contract makes of a script's end."""

from __future__ import annotations

__all__ = ["FAILURES", "TERMINAL", "Conclusion"]

TERMINAL = "FAILED_WITH_TERMINAL_ERROR"
"""Conductor's word for: it failed, and trying again is of no use."""
FAILURES = ("FAILED", TERMINAL)


class Conclusion:
    """What an attempt came to.

    Attributes:
        status: COMPLETED, FAILED, FAILED_WITH_TERMINAL_ERROR or IN_PROGRESS.
        reason: "" or one of the runner's reasons.
        message: what happened, for people.
        output: the JSON object, byte for byte as the script gave it; None when there is none.
        log: what the contract found that belongs into the log.
    """

    __slots__ = ("log", "message", "output", "reason", "status")

    def __init__(
        self, status: str, reason: str = "", message: str = "", output: bytes | None = None, log: bytes = b""
    ) -> None:
        self.status = status
        self.reason = reason
        self.message = message
        self.output = output
        self.log = log

    @classmethod
    def completed(cls, output: bytes) -> Conclusion:
        """All went well."""
        return cls("COMPLETED", output=output)

    @classmethod
    def script_failed(cls, message: str, output: bytes | None = None, log: bytes = b"") -> Conclusion:
        """The script said, by its exit code, that it failed."""
        return cls("FAILED", "ScriptFailed", message, output, log)

    def fail(self, reason: str, message: str) -> None:
        """Make it a failure that may be tried again; output and log stay."""
        self.status, self.reason, self.message = "FAILED", reason, message

    def heed_output(self) -> None:
        """Make a script's failure terminal if its output has ``{"error": {"retryable": false}}``."""
        if self.reason != "ScriptFailed" or self.output is None or b"retryable" not in self.output:
            return
        from scriptrun_runner.strict_json import parse_strictly

        error = parse_strictly(self.output.decode()).get("error")
        if isinstance(error, dict) and error.get("retryable") is False:
            self.status = TERMINAL
