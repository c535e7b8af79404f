"""What the operator knows of the cluster. Filled by watches and by the answers to its own writes; read by reconcile."""

from collections.abc import Iterator

from scriptrun.controller.run_state import RunState
from scriptrun.controller.slots import ConcurrencySlots
from scriptrun.models.facts import JobFacts, Key, PodFacts, RunFacts, ScriptFacts
from scriptrun.policies.aliases import ScriptNames

__all__ = ["Cache"]


class Cache:
    """Scripts, runs, and the state of each run that has one: of the unfinished, and where pods go on after the end.

    Attributes:
        runs: every run.
        scripts: every Script.
        script_names: the names and aliases that they answer to.
        slots: which runs hold and which wait for the slots of each Script.
    """

    def __init__(self) -> None:
        self.runs: dict[Key, RunFacts] = {}
        self.scripts: dict[Key, ScriptFacts] = {}
        self.script_names = ScriptNames()
        self.slots = ConcurrencySlots()
        self._states: dict[str, RunState] = {}
        self._runs_of_jobs: dict[str, Key] = {}
        self._unclaimed: dict[Key, RunState] = {}  # of runs that are not known: watches keep no order between them
        self._gone: dict[Key, int] = {}
        self._long_gone: dict[Key, int] = {}

    def put_run(self, run: RunFacts) -> bool:
        """Keep a run unless a newer one of that name is known; says whether it was kept."""
        known = self.runs.get(run.key)
        if max(known.version if known else 0, self._gone.get(run.key, 0)) > run.version:
            return False
        if known and known.uid != run.uid:
            self._gone[run.key] = known.version
            self._forget_run(known)
        self.runs[run.key] = run
        state = self._claim(run)
        if run.finished:
            self.slots.remove(run.key)
            self._keep_lingering(run, state.finish(run))
        else:
            self._states[run.uid] = state
            self.slots.see(run)
            if state.job is not None:
                self.slots.hold(run)
        return True

    def _claim(self, run: RunFacts) -> RunState:
        """The state of a run, which may have begun before the run itself was known."""
        if state := self._states.get(run.uid):
            return state
        state = self._unclaimed.pop(run.key, None) or RunState()
        state.claim(run)
        return state

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
        self._states.pop(run.uid, None)
        self.slots.remove(run.key)

    def drop_orphans(self) -> None:
        """Forget what belongs to no run: events of its Job and pods go on after a run is gone."""
        self._unclaimed.clear()
        self._runs_of_jobs = {uid: key for uid, key in self._runs_of_jobs.items() if key in self.runs}
        self._gone, self._long_gone = {}, self._gone

    def state_of(self, run: RunFacts) -> RunState:
        """The state of a run; an empty one that is not kept where there is none (any more)."""
        return self._states.get(run.uid) or RunState()

    @property
    def unfinished_count(self) -> int:
        """How many runs have not ended."""
        return len(self.slots)

    def unfinished(self, script: Key) -> Iterator[RunFacts]:
        """Yield the unfinished runs of a Script."""
        for key in self.slots.list_runs(script):
            yield self.runs[key]

    def list_next(self, script: Key) -> list[Key]:
        """List the runs of a Script that wait and for which there is a free slot now, oldest first.

        Without a limit there are none: whoever waited was looked at again when the limit went.
        """
        known = self.scripts.get(script)
        limit = known.spec.max_concurrent_runs if known else None
        return [] if limit is None else self.slots.list_next(script, limit)

    def put_job(self, job: JobFacts) -> None:
        """Keep the Job of an unfinished run unless a newer state of it is known; others are not looked at."""
        if not job.owner_uid:
            return
        self._runs_of_jobs[job.uid] = job.run
        run = self.runs.get(job.run)
        if run is None:
            self._unclaimed.setdefault(job.run, RunState()).see_job(job)
        elif not run.finished and run.uid == job.owner_uid:
            self.state_of(run).see_job(job)
            self.slots.hold(run)

    def put_pod(self, key: Key, pod: PodFacts) -> None:
        """Keep a pod of a run unless a newer state of it is known. When the run is over, it is kept if it lingers."""
        run = self.runs.get(key)
        if run is None:
            self._unclaimed.setdefault(key, RunState()).see_pod(pod)
        elif run.finished:
            state = self.state_of(run)
            state.note_lingering(run, pod)
            self._keep_lingering(run, state)
        else:
            self.state_of(run).see_pod(pod)

    def lose_pod(self, key: Key, name: str) -> None:
        """Take note that a pod of a run has left the watch: it was deleted, or it succeeded."""
        run = self.runs.get(key)
        if run is None:
            return
        state = self.state_of(run)
        if run.finished:
            state.lingering.pop(name, None)
            self._keep_lingering(run, state)
        else:
            state.mark_suspect()

    def _keep_lingering(self, run: RunFacts, state: RunState) -> None:
        if state.lingering:
            self._states[run.uid] = state
        else:
            self._states.pop(run.uid, None)

    def lose_job(self, job: JobFacts) -> None:
        """Take note that the Job of a run has left the watch: it was deleted, or it succeeded."""
        run = self.runs.get(job.run)
        if run is not None and not run.finished:
            self.state_of(run).mark_suspect()
        else:
            self._runs_of_jobs.pop(job.uid, None)

    def find_run_of_job(self, uid: str) -> Key | None:
        """Find the run of a Job; None when the Job is not known."""
        return self._runs_of_jobs.get(uid)

    def announce_output(self, key: Key, pod: str) -> bool:
        """Note that a pod's output can be read; says whether somebody waits for it."""
        run = self.runs.get(key)
        if run is not None and run.finished:
            return False
        state = self._unclaimed.setdefault(key, RunState()) if run is None else self.state_of(run)
        state.announce_output(pod)
        return True
