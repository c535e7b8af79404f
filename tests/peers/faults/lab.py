"""One operator, one bridge and one orchestrator, each reached through a relay: for one fault at a time."""

import itertools
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from clusterlab.process import BridgeProcess, OperatorProcess
from clusterlab.space import Run
from kubeapi import wait_for
from peers.faults.audit import Auditor
from peers.faults.orchestrators import SCRIPT, Orchestrator
from peers.faults.proxy import Proxy
from peers.faults.relay import Exchange, Relay
from peers.faults.tasks import SOURCE, Fate, Task
from peers.faults.world import Site, World, open_api_relay, open_world

SETTLE_SECONDS = 180.0
_WAIT_SECONDS = 120.0
_LOOK_SECONDS = 0.25


@dataclass
class Lab:
    """What a test of one fault works with.

    Attributes:
        world: Namespace and journal.
        orchestrator: Who hands out tasks.
        proxy: Between bridge and orchestrator.
        bridge_api: Between bridge and API server.
        operator_api: Between operator and API server.
        operator: The operator.
        bridge: The bridge.
    """

    world: World
    orchestrator: Orchestrator
    proxy: Proxy
    bridge_api: Relay
    operator_api: Relay
    operator: OperatorProcess
    bridge: BridgeProcess
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def bring(self, fate: Fate = "good", seconds: float = 0.1) -> tuple[Task, str]:
        """Start the workflow of a task; returns both."""
        task = self.next_task(fate, seconds)
        return task, self.orchestrator.start(task.tell(self.world.journal.address), task.script)

    def next_task(self, fate: Fate, seconds: float = 0.0) -> Task:
        """Number a task."""
        return Task(next(self._numbers), fate, seconds)

    def message_of(self, task: Task, workflow: str) -> str:
        """What the orchestrator shows of a task that failed.

        Of Zeebe's incidents, which 8.6 tells nobody without its search, the message that it took.
        """
        ids = self.proxy.tasks_of(task.number)
        return self.orchestrator.look(workflow, ids).message or "\n".join(self.proxy.reports_of(task.number))

    def settle(self, *brought: tuple[Task, str], seconds: float = SETTLE_SECONDS) -> None:
        """Wait until these tasks are settled, and compare the journals."""
        findings = Auditor(self.world, self.orchestrator, self.proxy).audit(dict(brought), seconds)
        assert not findings, findings

    def revive(self) -> None:
        """See to it that everything is there for the next test."""
        if not self.orchestrator.server.running:
            self.orchestrator.server.start()
        for relay in (self.proxy, self.bridge_api, self.operator_api):
            relay.mend()
        self.proxy.faults.clear()
        if not self.operator.running:
            self.operator.start_and_lead()
        if not self.bridge.running:
            self.bridge.start_and_serve()

    def runs_of(self, task: Task) -> list[Run]:
        """The runs of a task, oldest first."""
        ids = self.proxy.tasks_of(task.number)
        items = [run for run in self.world.runs() if run["spec"]["task"]["id"] in ids]
        return [Run(item) for item in sorted(items, key=lambda run: str(run["metadata"]["creationTimestamp"]))]

    def wait_said(self, task: Task, word: str) -> None:
        """Wait until the script of a task has said something in its journal."""
        said = f"{task.number}.{word}"
        self.wait(f"{said} in the journal", lambda: any(entry.word == said for entry in self.world.journal.read()))

    def let_go(self, task: Task) -> None:
        """Let the script of a held task come to its end."""
        self.world.journal.note(f"{task.number}.go")

    def wait(self, what: str, look: Callable[[], Any], seconds: float = _WAIT_SECONDS) -> None:
        """Wait for something."""

        def look_at_leisure() -> Any:
            if not (seen := look()):
                time.sleep(_LOOK_SECONDS)
            return seen

        wait_for(what, look_at_leisure, seconds)


@contextmanager
def open_lab(site: Site, orchestrator: Orchestrator, attempts: int) -> Iterator[Lab]:
    """Set everything up, at work.

    Args:
        site: the cluster.
        orchestrator: started.
        attempts: of a task, before the orchestrator gives up.
    """
    with (
        open_world(site) as world,
        Proxy(orchestrator.address, orchestrator.read) as proxy,
        open_api_relay(site.kubeconfig) as bridge_api,
        open_api_relay(site.kubeconfig) as operator_api,
    ):
        orchestrator.define(attempts)
        world.space.add_script(SCRIPT, SOURCE, handler="python")
        world.add_bridge(**orchestrator.build_bridge(proxy.address))
        # For this namespace alone: there may be two labs in one cluster, and the chart's rights are for one Lease.
        own = {"WATCH_NAMESPACES": world.space.name, "LEADER_ELECTION": "false"}
        operator = site.make_operator(operator_api.address, **own)
        bridge = site.make_bridge(bridge_api.address, **own)
        yield Lab(world, orchestrator, proxy, bridge_api, operator_api, operator, bridge)


def on_each(test: Callable[[Lab], None]) -> Callable[[list[Lab]], None]:
    """Make a test of all labs of a test of one: at the same time, as most of it is waiting."""

    def guard(lab: Lab) -> None:
        try:
            lab.revive()
            test(lab)
        except BaseException as error:
            error.add_note(f"This was with {lab.orchestrator.name}.")
            raise

    def run(labs: list[Lab]) -> None:
        with ThreadPoolExecutor(len(labs)) as pool:
            ends = [pool.submit(guard, lab) for lab in labs]
        for end in ends:
            end.result()

    run.__name__, run.__module__, run.__doc__ = test.__name__, test.__module__, test.__doc__
    return run


def asks(method: str, path: str, text: str = "") -> Callable[[Exchange], bool]:
    """Make a test of exchanges: this method, a path that ends like this pattern, a body with this text in it."""

    def look(exchange: Exchange) -> bool:
        found = re.search(f"{path}$", exchange.path)
        return exchange.method == method and bool(found) and text.encode() in exchange.body

    return look
