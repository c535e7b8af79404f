"""What to do with a run that has its Job: wait, stop it, or settle it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scriptrun.models.facts import INIT_RUNNING, NOT_STARTED, JobFacts, PodFacts, RunFacts, Snapshot
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import Attempt
from scriptrun.policies.faults import find_output_fault
from scriptrun.policies.verdict import Verdict, Wait

__all__ = ["Settle", "check_output", "decide_lost_job", "decide_outcome"]

_IMAGE_REASONS = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "CreateContainerError",
}
_CONFIG_REASONS = {"CreateContainerConfigError"}
_HINT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Settle:
    """The run is over: why, by which attempt, and whether its Job must be stopped first."""

    verdict: Verdict
    attempt: Attempt | None = None
    stop_job: bool = False


def decide_outcome(run: RunFacts, job: JobFacts, attempts: Sequence[Attempt], now: datetime) -> Settle | Wait:
    """Decide what a run with a Job comes to.

    Args:
        run: the run.
        job: its Job.
        attempts: in the order their pods were made.
        now: aware UTC.
    """
    last, limits = attempts[-1] if attempts else None, job.snapshot
    for attempt in attempts:
        if attempt.verdict and attempt.verdict.reason is Reason.COMPLETED:
            # The Job may have replaced its pod already: a container beside the script's failed, or the node was lost.
            return Settle(attempt.verdict, attempt, stop_job=any(_is_later(other, attempt) for other in attempts))
    if job.stopped_reason:
        return Settle(Verdict(Reason(job.stopped_reason), job.stopped_message), last)
    if run.cancel:
        return Settle(Verdict(Reason.CANCELED, run.cancel_message), last, stop_job=not job.failed)
    if job.failed or (job.failing and attempts and not any(map(_is_at_work, attempts))):
        return Settle(_judge_failed_job(job, last, limits), last)
    if job.complete:
        return _settle_complete(last)
    if last is not None and last.verdict is not None and _is_final(attempts, limits):
        return Settle(last.verdict, last)
    if job.suspended:
        return Wait("Suspended", "somebody suspended the Job: the run goes on once its spec.suspend is false again")
    if last is not None and last.verdict is not None:
        said = f"attempt {last.number}: {last.verdict.reason}: {last.verdict.message}"
        return Wait("Retrying", said) if _expects_retry(job, attempts, now) else Wait("", "")
    return _decide_start(last, limits, now)


def _is_at_work(attempt: Attempt) -> bool:
    """Whether the script of an attempt runs; the kubelet is silent on its end while other containers are stopping."""
    return attempt.result is None and not attempt.pod.script_ended


def _is_later(other: Attempt, attempt: Attempt) -> bool:
    """Whether another attempt was made after one, and may be at work."""
    return other.number > attempt.number and not other.pod.ended


def _is_final(attempts: Sequence[Attempt], limits: Snapshot) -> bool:
    """Whether no retry follows: the Job controller will say the same a second or two later."""
    if any(attempt.verdict is None for attempt in attempts):
        return False
    if not limits.retry_disrupted and attempts[-1].disrupted:
        return True
    # With no other container this pod would make the Job complete; with others it never does.
    last = attempts[-1].pod
    if last.exit_code == 0 and not (last.alone or last.deleting or last.gone):
        return True
    # An attempt ended from outside may yet turn out to be a disruption; the Job's own word is awaited then.
    if attempts[-1].verdict and attempts[-1].verdict.reason in (Reason.EVICTED, Reason.NODE_LOST):
        return False
    # Of a pod that went while nobody looked nobody knows whether it counts.
    if attempts[-1].pod.recorded_reason:
        return False
    return _count_failures(attempts) > limits.backoff_limit


def _count_failures(attempts: Sequence[Attempt]) -> int:
    """Count the attempts that use up ``backoffLimit``, all of which have ended."""
    before = attempts[-1].pod.failed_before
    if before is None:
        before = sum(not attempt.disrupted for attempt in attempts[:-1])
    return before + (not attempts[-1].disrupted)


def _expects_retry(job: JobFacts, attempts: Sequence[Attempt], now: datetime) -> bool:
    """Whether the Job controller may be expected to make another pod; if not, its word on the Job's end is near.

    A deadline that passes ends the pod first: its attempt has failed before the Job has.
    """
    limits = job.snapshot
    if job.failing or _count_failures(attempts) > limits.backoff_limit:
        return False
    if job.started_at is None or not limits.active_deadline_seconds:
        return True
    return now < job.started_at + timedelta(seconds=limits.active_deadline_seconds)


def _judge_failed_job(job: JobFacts, last: Attempt | None, limits: Snapshot) -> Verdict:
    if job.failure_reason == "DeadlineExceeded":
        tail = last.result.message if last and last.result else ""
        text = f"the run took longer than activeDeadlineSeconds ({limits.active_deadline_seconds} s)"
        return Verdict(Reason.TIMEOUT, f"{text}\n{tail}".rstrip())
    if last is not None and last.verdict is not None:
        return last.verdict
    return Verdict(Reason.OUTPUT_LOST, f"Job {job.key[1]} failed ({job.failure_reason}): {job.failure_message}")


def _settle_complete(last: Attempt | None) -> Settle:
    if last is not None and last.verdict is not None:
        return Settle(last.verdict, last)
    return Settle(Verdict(Reason.OUTPUT_LOST, "the Job is complete, but its pod and output are not there"), last)


def _decide_start(last: Attempt | None, limits: Snapshot, now: datetime) -> Settle | Wait:
    """Wait for the Job's pod, saying what for; give up on one that can't start."""
    if last is None:
        return Wait("PodPending", "waiting for the Job's pod", _HINT_SECONDS)
    pod = last.pod
    if pod.started_at is not None or pod.deleting:
        return Wait("", "")
    obstacle = _find_obstacle(pod)
    if obstacle is None:
        return Wait("PodPending", f"pod {pod.name} is starting{_describe_init(pod)}")
    left = (pod.created + timedelta(seconds=limits.start_deadline_seconds) - now).total_seconds()
    if left > 0:
        still_starting = pod.blocker is not None and pod.blocker.reason == NOT_STARTED
        return Wait("PodPending" if still_starting else obstacle.reason, obstacle.message, left)
    message = f"{obstacle.message} (startDeadlineSeconds {limits.start_deadline_seconds} is over)"
    return Settle(Verdict(obstacle.reason, message), last, stop_job=True)


def _describe_init(pod: PodFacts) -> str:
    blocker = pod.blocker
    return f': init container "{blocker.container}" runs' if blocker and blocker.reason == INIT_RUNNING else ""


def _find_obstacle(pod: PodFacts) -> Verdict | None:
    """Find what keeps a pod's script from starting, and may do so for ever."""
    if pod.scheduling_message:
        return Verdict(Reason.UNSCHEDULABLE, pod.scheduling_message)
    blocker = pod.blocker
    if blocker is None or blocker.reason == INIT_RUNNING:
        return None
    said = f"{blocker.reason}: {blocker.message}"
    if blocker.container:
        # Whoever added it knows of its ConfigMaps and Secrets; neither the script's author nor the caller does.
        reason = Reason.IMAGE_ERROR if blocker.reason in _IMAGE_REASONS else Reason.SIDECAR_FAILED
        return Verdict(reason, f'container "{blocker.container}": {said}')
    if blocker.reason in _IMAGE_REASONS:
        return Verdict(Reason.IMAGE_ERROR, said)
    if blocker.reason in _CONFIG_REASONS:
        return Verdict(Reason.SOURCE_MISSING, said)
    return None


def decide_lost_job(run: RunFacts, attempts: Sequence[Attempt]) -> Settle:
    """Decide what a run comes to whose Job is gone."""
    for attempt in attempts:
        if attempt.verdict and attempt.verdict.reason is Reason.COMPLETED:
            return Settle(attempt.verdict, attempt)
    last = attempts[-1] if attempts else None
    if run.cancel:
        return Settle(Verdict(Reason.CANCELED, run.cancel_message), last)
    return Settle(Verdict(Reason.OUTPUT_LOST, f'Job "{run.key[1]}" was deleted before the run had ended'), last)


def check_output(raw: bytes, schema: dict[str, Any], *, inline: bool) -> Verdict | None:
    """Check an output: that it is JSON, and matches the schema its Script asked for when the run started.

    Args:
        raw: the output.
        schema: the Script's outputSchema.
        inline: the status is the only place it can be in, so that has to keep it as it is.
    """
    wrong = find_output_fault(raw, schema, inline)
    return Verdict(Reason.INVALID_OUTPUT, wrong) if wrong else None
