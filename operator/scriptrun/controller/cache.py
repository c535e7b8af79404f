"""What the operator knows of the cluster. Filled by watches and by the answers to its own writes; read by reconcile."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from scriptrun.controller.slots import ConcurrencySlots
from scriptrun.models.facts import EventFacts, JobFacts, Key, PodFacts, ResultFacts, RunFacts, ScriptFacts
from scriptrun.policies.aliases import ScriptNames
from scriptrun.policies.lingering import is_lingering
from scriptrun.policies.obstacles import keep_obstacle

__all__ = ["Cache", "Explanation"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The last answer to the question what Events say of a run's Job or pod, the uid of which is its subject."""

    subject: str
    asked_at: datetime
    event: EventFacts | None


class Cache:
    """Runs, Scripts, Jobs, pods and outputs, each under its run's key.

    Of a finished run only the run is kept, and those of its pods that have to be looked after.

    Attributes:
        runs: every run.
        scripts: every Script.
        script_names: what they answer to.
        jobs: of unfinished runs.
        pods: of unfinished runs, by their names.
        outputs: pods of unfinished runs whose output can be read.
        results: what was read of them; None where it is known that there is nothing to read.
        suspect: runs about which the API server must be asked, since something of theirs vanished.
        queued: runs that wait for their turn. Changed by ``queue`` and ``unqueue`` only.
        starting: uids of runs that were given their turn and have no Job yet. Changed by ``begin`` only.
        uncertain: uids of runs that may have a Job which nobody here has seen.
        supplied: uids of runs whose input is known to be there.
        refused: since when the API server refuses what is made for a run, by its uid. A new process counts anew.
        explained: what Events say of runs that wait, by their uids.
        unfinished_count: how many runs have not ended.
        lingering: pods that go on after their run's end and must not, by their names, under that run's uid; None in the
            place of one that was seen to.
    """

    def __init__(self) -> None:
        self.runs: dict[Key, RunFacts] = {}
        self.scripts: dict[Key, ScriptFacts] = {}
        self.script_names = ScriptNames()
        self.jobs: dict[Key, JobFacts] = {}
        self.pods: dict[Key, dict[str, PodFacts]] = {}
        self.outputs: dict[Key, set[str]] = {}
        self.results: dict[Key, dict[str, ResultFacts | None]] = {}
        self.suspect: set[Key] = set()
        self.queued: set[Key] = set()
        self.starting: set[str] = set()
        self.uncertain: set[str] = set()
        self.supplied: set[str] = set()
        self.refused: dict[str, datetime] = {}
        self.explained: dict[str, Explanation] = {}
        self.unfinished_count = 0
        self.lingering: dict[str, dict[str, PodFacts | None]] = {}
        self._gone: dict[Key, int] = {}
        self._long_gone: dict[Key, int] = {}
        self._unfinished: defaultdict[Key, set[Key]] = defaultdict(set)
        self._slots = ConcurrencySlots()

    def put_run(self, run: RunFacts) -> bool:
        """Keep a run unless a newer one of that name is known; says whether it was kept."""
        known = self.runs.get(run.key)
        if max(known.version if known else 0, self._gone.get(run.key, 0)) > run.version:
            return False
        if known and known.uid != run.uid:
            self._gone[run.key] = known.version
            self._forget_run(known)
        self.runs[run.key] = run
        if run.finished:
            for pod in self.pods.get(run.key, {}).values():
                self._note_lingering(run, pod)
            self._forget_work(run)
        else:
            siblings = self._unfinished[run.key[0], run.script]
            self.unfinished_count += run.key not in siblings
            siblings.add(run.key)
            if run.deleting:
                self.queued.discard(run.key)
            elif run.status.get("phase") == "Queued":
                self.queued.add(run.key)
            self._place(run)
        return True

    def drop_run(self, key: Key, version: int) -> RunFacts | None:
        """Forget a run that was gone at a resource version, unless it was made anew since; returns what was forgotten.

        News of it that are older and come later are not taken any more.
        """
        known = self.runs.get(key)
        if known and known.version > version:
            return None
        self._gone[key] = max(version, self._gone.get(key, 0))
        if known:
            del self.runs[key]
            self._forget_run(known)
        return known

    def had_namesake(self, run: RunFacts) -> bool:
        """Whether there was another run of this name not long ago."""
        return run.key in self._gone or run.key in self._long_gone

    def _forget_run(self, run: RunFacts) -> None:
        self._forget_work(run)
        self.lingering.pop(run.uid, None)

    def _forget_work(self, run: RunFacts) -> None:
        siblings = self._unfinished[run.key[0], run.script]
        self.unfinished_count -= run.key in siblings
        siblings.discard(run.key)
        if not siblings:
            del self._unfinished[run.key[0], run.script]
        for kept in (self.jobs, self.pods, self.outputs, self.results):
            kept.pop(run.key, None)
        for keys in (self.suspect, self.queued):
            keys.discard(run.key)
        for uids in (self.starting, self.uncertain, self.supplied):
            uids.discard(run.uid)
        self.refused.pop(run.uid, None)
        self.explained.pop(run.uid, None)
        self._slots.leave(run.key)

    def drop_orphans(self) -> None:
        """Forget what belongs to no run: events of its Job and pods, and work under way, go on after a run is gone."""
        for kept in (self.jobs, self.pods, self.outputs, self.results):
            for key in kept.keys() - self.runs.keys():
                del kept[key]
        for keys in (self.suspect, self.queued):
            keys.intersection_update(self.runs)
        known = {run.uid for run in self.runs.values()}
        for uids in (self.starting, self.uncertain, self.supplied):
            uids.intersection_update(known)
        for by_uid in (self.lingering, self.refused, self.explained):
            for uid in by_uid.keys() - known:
                del by_uid[uid]
        self._gone, self._long_gone = {}, self._gone

    def is_over(self, key: Key) -> bool:
        """Whether the run of that name is known to have ended."""
        run = self.runs.get(key)
        return run is not None and run.finished

    def unfinished(self, namespace: str, script: str) -> Iterator[RunFacts]:
        """Yield the unfinished runs of a Script."""
        for key in self._unfinished.get((namespace, script), ()):
            yield self.runs[key]

    def queue(self, run: RunFacts) -> None:
        """Let a run wait for its turn."""
        if self._is_current(run):
            self.queued.add(run.key)
            self._place(run)

    def unqueue(self, run: RunFacts) -> None:
        """Let a run wait no more: it starts, or it can't and must not hold up the others."""
        if self._is_current(run):
            self.queued.discard(run.key)
            self._place(run)

    def begin(self, run: RunFacts) -> None:
        """Give a run its turn. It counts from now on, not from when its Job is seen: no slot is given away twice."""
        self.starting.add(run.uid)
        self.unqueue(run)

    def count_turn(self, run: RunFacts) -> tuple[int, int]:
        """Count the other runs of the same Script that have their Job, and those that wait and come first."""
        holders = self._slots.count_holders((run.key[0], run.script))
        return holders - self.is_started(run), self._slots.count_before(run)

    def list_next(self, namespace: str, script: str) -> list[Key]:
        """List the runs of a Script that wait and for which there is a free slot now, oldest first.

        Without a limit there are none: whoever waited was looked at again when the limit went.
        """
        known = self.scripts.get((namespace, script))
        limit = known.spec.max_concurrent_runs if known else None
        return [] if limit is None else self._slots.list_next((namespace, script), limit)

    def _is_current(self, run: RunFacts) -> bool:
        known = self.runs.get(run.key)
        return known is not None and known.uid == run.uid and not known.finished

    def _place(self, run: RunFacts) -> None:
        """Bring the slots in line with what is known of an unfinished run."""
        if self.is_started(run):
            self._slots.hold(run)
        elif run.key in self.queued:
            self._slots.wait(run)
        else:
            self._slots.leave(run.key)

    def put_job(self, job: JobFacts) -> None:
        """Keep a Job unless a newer one of that name is known, or its run is over."""
        known = self.jobs.get(job.key)
        if self.is_over(job.key) or (known and known.version > job.version):
            return
        self.jobs[job.key] = job
        run = self.runs.get(job.key)
        if run is not None and run.uid == job.owner_uid:
            self.queued.discard(run.key)
            for uids in (self.starting, self.uncertain):
                uids.discard(run.uid)
        if run is not None:
            self._place(run)

    def job_of(self, run: RunFacts) -> JobFacts | None:
        """The Job of a run; None when none is known, or only one of another run that had this name."""
        job = self.jobs.get(run.key)
        return job if job is not None and job.owner_uid == run.uid else None

    def is_started(self, run: RunFacts) -> bool:
        """Whether a run has its Job, or is just being given it."""
        return run.uid in self.starting or self.job_of(run) is not None

    def put_pod(self, run: Key, pod: PodFacts) -> None:
        """Keep a pod unless a newer one is known. When its run is over, it is kept only if it lingers."""
        owner = self.runs.get(run)
        if owner is not None and owner.finished:
            self._note_lingering(owner, pod)
            return
        known = self.pods.get(run, {}).get(pod.name)
        if known and (known.version > pod.version or known.gone):
            return
        self.pods.setdefault(run, {})[pod.name] = keep_obstacle(known, pod) if known else pod

    def _note_lingering(self, run: RunFacts, pod: PodFacts) -> None:
        pods = self.lingering.get(run.uid, {})
        if not is_lingering(run, pod, known=pod.name in pods):
            self._drop_lingering(run, pod.name)
        elif pods.get(pod.name, pod) is not None:
            self.lingering.setdefault(run.uid, {})[pod.name] = pod

    def list_lingering(self, run: RunFacts) -> list[PodFacts]:
        """List the pods of a finished run that go on and are yet to be seen to."""
        return [pod for pod in self.lingering.get(run.uid, {}).values() if pod is not None]

    def see_to_lingering(self, run: RunFacts, pods: Iterable[PodFacts]) -> None:
        """Note of pods that they are being ended: until they have, there is news of them that asks for nothing."""
        kept = self.lingering.get(run.uid, {})
        for pod in pods:
            if pod.name in kept:
                kept[pod.name] = None

    def _drop_lingering(self, run: RunFacts, name: str) -> None:
        pods = self.lingering.get(run.uid, {})
        pods.pop(name, None)
        if not pods:
            self.lingering.pop(run.uid, None)

    def lose_pod(self, run: Key, name: str) -> None:
        """Mark a pod as gone from the cluster; what it was stays known."""
        if self.is_over(run):
            self._drop_lingering(self.runs[run], name)
        elif pod := self.pods.get(run, {}).get(name):
            self.pods[run][name] = replace(pod, gone=True)

    def announce_output(self, run: Key, pod: str) -> bool:
        """Note that a pod's output can be read; says whether somebody waits for it."""
        if self.is_over(run):
            return False
        self.outputs.setdefault(run, set()).add(pod)
        if self.results.get(run, {}).get(pod, ...) is None:
            del self.results[run][pod]  # there is something to read after all
        return True
