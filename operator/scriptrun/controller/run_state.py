"""What this replica knows of one run, and what it remembers having done for it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from scriptrun.models.facts import EventFacts, JobFacts, PodFacts, ResultFacts, RunFacts
from scriptrun.policies.lingering import is_lingering
from scriptrun.policies.obstacles import keep_obstacle

__all__ = ["Explanation", "RunState"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The last answer to the question what Events say of a run's Job or pod, the uid of which is its subject."""

    subject: str
    asked_at: datetime
    event: EventFacts | None


@dataclass(slots=True)
class RunState:
    """The state of one run beside the ScriptRun itself; told apart by the run's uid, so that namesakes share nothing.

    Read its attributes; change them with its methods only. Of a finished run only ``lingering`` is kept. A pass that
    goes on after its run is gone changes a state that nobody reads any more.

    Attributes:
        job: the run's Job; None when none is known.
        pods: its pods by name, those that are gone included.
        results: what was read of the pods' outputs; None where there is nothing to read.
        suspect: something vanished from a watch: ask the API server instead of the cache.
        job_may_exist: the Job may exist unseen: ask the API server before creating one.
        input_exists: the input ConfigMap is known to exist, and to be the one that the Job was made for.
        write_in_doubt: the last status write was refused or not answered: read the run again before deciding.
        explanation: what Events say of a run that waits.
        lingering: pods that go on after the run's end and must not, by name; None once one is being ended.
    """

    job: JobFacts | None = None
    pods: dict[str, PodFacts] = field(default_factory=dict)
    results: dict[str, ResultFacts | None] = field(default_factory=dict)
    suspect: bool = False
    job_may_exist: bool = False
    input_exists: bool = False
    write_in_doubt: bool = False
    explanation: Explanation | None = None
    lingering: dict[str, PodFacts | None] = field(default_factory=dict)
    _announced: frozenset[str] = frozenset()
    _first_seen_at: datetime | None = None
    _refused_since: datetime | None = None
    _full_at: int | None = None
    _failing_since: datetime | None = None

    # What watches and answers say.

    def claim(self, run: RunFacts) -> None:
        """Begin with what was seen before the run itself was known; a namesake's Job is none of it."""
        if self.job is not None and self.job.owner_uid != run.uid:
            self.job = None

    def see_job(self, job: JobFacts) -> bool:
        """Keep the Job unless a newer state of it is known; says whether it was kept."""
        if self.job is not None and self.job.version > job.version:
            return False
        self.job = job
        self.job_may_exist = False
        return True

    def see_pod(self, pod: PodFacts) -> None:
        """Keep a pod unless a newer state of it is known, or it is known to be gone."""
        known = self.pods.get(pod.name)
        if known is None or not (known.version > pod.version or known.gone):
            self.pods[pod.name] = keep_obstacle(known, pod) if known else pod

    def lose_pod(self, name: str) -> None:
        """Mark a pod as gone from the cluster; what it was stays known."""
        if pod := self.pods.get(name):
            self.pods[name] = replace(pod, gone=True)

    def announce_output(self, pod: str) -> None:
        """Note that a pod's output can be read."""
        self._announced |= {pod}
        if self.results.get(pod, ...) is None:
            del self.results[pod]  # there is something to read after all

    def list_unread(self, job: JobFacts) -> set[str]:
        """List the pods whose outputs were announced, and those that have ended: they wrote what they ever will."""
        names = set(self._announced)
        if job.snapshot.output_in_config_map:
            names |= {p.name for p in self.pods.values() if p.job_uid == job.uid and (p.ended or p.finished_at)}
        return names - self.results.keys()

    def keep_result(self, pod: str, result: ResultFacts | None) -> None:
        """Keep what a pod's output says; None when there is none to read."""
        self.results[pod] = result

    def mark_suspect(self) -> None:
        """Have the API server asked in the next pass."""
        self.suspect = True

    def begin_refresh(self) -> None:
        """Note that the API server is being asked: whatever vanishes from now on is a reason to ask again."""
        self.suspect = False

    # What this replica does.

    def look(self, now: datetime) -> datetime:
        """Note a pass over the run; returns the time of the first."""
        self._first_seen_at = self._first_seen_at or now
        return self._first_seen_at

    def expect_job(self) -> None:
        """Note that a Job may exist that no watch has shown: it is being created, or another replica created it."""
        self.job_may_exist = True

    def confirm_input(self) -> None:
        """Note that the input ConfigMap exists."""
        self.input_exists = True

    def refuse(self, now: datetime) -> datetime:
        """Note that the API server refuses an object of the run; returns since when. A new process counts anew."""
        self._refused_since = self._refused_since or now
        return self._refused_since

    def explain(self, explanation: Explanation) -> None:
        """Keep what Events say of what the run waits for."""
        self.explanation = explanation

    def doubt_write(self) -> None:
        """Note that a status write was refused or not answered."""
        self.write_in_doubt = True

    def end_doubt(self) -> None:
        """Note that the run was read again."""
        self.write_in_doubt = False

    def mark_full(self, run: RunFacts) -> None:
        """Note that the run's object has no room for its end."""
        self._full_at = run.version

    def is_full(self, run: RunFacts) -> bool:
        """Whether the run's object, as it is, is known to have no room for its end."""
        return self._full_at == run.version

    def fail(self, now: datetime) -> datetime:
        """Note that a pass has failed; returns since when they do."""
        self._failing_since = self._failing_since or now
        return self._failing_since

    def recover(self) -> None:
        """Note that a pass has not failed."""
        self._failing_since = None

    # After the run's end.

    def finish(self, run: RunFacts) -> "RunState":
        """The state of the run once it is finished: its pods that linger, and nothing else."""
        for pod in self.pods.values():
            self.note_lingering(run, pod)
        return RunState(lingering=self.lingering)

    def note_lingering(self, run: RunFacts, pod: PodFacts) -> None:
        """Note whether a pod goes on after its run's end and must not."""
        if not is_lingering(run, pod, known=pod.name in self.lingering):
            self.lingering.pop(pod.name, None)
        elif self.lingering.get(pod.name, pod) is not None:
            self.lingering[pod.name] = pod

    def list_lingering(self) -> list[PodFacts]:
        """List the pods that linger and are not being ended yet."""
        return [pod for pod in self.lingering.values() if pod is not None]

    def end_lingering(self, pods: Iterable[PodFacts]) -> None:
        """Note of pods that they are being ended: until they have ended, news of them asks for nothing."""
        for pod in pods:
            if pod.name in self.lingering:
                self.lingering[pod.name] = None
