"""Asks for the Events that say what no status says: why a Job has no pod, and what a pod waits for on its node.

The API server looks through all Events of a namespace for each question. So a run asks at growing intervals, all runs
together a few times a second at most after a first few, and the last answer holds meanwhile.
"""

from datetime import datetime, timedelta

from scriptrun.controller.cache import Cache
from scriptrun.controller.observe import observe_event
from scriptrun.controller.run_state import Explanation
from scriptrun.kube.client import Client
from scriptrun.kube.resources import EVENTS
from scriptrun.models.facts import EventFacts, JobFacts, RunFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import Attempt
from scriptrun.policies.obstacles import find_obstacle
from scriptrun.policies.outcome import Settle
from scriptrun.policies.pending import has_run
from scriptrun.policies.verdict import Wait

__all__ = ["Explainer", "is_unexplained"]

_QUIET_SECONDS = 3.0
_PAGE = "100"
_SPACING, _BURST = timedelta(milliseconds=200), timedelta(seconds=4)
_PAUSE_SECONDS = 1.5, 25.0
"""Between two questions about one run. Shorter than from one look at it to the next, which so asks anew."""


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
    if last is not None and last.verdict is None and (has_run(last) or last.pod.deleting or find_obstacle(last.pod)):
        return False
    return (now - _quiet_since(job, last)).total_seconds() > _QUIET_SECONDS


def _quiet_since(job: JobFacts, last: Attempt | None) -> datetime:
    if last is None:
        return job.started_at or job.created
    ended = last.pod.finished_at if last.verdict else None
    return ended or last.pod.created


class Explainer:
    """Asks for Events.

    Args:
        client: to the API server.
        cache: keeps the answers for as long as the runs go on.
    """

    def __init__(self, client: Client, cache: Cache) -> None:
        self._client = client
        self._cache = cache
        self._free_at: datetime | None = None

    async def explain(self, run: RunFacts, job: JobFacts, last: Attempt | None, now: datetime) -> EventFacts | None:
        """Find the latest Event that may say why no script starts; None when none is known.

        Args:
            run: the run.
            job: its Job.
            last: its last attempt.
            now: aware UTC.
        """
        about_job = last is None or last.verdict is not None
        subject = job.uid if about_job or last is None else last.pod.uid
        if not subject:
            return None  # of a pod that went while nobody looked only the name is known
        state = self._cache.state_of(run)
        known = state.explanation
        known = known if known and known.subject == subject else None
        waited = (now - _quiet_since(job, last)).total_seconds()
        if self._may_ask(known, waited, now):
            self._free_at = max(self._free_at or now - _BURST, now - _BURST) + _SPACING
            selector = f"involvedObject.uid={subject}" + (",reason=FailedCreate" if about_job else "")
            known = Explanation(subject, now, await self._find_latest(run.key[0], selector))
            state.explain(known)
        event = known.event if known else None
        ended = _quiet_since(job, last) if last and about_job else None
        return None if event and ended and event.last_seen < ended else event

    def _may_ask(self, known: Explanation | None, waited_seconds: float, now: datetime) -> bool:
        if self._free_at is not None and now < self._free_at:
            return False
        soonest, latest = _PAUSE_SECONDS
        pause = min(latest, max(soonest, waited_seconds / 5))
        return known is None or (now - known.asked_at).total_seconds() >= pause

    async def _find_latest(self, namespace: str, selector: str) -> EventFacts | None:
        listed = await self._client.list(EVENTS, namespace, fieldSelector=selector, limit=_PAGE)
        events = [observe_event(item) for item in listed.get("items") or ()]
        return max(events, key=lambda event: event.last_seen, default=None)
