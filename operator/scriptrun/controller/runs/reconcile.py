"""Reconcile one run: gather, decide, act, one status patch. Safe to repeat; nothing depends on having seen an event."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from scriptrun import metrics
from scriptrun.controller.cache import Cache
from scriptrun.controller.informer import WorkItem
from scriptrun.controller.runs.job_observer import JobObserver
from scriptrun.controller.runs.start import RunStarter
from scriptrun.controller.runs.writer import RunWriter
from scriptrun.controller.scripts import ScriptReconciler
from scriptrun.desired.event import build_failure_event
from scriptrun.desired.status import Progress, build_end, build_failed_pass, build_progress, own_status
from scriptrun.errors import KubeError
from scriptrun.kube.client import Client
from scriptrun.kube.resources import EVENTS
from scriptrun.models.facts import JobFacts, Key, RunFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import Attempt
from scriptrun.policies.failed_pass import decide_failed_pass
from scriptrun.policies.interruptions import decide_set_aside
from scriptrun.policies.lingering import decide_job_stop, decide_pod_end
from scriptrun.policies.outcome import Settle, decide_lost_job
from scriptrun.policies.verdict import Verdict, Wait
from scriptrun.runtime.checks import Checks
from scriptrun.runtime.work_queue import WorkQueue
from scriptrun.settings import Settings

__all__ = ["RunReconciler"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where a run stands at the end of a pass."""

    decision: Settle | Wait
    attempts: Sequence[Attempt]
    job: JobFacts | None


