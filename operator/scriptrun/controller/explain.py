"""Asks for the Events that say what no status says: why a Job has no pod, and what a pod waits for on its node."""

from datetime import datetime

from scriptrun.controller.observe import observe_event
from scriptrun.kube.client import Client
from scriptrun.kube.resources import EVENTS
from scriptrun.models.facts import EventFacts, JobFacts, RunFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import Attempt
from scriptrun.policies.obstacles import find_obstacle
from scriptrun.policies.outcome import Settle, has_run
from scriptrun.policies.verdict import Wait

__all__ = ["ask_events", "is_unexplained"]

_QUIET_SECONDS = 3.0
_PAGE = "100"


def is_unexplained(decision: Settle | Wait, job: JobFacts, last: Attempt | None, now: datetime) -> bool:
    """Whether a run waits, or has ended, without anything that runs and without a word on why.

    Args:
        decision: what would be done without the Events.
        job: the run's.
        last: its last attempt.
        now: aware UTC.
    """
    if isinstance(decision, Settle):
        return decision.verdict.reason is Reason.TIMEOUT and not (last and has_run(last))
    if job.suspended or job.failing:
        return False
    if last is None:
        since = job.started_at or job.created
    elif last.verdict is not None:
        since = last.pod.finished_at or last.pod.created
    elif has_run(last) or last.pod.deleting or find_obstacle(last.pod):
        return False
    else:
        since = last.pod.created
    return (now - since).total_seconds() > _QUIET_SECONDS


async def ask_events(client: Client, run: RunFacts, job: JobFacts, last: Attempt | None) -> EventFacts | None:
    """Ask for the latest Event that may say why no script starts; None when there is none.

    Args:
        client: to the API server.
        run: the run.
        job: its Job.
        last: its last attempt.
    """
    if last is None or last.verdict is not None:
        event = await _find_latest(client, run.key[0], f"involvedObject.uid={job.uid},reason=FailedCreate")
        ended = last and (last.pod.finished_at or last.pod.created)
        return None if event and ended and event.last_seen < ended else event
    return await _find_latest(client, run.key[0], f"involvedObject.uid={last.pod.uid}") if last.pod.uid else None


async def _find_latest(client: Client, namespace: str, selector: str) -> EventFacts | None:
    listed = await client.list(EVENTS, namespace, fieldSelector=selector, limit=_PAGE)
    events = [observe_event(item) for item in listed.get("items") or ()]
    return max(events, key=lambda event: event.last_seen, default=None)
