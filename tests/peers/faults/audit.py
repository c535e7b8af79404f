"""Compares the journals: what the orchestrator says, what the scripts say, and what is left in the cluster."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chaos.journal import Entry
from peers.faults.orchestrators import End, Orchestrator
from peers.faults.proxy import Proxy
from peers.faults.tasks import STATES, Task
from peers.faults.world import World

_LOOK_SECONDS = 1.0


@dataclass
class Findings:
    """What is wrong, in words, one entry for each; all empty when nothing is.

    Attributes:
        lost: tasks that did not end as they must, at the orchestrator or by the scripts.
        twice: attempts whose script came to its end twice, tasks that were completed twice.
        orphans: Jobs without a run, or at work when all is settled.
        leftovers: runs that have not ended, are not reported, or were not let go.
    """

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.twice or self.orphans or self.leftovers)


class Auditor:
    """Follows all tasks to their end.

    Args:
        world: where they are run.
        orchestrator: who hands them out.
        proxy: between both.
    """

    def __init__(self, world: World, orchestrator: Orchestrator, proxy: Proxy) -> None:
        self._world = world
        self._orchestrator = orchestrator
        self._proxy = proxy
        self._canceled: set[str] = set()

    def audit(self, workflows: Mapping[Task, str], seconds: float) -> Findings:
        """Wait until everything is settled, at most so long, and compare.

        Args:
            workflows: the workflow of each task.
            seconds: to wait for what has to come.
        """
        until = time.monotonic() + seconds
        ends: dict[Task, End] = {}
        while True:
            strays = self._cancel_strays(set(workflows.values()))
            self._look(workflows, ends)
            entries = [entry for entry in self._world.journal.read() if entry.run not in strays]
            findings = Findings(
                lost=[text for task in workflows for text in _find_loss(task, workflows[task], ends[task], entries)],
                orphans=self._find_orphans(),
                leftovers=self._find_leftovers(),
            )
            if not findings or time.monotonic() > until:
                break
            time.sleep(_LOOK_SECONDS)
        findings.twice = self._find_twice(ends, entries)
        return findings

    def _cancel_strays(self, workflows: set[str]) -> set[str]:
        """Cancel workflows that nobody counts; returns the names of their runs.

        Whoever starts one while the orchestrator dies gets no answer and starts it once more: then there are two.
        """
        strays = {
            run["metadata"]["name"]: workflow
            for run in self._world.runs()
            if (workflow := run["spec"]["task"]["workflowId"]) not in workflows
        }
        for workflow in set(strays.values()) - self._canceled:
            self._orchestrator.cancel(workflow)
            self._canceled.add(workflow)
        return set(strays)

    def _look(self, workflows: Mapping[Task, str], ends: dict[Task, End]) -> None:
        self._orchestrator.refresh()
        for task, workflow in workflows.items():
            if task not in ends or ends[task].state != STATES[task.fate]:
                # Asking for an incident changes a job that has none: only of those that must have one.
                ids = self._proxy.tasks_of(task.number) if task.fate == "refused" else set()
                ends[task] = self._orchestrator.look(workflow, ids)

    def _find_twice(self, ends: Mapping[Task, End], entries: Sequence[Entry]) -> list[str]:
        tasks = {run["metadata"]["name"]: run["spec"]["task"]["id"] for run in self._world.runs()}
        done = Counter((tasks.get(entry.run, entry.run), entry.word) for entry in entries if ".start" not in entry.word)
        found = [f"attempt {task} did {word!r} {count} times" for (task, word), count in done.items() if count > 1]
        for task, end in ends.items():
            executed = sum(entry.word == f"{task.number}.end" for entry in entries)
            if end.completions > 1 or executed > task.ends + end.lapsed:
                found.append(f"{task}: completed {end.completions} times, executed {executed} times, {end}")
        return found

    def _find_orphans(self) -> list[str]:
        runs = {run["metadata"]["uid"]: run for run in self._world.runs()}
        found = []
        for job in self._world.jobs():
            owners = [owner["uid"] for owner in job["metadata"].get("ownerReferences") or ()]
            name = job["metadata"]["name"]
            if not any(uid in runs for uid in owners):
                found.append(f"Job {name} has no run")
            elif job.get("status", {}).get("active"):
                found.append(f"Job {name} is still at work")
        return found

    def _find_leftovers(self) -> list[str]:
        found = []
        for run in self._world.runs():
            meta, status = run["metadata"], run.get("status") or {}
            conditions = {item["type"]: item["status"] for item in status.get("conditions") or ()}
            if not status.get("finishedAt"):
                found.append(f"{meta['name']} has not ended: {status.get('phase')}")
            elif conditions.get("Reported") != "True":
                found.append(f"{meta['name']} is not reported: {status.get('report')}")
            elif meta.get("finalizers"):
                found.append(f"{meta['name']} is not let go: {meta['finalizers']}")
        return found


def _find_loss(task: Task, workflow: str, end: End, entries: Sequence[Entry]) -> list[str]:
    """Say in what way a task did not end as it must."""
    wanted, about = STATES[task.fate], f"{task} (workflow {workflow})"
    if end.state != wanted:
        return [f"{about} is {end.state} and must be {wanted}: {end.message}"]
    if wanted != "completed":
        return []
    ran = {entry.run for entry in entries if entry.word == f"{task.number}.end"}
    if end.output.get("number") != task.number or end.output.get("run") not in ran:
        seen = {name: str(value)[:60] for name, value in end.output.items()}
        return [f"{about} came back with {seen}, which is not what its script said in {sorted(ran)}"]
    return []