class RunReconciler:
    """Reconciles runs until they finish.

    Attributes:
        scripts: reconciles Scripts; told which run of each ended last.
    """

    def __init__(
        self,
        client: Client,
        cache: Cache,
        queue: WorkQueue[WorkItem],
        checks: Checks,
        settings: Settings,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._cache = cache
        self._queue = queue
        self._settings = settings
        self._clock = clock
        self.scripts = ScriptReconciler(client, cache, checks, settings, clock)
        self._starter = RunStarter(client, cache, checks, settings)
        self._observer = JobObserver(client, cache, checks)
        self._runs = RunWriter(client, cache, queue, clock, keep_until_stored=settings.keep_until_stored)

    def take_over(self) -> None:
        """Start to work as the leader; another replica did what was done before."""
        for run in self._cache.runs.values():
            # Jobs that succeeded are not watched: that none is known does not mean that there is none.
            state = self._cache.state_of(run)
            if not run.finished and state.job is None:
                state.expect_job()
            self._queue.add(("run", *run.key))
        for key in self._cache.scripts:
            self._queue.add(("script", *key))

    def resync(self) -> None:
        """Look at every unfinished run again, and ask the API server instead of the cache."""
        self._starter.forget_namespaces()
        for run in list(self._cache.runs.values()):
            state = self._cache.state_of(run)
            if not run.finished:
                state.mark_suspect()
            if not run.finished or state.list_lingering():
                self._queue.add(("run", *run.key))
        for key in self._cache.scripts:
            self._queue.add(("script", *key))

    async def reconcile(self, key: Key) -> None:
        """Reconcile one run."""
        run = await self._runs.observe(key)
        if run is None or (run.deleting and not run.awaited):
            return
        if run.finished:
            await self._stop_lingering(run)
            self._let_next_start(run)
            await self._runs.expire(run)
            return
        try:
            await self._reconcile_unfinished(run)
        except Exception as error:
            await self._report_failure(run, error)
            raise
        self._cache.state_of(run).recover()

    async def _reconcile_unfinished(self, run: RunFacts) -> None:
        if aside := decide_set_aside(run):
            standing = await self._observe_from_status(run)
            ended = standing.job is None or standing.job.complete or standing.job.failed
            await self._settle(run, standing, Settle(aside, stop_job=not ended))
            return
        standing = await self._advance(run)
        if isinstance(standing.decision, Settle):
            await self._settle(run, standing, standing.decision)
        else:
            await self._report_progress(run, standing, standing.decision)
            await self._end_attempts(run, standing)

    async def _stop_lingering(self, run: RunFacts) -> None:
        """Stop the Job of a run that is over when a pod of it goes on that should have ended."""
        pods = self._cache.state_of(run).list_lingering()
        if not pods:
            return
        grace, now = self._settings.sidecar_grace_seconds, self._clock()
        left, pod = min(((decide_job_stop(run, pod, grace, now), pod) for pod in pods), key=lambda item: item[0])
        if left > 0:
            self._queue.add_after(("run", *run.key), left)
            return
        text = f"the run had ended, and pod {pod.name} went on"
        await self._observer.stop(
            (run.key[0], pod.job_name), pod.job_uid, Verdict(run.reason or Reason.COMPLETED, text)
        )
        self._cache.state_of(run).end_lingering(pods)
        _log.info("job stopped", namespace=run.key[0], run=run.key[1], pod=pod.name, message=text)

    async def _observe_from_status(self, run: RunFacts) -> _Standing:
        """Find out where a run stands from its Job and its own status alone: more may kill the process again."""
        job = await self._observer.find_job(run)
        attempts = self._observer.recall(run, job) if job else ()
        return _Standing(Wait("", ""), attempts, job)

    async def _advance(self, run: RunFacts) -> _Standing:
        """Start the run, or follow the Job it has."""
        state = self._cache.state_of(run)
        job, known_job = state.job, run.status.get("jobName")
        if job is None and (known_job or state.job_may_exist):
            job = await self._observer.find_job(run)
        if job is None and known_job:
            return _Standing(decide_lost_job(run, ()), (), None)
        if job is None:
            started = await self._starter.start(run, self._clock())
            if not isinstance(started, JobFacts):
                self._let_next_start(run)  # this one may have left the queue
                return _Standing(Settle(started) if isinstance(started, Verdict) else started, (), None)
            job = started
            self._note_start(run)
        observed = await self._observer.observe(run, job, self._clock())
        decision = observed.decision
        if isinstance(decision, Wait) and not (observed.attempts and observed.attempts[-1].pod.started_at):
            lack = await self._starter.ensure_input(run, job, self._clock())
            decision = Settle(lack, stop_job=True) if isinstance(lack, Verdict) else lack or decision
        return _Standing(decision, observed.attempts, state.job or job)

    def _note_start(self, run: RunFacts) -> None:
        waited = (self._clock() - run.created).total_seconds()
        metrics.START_LATENCY.observe(max(0.0, waited))
        _log.debug("job created", namespace=run.key[0], run=run.key[1], script=run.script)

    async def _settle(self, run: RunFacts, standing: _Standing, settle: Settle) -> None:
        """Write the end of a run."""
        now = self._clock()
        if settle.stop_job and standing.job is not None:
            await self._observer.stop(standing.job.key, standing.job.uid, settle.verdict, standing.attempts)
        job_name = standing.job.key[1] if standing.job else str(run.status.get("jobName") or "")
        body = build_end(run, settle.verdict, standing.attempts, settle.attempt, job_name, now)
        written = await self._runs.write(run, body)
        self._let_next_start(run)
        if written is None:
            return
        if self._cache.state_of(run).list_lingering():
            self._queue.add(("run", *run.key))  # there may be no news of its pods any more
        status = written["status"]
        metrics.observe_end(run, status, now)
        _log.info(
            "run ended",
            namespace=run.key[0],
            run=run.key[1],
            script=run.script,
            attempt=len(standing.attempts),
            phase=status["phase"],
            reason=status["reason"],
            duration_seconds=status.get("durationSeconds"),
        )
        if status["phase"] == "Failed":
            await self._tell_failure(run, settle.verdict, now)
        self.scripts.note_end(run, status["phase"])
        self._queue.add(("script", run.key[0], run.script))

    async def _tell_failure(self, run: RunFacts, verdict: Verdict, now: datetime) -> None:
        """Post an Event. It is a courtesy: the run is settled, and stays so when this fails."""
        try:
            await self._client.create(EVENTS, run.key[0], build_failure_event(run, verdict, now))
        except KubeError as error:
            _log.warning("event not posted", namespace=run.key[0], run=run.key[1], error=str(error))

    def _let_next_start(self, run: RunFacts) -> None:
        """Wake as many of those that wait for their turn as there are free slots, the oldest first."""
        for key in self._cache.list_next((run.key[0], run.script)):
            self._queue.add(("run", *key))

    async def _report_progress(self, run: RunFacts, standing: _Standing, wait: Wait) -> None:
        """Write where a run stands, if that is news; skips the first status write for short runs."""
        now = self._clock()
        item: WorkItem = ("run", *run.key)
        if wait.again_seconds is not None:
            self._queue.add_after(item, wait.again_seconds)
        progress = _decide_progress(standing, wait)
        # Not from its creation, of which Kubernetes keeps whole seconds only.
        age = (now - self._cache.state_of(run).look(now)).total_seconds()
        if not run.status.get("phase") and age < self._settings.progress_delay_seconds and progress.phase != "Queued":
            self._queue.add_after(item, self._settings.progress_delay_seconds - age)
            return
        job_name = standing.job.key[1] if standing.job else ""
        body = build_progress(run, progress, standing.attempts, job_name, now)
        if body["status"] != own_status(run):
            if await self._runs.write(run, body) is None:
                self._let_next_start(run)

    async def _report_failure(self, run: RunFacts, error: Exception) -> None:
        """Write what holds a run up when a pass over it fails: else only the log would tell."""
        known, state, now = self._cache.runs.get(run.key), self._cache.state_of(run), self._clock()
        wait = decide_failed_pass(error, (now - state.fail(now)).total_seconds())
        if wait is None or known is None or known.uid != run.uid or known.finished:
            return
        if (now - state.look(now)).total_seconds() < self._settings.progress_delay_seconds:
            return  # it is tried again before it would have had any status
        body = build_failed_pass(known, wait.reason, wait.message, now)
        if body["status"] != own_status(known):
            with suppress(KubeError):  # the first error is the one that counts
                await self._runs.write(known, body)

    async def _end_attempts(self, run: RunFacts, standing: _Standing) -> None:
        """End the pods of attempts that are over: the Job makes the next attempt once nothing of the last one runs."""
        for attempt in standing.attempts:
            left = decide_pod_end(attempt.pod, self._settings.sidecar_grace_seconds, self._clock())
            if left is None:
                continue
            if left > 0:
                self._queue.add_after(("run", *run.key), left)
                continue
            await self._observer.end_pod(run, attempt.pod)
            _log.info("pod ended", namespace=run.key[0], run=run.key[1], pod=attempt.pod.name)


def _decide_progress(standing: _Standing, wait: Wait) -> Progress:
    if standing.job is None:
        phase = "Queued" if wait.reason == "ConcurrencyLimit" else "Pending"
        return Progress(phase, wait.reason, wait.message)
    running = any(attempt.pod.started_at or attempt.verdict for attempt in standing.attempts)
    if running:
        return Progress("Running", wait.reason, wait.message, accepted=True)
    return Progress("Pending", wait.reason, wait.message, accepted=True)
