"""What to do with a run that has its Job: wait, stop it, or settle it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scriptrun.models.facts import EventFacts, JobFacts, RunFacts, Snapshot
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import Attempt
from scriptrun.policies.faults import find_output_fault
from scriptrun.policies.pending import count_failures, decide_retry, decide_start, find_last_obstacle, has_run
from scriptrun.policies.text import shorten
from scriptrun.policies.verdict import Verdict, Wait

__all__ = ["Settle", "check_output", "decide_lost_job", "decide_outcome"]

_EARLIER_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Settle:
    """The run is over: why, by which attempt, and whether its Job must be stopped first."""

    verdict: Verdict
    attempt: Attempt | None = None
    stop_job: bool = False


def decide_outcome(
    run: RunFacts, job: JobFacts, attempts: Sequence[Attempt], now: datetime, event: EventFacts | None = None
) -> Settle | Wait:
    """Decide what a run with a Job comes to.

    Args:
        run: the run.
        job: its Job.
        attempts: in the order their pods were made.
        now: aware UTC.
        event: the last one that says why there is no pod, or why it does not start; None when it was not asked for.
    """
    last, limits = attempts[-1] if attempts else None, job.snapshot
    for attempt in attempts:
        if attempt.verdict and attempt.verdict.reason is Reason.COMPLETED:
            # The Job may have replaced its pod already: a container beside the script's failed, or the node was lost.
            return Settle(attempt.verdict, attempt, stop_job=any(_is_later(other, attempt) for other in attempts))
    if job.stopped_reason:
        return Settle(Verdict(Reason(job.stopped_reason), job.stopped_message), last)
    if run.cancel:
        return Settle(_judge_canceled(run, last), last, stop_job=not job.failed)
    if job.failed or (job.failing and attempts and not any(map(_is_at_work, attempts))):
        return Settle(_judge_failed_job(run, job, attempts, event), last)
    if job.complete:
        return _settle_complete(last)
    for attempt in attempts:
        if attempt.verdict and attempt.terminal:
            return Settle(attempt.verdict, attempt, stop_job=not _is_final(attempts, limits))
    if last is not None and last.verdict is not None and _is_final(attempts, limits):
        return Settle(last.verdict, last)
    if job.suspended:
        return Wait("Suspended", "somebody suspended the Job: the run goes on once its spec.suspend is false again")
    if last is not None and last.verdict is not None:
        waits = decide_retry(run, job, attempts, event, now)
        return waits if isinstance(waits, Wait) else Settle(waits, stop_job=True)
    waits = decide_start(run, job, last, event, now)
    return waits if isinstance(waits, Wait) else Settle(waits, last, stop_job=True)


def _judge_canceled(run: RunFacts, last: Attempt | None) -> Verdict:
    """Judge a run that was canceled, which may have been for what it waited for."""
    return Verdict(Reason.CANCELED, run.cancel_message + _describe_wait(run, last))


def _describe_wait(run: RunFacts, last: Attempt | None) -> str:
    obstacle = find_last_obstacle(run, last, None)
    return f"; it had waited for its start: {obstacle.message}" if obstacle else ""


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
    return count_failures(attempts) > limits.backoff_limit


def _judge_failed_job(run: RunFacts, job: JobFacts, attempts: Sequence[Attempt], event: EventFacts | None) -> Verdict:
    last = attempts[-1] if attempts else None
    if job.failure_reason == "DeadlineExceeded":
        return _judge_deadline(run, job.snapshot, attempts, event)
    if last is not None and last.verdict is not None:
        return last.verdict
    said = f"Job {job.key[1]} failed ({job.failure_reason}): {job.failure_message}"
    return Verdict(Reason.OUTPUT_LOST, said)


def _judge_deadline(run: RunFacts, limits: Snapshot, attempts: Sequence[Attempt], event: EventFacts | None) -> Verdict:
    """Judge a run whose time is over: by what was in the way of its script, if that did not even start."""
    last = attempts[-1] if attempts else None
    over = f"activeDeadlineSeconds ({limits.active_deadline_seconds} s)"
    earlier = _describe_earlier(attempts)
    if obstacle := find_last_obstacle(run, last, event):
        return Verdict(obstacle.reason, f"{obstacle.message}\n{over} is over, and the script had not started{earlier}")
    if last is None or not has_run(last):
        waited = str(run.status.get("message") or "")
        return Verdict(
            Reason.TIMEOUT,
            f"the run took longer than {over}, and the script had not started\n{waited}{earlier}".rstrip(),
        )
    tail = last.result.message if last.result else ""
    if not tail and last.verdict and not last.pod.cut_short:
        tail = f"attempt {last.number}: {last.verdict.reason}: {last.verdict.message}"
    return Verdict(Reason.TIMEOUT, f"the run took longer than {over}\n{tail}".rstrip() + earlier)


def _describe_earlier(attempts: Sequence[Attempt]) -> str:
    """Tell how the attempt before the last one failed."""
    before = next((attempt for attempt in reversed(attempts[:-1]) if attempt.verdict), None)
    if before is None or before.verdict is None:
        return ""
    return f"\nattempt {before.number}: {before.verdict.reason}: {shorten(before.verdict.message, _EARLIER_LIMIT)}"


def _settle_complete(last: Attempt | None) -> Settle:
    if last is not None and last.verdict is not None:
        return Settle(last.verdict, last)
    return Settle(Verdict(Reason.OUTPUT_LOST, "the Job is complete, but its pod and output are not there"), last)


def decide_lost_job(run: RunFacts, attempts: Sequence[Attempt]) -> Settle:
    """Decide what a run comes to whose Job is gone."""
    for attempt in attempts:
        if attempt.verdict and attempt.verdict.reason is Reason.COMPLETED:
            return Settle(attempt.verdict, attempt)
    last = attempts[-1] if attempts else None
    if run.cancel:
        return Settle(_judge_canceled(run, last), last)
    said = f'Job "{run.key[1]}" was deleted before the run had ended{_describe_wait(run, last)}'
    return Settle(Verdict(Reason.OUTPUT_LOST, said), last)


def check_output(raw: bytes, schema: dict[str, Any], *, inline: bool) -> Verdict | None:
    """Check an output: that it is JSON, and matches the schema its Script asked for when the run started.

    Args:
        raw: the output.
        schema: the Script's outputSchema.
        inline: the status is the only place it can be in, so that has to keep it as it is.
    """
    wrong = find_output_fault(raw, schema, inline)
    return Verdict(Reason.INVALID_OUTPUT, wrong) if wrong else None
