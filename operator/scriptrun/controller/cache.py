"""What the operator knows of the cluster. Filled by watches and by the answers to its own writes; read by reconcile."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from scriptrun.models.facts import JobFacts, Key, PodFacts, ResultFacts, RunFacts, ScriptFacts

__all__ = ["Cache"]


class Cache:
    """Runs, Scripts, Jobs, pods and outputs, each under its run's key. Of a finished run only the run is kept."""

    def __init__(self) -> None:
        self.runs: dict[Key, RunFacts] = {}
        self.scripts: dict[Key, ScriptFacts] = {}
        self.jobs: dict[Key, JobFacts] = {}
        self.pods: dict[Key, dict[str, PodFacts]] = {}
        self.outputs: dict[Key, set[str]] = {}
        self.results: dict[Key, dict[str, ResultFacts]] = {}
        self.suspect: set[Key] = set()
        self.queued: set[Key] = set()
        self.starting: set[Key] = set()
        self._unfinished: defaultdict[Key, set[Key]] = defaultdict(set)

    def put_run(self, run: RunFacts) -> bool:
        """Keep a run unless a newer one is known; says whether it was kept."""
        known = self.runs.get(run.key)
        if known and known.uid == run.uid and known.version > run.version:
            return False
        if known and known.uid != run.uid:
            self.drop_run(run.key)
        self.runs[run.key] = run
        if run.finished:
            self._forget_work(run)
        else:
            self._unfinished[run.key[0], run.script].add(run.key)
            if run.status.get("phase") == "Queued":
                self.queued.add(run.key)
        return True

    def drop_run(self, key: Key) -> None:
        """Forget a run and all that was made for it."""
        if run := self.runs.pop(key, None):
            self._forget_work(run)

    def _forget_work(self, run: RunFacts) -> None:
        siblings = (run.key[0], run.script)
        self._unfinished[siblings].discard(run.key)
        if not self._unfinished[siblings]:
            del self._unfinished[siblings]
        for kept in (self.jobs, self.pods, self.outputs, self.results):
            kept.pop(run.key, None)
        for marked in (self.suspect, self.queued, self.starting):
            marked.discard(run.key)

    def _is_over(self, key: Key) -> bool:
        run = self.runs.get(key)
        return run is not None and run.finished

    def unfinished(self, namespace: str, script: str) -> Iterator[RunFacts]:
        """Yield the unfinished runs of a Script."""
        for key in self._unfinished.get((namespace, script), ()):
            yield self.runs[key]

    def put_job(self, job: JobFacts) -> None:
        """Keep a Job unless a newer one is known, or its run is over."""
        known = self.jobs.get(job.key)
        if self._is_over(job.key) or (known and known.uid == job.uid and known.version > job.version):
            return
        self.jobs[job.key] = job
        self.queued.discard(job.key)
        self.starting.discard(job.key)

    def is_started(self, run: Key) -> bool:
        """Whether a run has its Job, or is just being given it."""
        return run in self.jobs or run in self.starting

    def put_pod(self, run: Key, pod: PodFacts) -> None:
        """Keep a pod unless a newer one is known, or its run is over."""
        known = self.pods.get(run, {}).get(pod.name)
        if self._is_over(run) or (known and (known.version > pod.version or known.gone)):
            return
        self.pods.setdefault(run, {})[pod.name] = pod

    def lose_pod(self, run: Key, name: str) -> None:
        """Mark a pod as gone from the cluster; what it was stays known."""
        if pod := self.pods.get(run, {}).get(name):
            self.pods[run][name] = replace(pod, gone=True)

    def announce_output(self, run: Key, pod: str) -> bool:
        """Note that a pod's output can be read; says whether somebody waits for it."""
        if self._is_over(run):
            return False
        self.outputs.setdefault(run, set()).add(pod)
        return True
