"""What a contract makes of a script's end."""

from __future__ import annotations

__all__ = ["Conclusion"]


class Conclusion:
    """What an attempt came to.

    Attributes:
        status: COMPLETED, FAILED or IN_PROGRESS.
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
        """Make it a failure; output and log stay."""
        self.status, self.reason, self.message = "FAILED", reason, message
