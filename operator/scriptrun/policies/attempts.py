"""What one attempt came to: from its pod and from what its runner said."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scriptrun.models.facts import INIT_FAILED, OutputFacts, PodFacts, ResultFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.verdict import Verdict
from scriptrun_runner.conclusion import FAILURES, TERMINAL
from scriptrun_runner.strict_json import cut_member

__all__ = ["Attempt", "judge_attempt", "parse_instant", "parse_result", "parse_termination_message"]

RUNNER_REASONS = {
    reason.value: reason
    for reason in (
        Reason.SCRIPT_FAILED,
        Reason.TIMEOUT,
        Reason.OUT_OF_MEMORY,
        Reason.INVALID_OUTPUT,
        Reason.OUTPUT_TOO_LARGE,
        Reason.OUTPUT_LOST,
        Reason.DIGEST_MISMATCH,
        Reason.DEPENDENCY_ERROR,
        Reason.INDEX_UNAVAILABLE,
    )
}
TERMINATED = "Terminated"
"""The runner's word for: I was told to stop before the script had ended. Whoever told it knows why."""

_SIGKILLED = 128 + 9
_NODE_LOST = {"DeletionByTaintManager", "DeletionByPodGC", "NodeLost", "NodeShutdown"}
_START_ERRORS = {"StartError", "ContainerCannotRun", "RunContainerError"}
_UNKNOWN_ENDS = {"ContainerStatusUnknown", "Unknown"}
_NOT_EXECUTED = (126, 127)
_STATUSES = ("COMPLETED", *FAILURES, "IN_PROGRESS")
_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt and, once that can be said, what it came to.

    ``verdict`` is None while it runs (or while only the Job can say why it was stopped); ``disrupted`` marks one that
    does not use up ``backoffLimit``.
    """

    number: int
    pod: PodFacts
    result: ResultFacts | None
    verdict: Verdict | None = None
    disrupted: bool = False

    @property
    def terminal(self) -> bool:
        """Whether trying again is of no use: the script failed and said so, or its lock can't be installed."""
        if self.verdict is not None and self.verdict.reason is Reason.DEPENDENCY_ERROR:
            return True
        said = self.result is not None and self.result.status == TERMINAL
        return said and self.verdict is not None and self.verdict.reason is Reason.SCRIPT_FAILED


def parse_instant(text: object) -> datetime | None:
    """Parse an RFC 3339 instant into an aware UTC datetime; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.astimezone(UTC) if parsed.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _read_number(value: object, largest: int) -> int | None:
    """Read a number from 0 up; True is none, though Python says so."""
    return value if type(value) is int and 0 <= value <= largest else None


def _read_text(value: object, limit: int) -> str:
    """Read a text, without what can't be written as UTF-8."""
    return value[:limit].encode(errors="replace").decode() if isinstance(value, str) else ""


def parse_result(document: object, output: OutputFacts | None) -> ResultFacts | None:
    """Read the runner's ``result.json``; None when it is none. A script may have forged it: every field is checked."""
    if not isinstance(document, dict) or document.get("status") not in _STATUSES:
        return None
    size = _read_number(document.get("outputBytes"), _LARGEST) or 0
    return ResultFacts(
        status=document["status"],
        exit_code=_read_number(document.get("exitCode"), 255),
        reason=_read_text(document.get("reason"), 64),
        message=_read_text(document.get("message"), 2048),
        started_at=parse_instant(document.get("startedAt")),
        finished_at=parse_instant(document.get("finishedAt")),
        output=output,
        output_bytes=len(output.raw) if output else size,
    )


def parse_termination_message(message: str) -> ResultFacts | None:
    """Read the result a runner left in its termination message, with the output when it was small enough."""
    try:
        document: Any = json.loads(message)
        # Where the runner left nothing, the kubelet takes the end of the log, and a script may have printed anything.
        if not isinstance(document, dict) or document.get("schema") != 1:
            return None
        output = None
        if "output" in document:
            output = OutputFacts(_cut_output(message, document).encode(errors="surrogatepass"))
    except (ValueError, RecursionError):
        return None
    return parse_result(document, output)


def _cut_output(message: str, document: dict[str, Any]) -> str:
    """Cut the output out of a termination message, as the script wrote it."""
    try:
        return cut_member(message, "output") or ""
    except ValueError:
        # Python reads more than JSON allows (NaN). What of it can't be kept is said when the output is checked.
        return json.dumps(document["output"], ensure_ascii=False, separators=(",", ":"))


