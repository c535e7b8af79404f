"""Observes the Job of a run: gathers its pods and their results, and decides what the run comes to."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from scriptrun.controller.cache import Cache
from scriptrun.controller.observe import observe_job, observe_pod, observe_recorded_pods, observe_result
from scriptrun.controller.runs.explain import Explainer, is_unexplained
from scriptrun.desired.job import build_stop
from scriptrun.desired.links import select_pods
from scriptrun.desired.names import job_name
from scriptrun.errors import Conflict, KubeError, NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.outputs import find_output_of_pod
from scriptrun.kube.resources import JOBS, PODS
from scriptrun.models.facts import JobFacts, Key, PodFacts, ResultFacts, RunFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import Attempt, judge_attempt
from scriptrun.policies.outcome import Settle, decide_lost_job, decide_outcome
from scriptrun.policies.verdict import Verdict, Wait
from scriptrun.runtime.checks import Checks

__all__ = ["JobObserver", "Observation"]


@dataclass(frozen=True, slots=True)
class Observation:
    """The attempts of a run so far, and what to do."""

    attempts: Sequence[Attempt]
    decision: Settle | Wait


class JobObserver:
    """Observes runs that have a Job."""

    def __init__(self, client: Client, cache: Cache, checks: Checks) -> None:
        self._client = client
        self._cache = cache
        self._checks = checks
        self._explainer = Explainer(client, cache)

    async def observe(self, run: RunFacts, job: JobFacts, now: datetime) -> Observation:
        """Gather and decide. The cache is asked first, the API server where it can't know."""
        recalled = self._recall_pods(run, job)
        known = await self._read_outputs(run, job)
        if known and not recalled:
            attempts = self._judge(run, job)
            decision = decide_outcome(run, job, attempts, now)
            # A good output says all there is to say, whatever has come and gone meanwhile.
            if isinstance(decision, Settle) and decision.verdict.reason is Reason.COMPLETED:
                return Observation(attempts, await self._check(decision, job))
        if self._cache.state_of(run).suspect:
            found = await self._refresh(run, job)
            if found is None:
                attempts = self._judge(run, job)
                return Observation(attempts, await self._check(decide_lost_job(run, attempts), job))
            job = found
        # Two watches keep no order between them: the Job's end may come before its last pod's.
        if not known or job.failing or job.complete:
            await self._refresh_pods(run, job)
        attempts = self._judge(run, job)
        decision = decide_outcome(run, job, attempts, now)
        last = attempts[-1] if attempts else None
        if is_unexplained(decision, job, last, now):
            decision = decide_outcome(run, job, attempts, now, await self._explainer.explain(run, job, last, now))
        if isinstance(decision, Settle):
            return Observation(attempts, await self._check(decision, job))
        return Observation(attempts, decision)

    async def find_job(self, run: RunFacts) -> JobFacts | None:
        """Ask the API server for a run's Job: those that succeeded are not watched."""
        try:
            name = run.status.get("jobName") or job_name(run.key[1])
            job = observe_job(await self._client.get(JOBS, run.key[0], name))
        except NotFound:
            return None
        if job.owner_uid != run.uid:
            return None
        self._cache.put_job(job)
        return job

    def _judge(self, run: RunFacts, job: JobFacts) -> list[Attempt]:
        state = self._cache.state_of(run)
        pods = sorted(
            (pod for pod in state.pods.values() if pod.job_uid == job.uid), key=lambda pod: (pod.created, pod.name)
        )
        return [
            judge_attempt(pod.number or place, pod, state.results.get(pod.name)) for place, pod in enumerate(pods, 1)
        ]

    def recall(self, run: RunFacts, job: JobFacts) -> list[Attempt]:
        """List the attempts that the run's status and its Job tell of, without a look at anything else."""
        pods = observe_recorded_pods(run, job)
        return [judge_attempt(pod.number or place, pod, None) for place, pod in enumerate(pods, 1)]

    def _recall_pods(self, run: RunFacts, job: JobFacts) -> bool:
        """Take the pods that only the run's status or its Job tells of into the cache, to be asked for; whether any."""
        state = self._cache.state_of(run)
        recalled = [pod for pod in observe_recorded_pods(run, job) if pod.name not in state.pods]
        for pod in recalled:
            state.see_pod(pod)
            state.mark_suspect()
        return bool(recalled)

    async def _read_outputs(self, run: RunFacts, job: JobFacts) -> bool:
        """Read the outputs that are not known yet; says whether all of their pods are known.

        An output may overtake its pod's first event, and a pod may come and go while nobody looks.
        """
        known, state = True, self._cache.state_of(run)
        while unread := state.list_unread(job):  # more may come up meanwhile
            known = known and unread <= state.pods.keys()
            for name in sorted(unread):
                state.keep_result(name, await self._read_output(run, name))
        return known

    async def _read_output(self, run: RunFacts, pod: str) -> ResultFacts | None:
        found = await find_output_of_pod(self._client, run.key[0], pod)
        return observe_result(found.body) if found else None

    async def _refresh(self, run: RunFacts, job: JobFacts) -> JobFacts | None:
        """Ask the API server for Job and pods; None when the Job is gone."""
        found = await self.find_job(run)
        await self._refresh_pods(run, job)
        return found if found is not None and found.uid == job.uid else None

    async def _refresh_pods(self, run: RunFacts, job: JobFacts) -> None:
        state = self._cache.state_of(run)
        state.begin_refresh()
        try:
            listed = await self._client.list(PODS, run.key[0], labelSelector=select_pods(job.key[1]))
        except KubeError:
            state.mark_suspect()
            raise
        pods = {pod.name: pod for pod in map(observe_pod, listed.get("items") or ()) if pod.job_uid == job.uid}
        for name in state.pods.keys() - pods.keys():
            state.lose_pod(name)
        for pod in pods.values():
            state.see_pod(pod)
        await self._read_outputs(run, job)

    async def _check(self, settle: Settle, job: JobFacts) -> Settle:
        """Check the output of a run that ended well."""
        result = settle.attempt.result if settle.attempt else None
        if settle.verdict.reason is not Reason.COMPLETED or result is None or result.output is None:
            return settle
        output = result.output
        inline = not output.config_map
        wrong = await self._checks.check_output(job.key[0], output.raw, job.snapshot.output_schema, inline=inline)
        return replace(settle, verdict=wrong) if wrong else settle

    async def stop(self, key: Key, uid: str, verdict: Verdict, attempts: Sequence[Attempt] = ()) -> None:
        """Stop a Job, and note on it why and which attempts it had."""
        try:
            self._cache.put_job(observe_job(await self._client.patch(JOBS, key, build_stop(uid, verdict, attempts))))
        except (NotFound, Conflict):
            return  # gone, or another Job of that name: nothing of ours runs

    async def end_pod(self, run: RunFacts, pod: PodFacts) -> None:
        """End what goes on in a pod whose script has ended.

        By deletion and not by eviction: the Job must count the attempt as a failure, and not as a disruption.
        """
        self._cache.state_of(run).mark_suspect()
        with suppress(NotFound, Conflict):  # it is gone, or another pod of that name
            await self._client.delete(PODS, *pod.key, {"preconditions": {"uid": pod.uid}})
