"""The whole: tasks come while the storm rages; then all has to settle, and the journals are compared."""

import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from helm import ROOT
from peers.faults.audit import Auditor, Findings
from peers.faults.deployment import Deployment
from peers.faults.orchestrators import ATTEMPTS, SCRIPT, Orchestrator
from peers.faults.proxy import Proxy
from peers.faults.storm import Storm
from peers.faults.tasks import SOURCE, Task, deal_tasks
from peers.faults.world import Site, World, open_world

REPLICAS = 2
MOST_AT_ONCE = 24
_CANCEL_SECONDS = 1.0
_START_SECONDS = 300.0
"""After the last task has come, for the scripts of those that are to be canceled."""


@dataclass(frozen=True)
class Result:
    """What came of one orchestrator's part.

    Attributes:
        tasks: how many there were.
        kills: by what was killed.
        faults: of the line, how often each has happened.
        findings: what is wrong.
        seed: of the dice.
        seconds: it took, and of these the storm.
        storm_seconds: of these.
        runs: that were made.
    """

    tasks: int
    kills: dict[str, int]
    faults: dict[str, int]
    findings: Findings
    seed: int
    seconds: float
    storm_seconds: float
    runs: int


def run_suite(site: Site, orchestrator: Orchestrator, count: int, storm_seconds: float, seed: int) -> Result:
    """Run one orchestrator's part.

    Args:
        site: the cluster.
        orchestrator: started.
        count: of tasks.
        storm_seconds: how long the storm lasts; tasks come through its first two thirds.
        seed: of the dice.
    """
    began, dice = time.monotonic(), random.Random(seed)
    tasks = deal_tasks(count, dice)
    with open_world(site) as world, Proxy(orchestrator.address, orchestrator.read) as proxy:
        orchestrator.define(ATTEMPTS)
        world.space.add_script(SCRIPT, SOURCE, handler="python")
        world.add_bridge(maxConcurrentRuns=MOST_AT_ONCE, **orchestrator.build_bridge(proxy.address))
        deployments = {
            "operator": Deployment([site.make_operator() for _ in range(REPLICAS)]),
            "bridge": Deployment([site.make_bridge() for _ in range(REPLICAS)]),
        }
        storm = Storm(deployments, orchestrator, proxy, dice)
        with deployments["operator"], deployments["bridge"]:
            over = threading.Event()
            with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
                stack.callback(over.set)
                coming = pool.submit(_bring, world, orchestrator, tasks, storm_seconds * 2 / 3, over)
                storm.rage(storm_seconds)
                workflows = coming.result()
            findings = Auditor(world, orchestrator, proxy).audit(workflows, 120 + count)
        runs = len(world.runs())
        failures = [text for deployment in deployments.values() for text in deployment.failures]
        if findings or failures:
            _keep_traces(orchestrator, workflows, proxy, deployments)
        assert not failures, "\n".join([*failures, str(findings)])
    return Result(
        count,
        dict(storm.kills),
        dict(proxy.faults),
        findings,
        seed,
        time.monotonic() - began,
        storm.seconds,
        runs,
    )


def _keep_traces(
    orchestrator: Orchestrator,
    workflows: Mapping[Task, str],
    proxy: Proxy,
    deployments: Mapping[str, Deployment],
) -> None:
    """Keep what everybody has said, to find out why."""
    start = ROOT / "build" / f"faults-{orchestrator.name}"
    start.parent.mkdir(exist_ok=True)
    for kind, deployment in deployments.items():
        for number, process in enumerate(deployment.replicas):
            Path(f"{start}-{kind}-{number}.log").write_text("\n".join(process.log) + "\n")
    told = [{"task": vars(task), "id": flow, "says": orchestrator.tell(flow)} for task, flow in workflows.items()]
    document = {"workflows": told, "seen": [vars(seen) for seen in proxy.seen]}
    Path(f"{start}-orchestrator.json").write_text(json.dumps(document, indent=1) + "\n")


def _bring(
    world: World, orchestrator: Orchestrator, tasks: Sequence[Task], seconds: float, over: threading.Event
) -> dict[Task, str]:
    """Start the workflows, spread over so long, and cancel those that are to be canceled once they run.

    Ends early when the event is set: nobody waits any more.
    """
    began, workflows = time.monotonic(), dict[Task, str]()
    canceled: set[Task] = set()
    doomed = {task for task in tasks if task.fate == "canceled"}
    for place, task in enumerate(tasks):
        due = began + seconds * place / len(tasks)
        while (left := due - time.monotonic()) > 0:
            if over.wait(min(left, _CANCEL_SECONDS)):
                return workflows
        workflows[task] = orchestrator.start(task.tell(world.journal.address), task.script)
        _cancel_started(world, orchestrator, {task: workflows[task] for task in doomed & workflows.keys()}, canceled)
    while canceled != doomed and not over.wait(_CANCEL_SECONDS):
        assert time.monotonic() < began + seconds + _START_SECONDS, f"not started: {doomed - canceled}"
        _cancel_started(world, orchestrator, {task: workflows[task] for task in doomed}, canceled)
    return workflows


def _cancel_started(world: World, orchestrator: Orchestrator, workflows: dict[Task, str], canceled: set[Task]) -> None:
    """Cancel, at the orchestrator, those whose script has started; of every other one no script has to have."""
    if not workflows.keys() - canceled:
        return
    started = {entry.word for entry in world.journal.read()}
    for task, workflow in workflows.items():
        if task not in canceled and (f"{task.number}.start" in started or task.number % 2):
            orchestrator.cancel(workflow)
            canceled.add(task)