def _judge_result(result: ResultFacts) -> Verdict | None:
    """Judge what the runner said; None when it was stopped from outside and can't know why."""
    if result.status in ("COMPLETED", "IN_PROGRESS"):
        if result.output is None and result.output_bytes:
            return Verdict(Reason.OUTPUT_LOST, "the script ended well, but its output ConfigMap is not there")
        said = "the script says the task is still in progress" if result.status == "IN_PROGRESS" else ""
        return Verdict(Reason.COMPLETED, result.message or said)
    if result.reason == TERMINATED:
        return None
    reason = RUNNER_REASONS.get(result.reason, Reason.SCRIPT_FAILED)
    return Verdict(reason, result.message or f"exit code {result.exit_code}")


def _judge_pod(pod: PodFacts, result: ResultFacts | None) -> Verdict | None:
    """Judge a pod whose runner said nothing final; None while its script runs, whatever runs beside it."""
    if not pod.script_ended:
        return None
    if pod.disruption_reason:
        reason = Reason.NODE_LOST if pod.disruption_reason in _NODE_LOST else Reason.EVICTED
        return Verdict(reason, pod.disruption_message or f"pod {pod.name}: {pod.disruption_reason}")
    if pod.status_reason == "Evicted":
        # For more than the pod's own limit of ephemeral storage, or for what its node lacked.
        return Verdict(Reason.EVICTED, f"pod {pod.name} was evicted: {pod.status_message or 'no more is known'}")
    if pod.termination_reason == "OOMKilled":
        return Verdict(Reason.OUT_OF_MEMORY, f"pod {pod.name} was killed for using more memory than it may")
    if pod.termination_reason in _START_ERRORS:
        said = pod.termination_message or pod.termination_reason
        return Verdict(Reason.IMAGE_ERROR, f"the container could not be started: {said}")
    if pod.recorded_reason:
        return Verdict(Reason(pod.recorded_reason), f"pod {pod.name} is gone; no more is known of its end")
    if pod.cut_short:
        when = "while the script ran" if pod.started_at else "before the script had started"
        return Verdict(Reason.EVICTED, f"pod {pod.name} was deleted {when}")
    if pod.blocker and pod.blocker.reason == INIT_FAILED:
        said = f'init container "{pod.blocker.container}" failed, so the script did not start: {pod.blocker.message}'
        return Verdict(Reason.SIDECAR_FAILED, said)
    return _judge_exit(pod, result)


def _judge_exit(pod: PodFacts, result: ResultFacts | None) -> Verdict:
    """Judge a pod by the exit code of the script's container alone."""
    if pod.exit_code == 0 or pod.phase == "Succeeded":
        return Verdict(Reason.OUTPUT_LOST, f"pod {pod.name} ended well, but its output ConfigMap is not there")
    if result is not None:
        return Verdict(Reason.EVICTED, result.message or f"pod {pod.name} was told to stop")
    if pod.exit_code is None and pod.status_reason:
        # The kubelet did not take it in: the node has less room than the scheduler thought, or other rules.
        said = f"{pod.status_reason}: {pod.status_message}".rstrip(": ")
        return Verdict(Reason.UNSCHEDULABLE, f"the node did not take pod {pod.name}: {said}")
    said = pod.termination_message.strip()
    if "exec format error" in said or pod.exit_code in _NOT_EXECUTED:
        # The runner hands the script's exit code on and leaves a result with it. Without one, it never ran itself.
        hint = ": the image is made for another architecture than the node's" if "exec format error" in said else ""
        text = f"the runner could not be executed in this image (exit code {pod.exit_code}){hint}"
        return Verdict(Reason.IMAGE_ERROR, f"{text}\n{said}".rstrip())
    if pod.termination_reason in _UNKNOWN_ENDS:
        text = f"the node lost the container, and with it how the script ended ({pod.termination_reason})"
        return Verdict(Reason.NODE_LOST, f"{text}\n{said}".rstrip())
    text = f"the container ended with exit code {pod.exit_code} ({pod.termination_reason or 'no more is known'})"
    return Verdict(Reason.SCRIPT_FAILED, f"{text}\n{said}".rstrip())


def judge_attempt(number: int, pod: PodFacts, written: ResultFacts | None) -> Attempt:
    """Judge one attempt.

    Args:
        number: 1 for the first.
        pod: its pod.
        written: the result in its output ConfigMap, if that is there.
    """
    result = written or parse_termination_message(pod.termination_message)
    sigkilled = result is not None and result.exit_code == _SIGKILLED and result.reason == Reason.SCRIPT_FAILED
    if sigkilled and not pod.ended and not pod.termination_reason:
        return Attempt(number, pod, result)  # whether it was for its memory, the kubelet says a second later
    oom = sigkilled and pod.termination_reason == "OOMKilled"
    verdict = _judge_result(result) if result and not oom else None
    verdict = verdict or _judge_pod(pod, result)
    if verdict and verdict.reason is Reason.COMPLETED:
        return Attempt(number, pod, result, verdict)
    disrupted = bool(pod.disruption_reason) and (verdict is not None or pod.ended)
    return Attempt(number, pod, result, verdict, disrupted)
