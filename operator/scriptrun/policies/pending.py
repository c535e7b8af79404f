"""What a run with a Job waits for: the start of its pod, or its next attempt; and how long."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from scriptrun.models.facts import INIT_RUNNING, NOT_STARTED, EventFacts, JobFacts, PodFacts, RunFacts
from scriptrun.policies.attempts import Attempt
from scriptrun.policies.obstacles import find_obstacle, judge_event, recall_obstacle, recall_refusal
from scriptrun.policies.quota import awaits_room
from scriptrun.policies.verdict import Verdict, Wait

__all__ = ["count_failures", "decide_retry", "decide_start", "find_last_obstacle", "has_run"]

_NO_POD = "waiting for the Job's pod"
_LOOK_SECONDS = 2.0, 30.0
"""Between two looks for what is in the way of a pod: at first something may just take a moment."""


def decide_start(
    run: RunFacts, job: JobFacts, last: Attempt | None, event: EventFacts | None, now: datetime
) -> Verdict | Wait:
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
        return _keep_waiting(find_last_obstacle(run, last, event))
    obstacle = obstacle or recall_refusal(run.status) or judge_event(event)
    if obstacle is None:
        told = f"{event.reason}: {event.message}" if event else ""
        return Wait("PodPending", f"pod {pod.name} is starting{_describe_init(pod) or (told and f': {told}')}", look)
    return _decide_obstacle(job, last, obstacle, since, now)


def decide_retry(
    run: RunFacts, job: JobFacts, attempts: Sequence[Attempt], event: EventFacts | None, now: datetime
) -> Verdict | Wait:
    """Wait for the pod of the next attempt, saying how the last one failed; give up when none can be made."""
    last = attempts[-1]
    if last.verdict is None or not _expects_retry(job, attempts, now):
        return _keep_waiting(find_last_obstacle(run, last, event))
    said = f"attempt {last.number}: {last.verdict.reason}: {last.verdict.message}"
    ended = last.pod.finished_at or last.pod.created
    if obstacle := judge_event(event):
        refused = Verdict(obstacle.reason, f"{obstacle.message}\n{said}")
        if awaits_room(event):
            return Wait(refused.reason, refused.message, _time_look(ended, now))
        return _decide_obstacle(job, None, refused, max(ended, event.first_seen if event else ended), now)
    return Wait("Retrying", said, _time_look(ended, now))


def _decide_obstacle(
    job: JobFacts, last: Attempt | None, obstacle: Verdict, since: datetime, now: datetime
) -> Verdict | Wait:
    """Wait until an obstacle goes, at most for the start deadline."""
    deadline = job.snapshot.start_deadline_seconds
    left = (since + timedelta(seconds=deadline) - now).total_seconds()
    if left > 0:
        blocker = last.pod.blocker if last else None
        still_starting = blocker is not None and blocker.reason == NOT_STARTED
        again = left if last and find_obstacle(last.pod) else min(left, _time_look(since, now))
        return Wait("PodPending" if still_starting else obstacle.reason, obstacle.message, again)
    message = f"{obstacle.message} (startDeadlineSeconds {deadline} is over)"
    return Verdict(obstacle.reason, message)


def _keep_waiting(obstacle: Verdict | None) -> Wait:
    """Go on saying what a run waited for, until its Job has its end: what ends it then is recalled from its status."""
    return Wait(obstacle.reason, obstacle.message) if obstacle else Wait("", "")


def _time_look(since: datetime, now: datetime) -> float:
    soonest, latest = _LOOK_SECONDS
    return min(latest, max(soonest, (now - since).total_seconds() / 4))


def has_run(attempt: Attempt) -> bool:
    """Whether the script of an attempt was ever started."""
    return attempt.result is not None or attempt.pod.started_at is not None


def count_failures(attempts: Sequence[Attempt]) -> int:
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
    if job.failing or count_failures(attempts) > limits.backoff_limit:
        return False
    if job.started_at is None or not limits.active_deadline_seconds:
        return True
    return now < job.started_at + timedelta(seconds=limits.active_deadline_seconds)


def find_last_obstacle(run: RunFacts, last: Attempt | None, event: EventFacts | None) -> Verdict | None:
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
