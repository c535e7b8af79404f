"""What to do with a run that has its Job: wait, stop it, or settle it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scriptrun.models.facts import INIT_RUNNING, NOT_STARTED, EventFacts, JobFacts, PodFacts, RunFacts, Snapshot
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import Attempt
from scriptrun.policies.faults import find_output_fault
from scriptrun.policies.obstacles import find_obstacle, judge_event, recall_obstacle, recall_refusal
from scriptrun.policies.quota import awaits_room
from scriptrun.policies.text import shorten
from scriptrun.policies.verdict import Verdict, Wait

__all__ = ["Settle", "check_output", "decide_lost_job", "decide_outcome", "has_run"]

_NO_POD = "waiting for the Job's pod"
_EARLIER_LIMIT = 1000
_LOOK_SECONDS = 2.0, 30.0
"""Between two looks for what is in the way of a pod: at first something may just take a moment."""


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
        return _decide_retry(run, job, attempts, event, now)
    return _decide_start(run, job, last, event, now)


def _judge_canceled(run: RunFacts, last: Attempt | None) -> Verdict:
    """Judge a run that was canceled, which may have been for what it waited for."""
    return Verdict(Reason.CANCELED, run.cancel_message + _describe_wait(run, last))


def _describe_wait(run: RunFacts, last: Attempt | None) -> str:
    obstacle = _find_last_obstacle(run, last, None)
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
    if obstacle := _find_last_obstacle(run, last, event):
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


def _decide_start(
    run: RunFacts, job: JobFacts, last: Attempt | None, event: EventFacts | None, now: datetime
) -> Settle | Wait:
    """Wait for the Job's pod, saying what for; give up on one that can't start."""
    since = last.pod.created if last else (job.started_at or job.created)
    look = _time_look(since, now)
    if last is None:
        obstacle = judge_event(event) or (recall_obstacle(run.status) if job.failing else None)
        if obstacle and awaits_room(event):
            return Wait(obstacle.reason, obstacle.message, look)
        return _decide_obstacle(job, None, obstacle, since, now) if obstacle else Wait("PodPending", _NO_POD, look)
    pod = last.pod
    obstacle = find_obstacle(pod)
    if pod.started_at is not None:
        return Wait("", "")
    if pod.deleting:
        return _keep_waiting(_find_last_obstacle(run, last, event))
    obstacle = obstacle or recall_refusal(run.status) or judge_event(event)
    if obstacle is None:
        told = f"{event.reason}: {event.message}" if event else ""
        return Wait("PodPending", f"pod {pod.name} is starting{_describe_init(pod) or (told and f': {told}')}", look)
    return _decide_obstacle(job, last, obstacle, since, now)


def _decide_obstacle(
    job: JobFacts, last: Attempt | None, obstacle: Verdict, since: datetime, now: datetime
) -> Settle | Wait:
    """Wait until an obstacle goes, at most for the start deadline."""
    deadline = job.snapshot.start_deadline_seconds
    left = (since + timedelta(seconds=deadline) - now).total_seconds()
    if left > 0:
        blocker = last.pod.blocker if last else None
        still_starting = blocker is not None and blocker.reason == NOT_STARTED
        again = left if last and find_obstacle(last.pod) else min(left, _time_look(since, now))
        return Wait("PodPending" if still_starting else obstacle.reason, obstacle.message, again)
    message = f"{obstacle.message} (startDeadlineSeconds {deadline} is over)"
    return Settle(Verdict(obstacle.reason, message), last, stop_job=True)


def _decide_retry(
    run: RunFacts, job: JobFacts, attempts: Sequence[Attempt], event: EventFacts | None, now: datetime
) -> Settle | Wait:
    """Wait for the pod of the next attempt, saying how the last one failed; give up when none can be made."""
    last = attempts[-1]
    if last.verdict is None or not _expects_retry(job, attempts, now):
        return _keep_waiting(_find_last_obstacle(run, last, event))
    said = f"attempt {last.number}: {last.verdict.reason}: {last.verdict.message}"
    ended = last.pod.finished_at or last.pod.created
    if obstacle := judge_event(event):
        refused = Verdict(obstacle.reason, f"{obstacle.message}\n{said}")
        if awaits_room(event):
            return Wait(refused.reason, refused.message, _time_look(ended, now))
        return _decide_obstacle(job, None, refused, max(ended, event.first_seen if event else ended), now)
    return Wait("Retrying", said, _time_look(ended, now))


def _keep_waiting(obstacle: Verdict | None) -> Wait:
    """Go on saying what a run waited for, until its Job has its end: what ends it then is recalled from its status."""
    return Wait(obstacle.reason, obstacle.message) if obstacle else Wait("", "")


def _time_look(since: datetime, now: datetime) -> float:
    soonest, latest = _LOOK_SECONDS
    return min(latest, max(soonest, (now - since).total_seconds() / 4))


def has_run(attempt: Attempt) -> bool:
    """Whether the script of an attempt was ever started."""
    return attempt.result is not None or attempt.pod.started_at is not None


def _find_last_obstacle(run: RunFacts, last: Attempt | None, event: EventFacts | None) -> Verdict | None:
    """Find what was in the way of a run's last attempt, as far as that is known by now."""
    if last is None:
        return recall_obstacle(run.status) or judge_event(event)
    if has_run(last):
        # That another pod could not be made is said of the time after this one had ended by itself.
        waits = last.verdict is not None and not last.pod.cut_short
        return (judge_event(event) or recall_obstacle(run.status)) if waits else None
    if last.verdict and not last.pod.cut_short:
        return last.verdict
    return find_obstacle(last.pod) or recall_obstacle(run.status) or judge_event(event)


def _describe_init(pod: PodFacts) -> str:
    blocker = pod.blocker
    return f': init container "{blocker.container}" runs' if blocker and blocker.reason == INIT_RUNNING else ""


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
