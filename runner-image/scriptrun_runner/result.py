"""The result of an attempt, and its two written forms."""

from __future__ import annotations

import json
import time

from scriptrun_runner.conclusion import FAILURES
from scriptrun_runner.lean import make_sha256
from scriptrun_runner.tail import cut_front

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scriptrun_runner.conclusion import Conclusion

__all__ = [
    "TERMINATION_MESSAGE_BYTES",
    "Result",
    "build_message",
    "build_termination_message",
    "cut_end",
    "fit_termination_message",
]

TERMINATION_MESSAGE_BYTES = 4096
"""What the kubelet reads of a termination message."""
_MESSAGE_BYTES = 2048


class Result:
    """How an attempt ended.

    Attributes:
        status: COMPLETED, FAILED, FAILED_WITH_TERMINAL_ERROR or IN_PROGRESS.
        exit_code: the script's; 128 + N when signal N ended it.
        reason: "", ScriptFailed, Timeout, InvalidOutput, OutputTooLarge, Terminated, DependencyError or
            IndexUnavailable.
        message: what went wrong and the end of stderr; at most 2 KiB as UTF-8.
        output: a JSON object, byte for byte as the script gave it; None when there is none.
        log: the end of what the script wrote for people; at most 64 KiB as UTF-8.
        started_at: seconds since the epoch.
        finished_at: seconds since the epoch.
    """

    __slots__ = ("exit_code", "finished_at", "log", "message", "output", "reason", "started_at", "status")

    def __init__(self, conclusion: Conclusion, exit_code: int, started_at: float, log: str = "") -> None:
        """Take over what the contract found; `finished_at` is now."""
        self.status = conclusion.status
        self.exit_code = exit_code
        self.reason = conclusion.reason
        self.message = cut_end(conclusion.message, _MESSAGE_BYTES)
        self.output = conclusion.output
        self.log = log
        self.started_at = started_at
        self.finished_at = time.time()

    @property
    def runner_exit_code(self) -> int:
        """What the pod exits with: the script's code; 1 when a script with code 0 failed all the same."""
        return self.exit_code or (1 if self.status in FAILURES else 0)

    def note(self, text: str) -> None:
        """Put `text` in front of the message."""
        self.message = cut_end(f"{text}\n{self.message}".rstrip(), _MESSAGE_BYTES)

    def document(self) -> dict[str, Any]:
        """Build `result.json`."""
        return {
            "schema": 1,
            "status": self.status,
            "exitCode": self.exit_code,
            "reason": self.reason,
            "message": self.message,
            "startedAt": _format_time(self.started_at),
            "finishedAt": _format_time(self.finished_at),
            "outputBytes": len(self.output or b""),
            "outputSha256": "" if self.output is None else make_sha256(self.output).hexdigest(),
        }


def build_message(head: str, stderr: str) -> str:
    """Join what happened and the end of stderr, at most 2 KiB as UTF-8."""
    head = cut_end(head, _MESSAGE_BYTES)
    room = _MESSAGE_BYTES - len(head.encode()) - 1
    tail = stderr.strip()
    if room <= 0 or not tail:
        return head
    if len(tail.encode()) > room:
        tail = "…" + cut_front(tail, room - len("…".encode()))
    return f"{head}\n{tail}"


def build_termination_message(result: Result) -> bytes:
    """Build the result as a termination message: with `output` when there is room for it, else without.

    The output stands in it as the script wrote it. The message loses its end when even that is too long.
    """
    whole = _embed_output(result)
    if len(whole) <= TERMINATION_MESSAGE_BYTES:
        return whole
    document = result.document()
    text = _dump(document)
    while len(text) > TERMINATION_MESSAGE_BYTES:
        document["message"] = cut_end(document["message"], len(document["message"].encode()) * 3 // 4)
        text = _dump(document)
    return text


def fit_termination_message(result: Result) -> Result:
    """Refuse an output that the termination message, its only way out, has no room for."""
    size = len(_embed_output(result))
    if result.output is not None and size > TERMINATION_MESSAGE_BYTES:
        limit = TERMINATION_MESSAGE_BYTES - size + len(result.output)
        result.note(
            f"output has {len(result.output):,} bytes; a termination message has room for {max(limit, 0):,} bytes"
            " here: write less, or set the Script's output.transport to ConfigMap"
        )
        result.reason, result.output = result.reason or "OutputTooLarge", None
        result.status = result.status if result.status in FAILURES else "FAILED"
    return result


def _embed_output(result: Result) -> bytes:
    text = _dump(result.document())
    return text if result.output is None else text[:-1] + b',"output":' + result.output + b"}"


def cut_end(text: str, limit_bytes: int) -> str:
    """Keep the beginning of `text`: at most `limit_bytes` as UTF-8, with a mark where it was cut."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit_bytes:
        return data.decode()
    mark = "…".encode()
    return (data[: limit_bytes - len(mark)]).decode("utf-8", "ignore") + mark.decode()


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _format_time(seconds: float) -> str:
    milliseconds = int(seconds * 1000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{whole}.{milliseconds % 1000:03d}Z"
