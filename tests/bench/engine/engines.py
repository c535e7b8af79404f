"""The real orchestrators, as the benchmark needs them: start workflows of one task, and say when each has completed."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.site import SCRIPT
from peers.servers.bpmn import build_process
from peers.servers.conductor import Conductor
from peers.servers.process import Server
from peers.servers.zeebe import Zeebe

_SECONDS = 300.0
_LOOK_SECONDS = 0.2
_RESPONSE_TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Ended:
    """A workflow that has completed.

    Attributes:
        seconds: from the request that created it to its end.
        output: of its task.
    """

    seconds: float
    output: Any


class Engine(Protocol):
    """A server, and workflows of one task in it, which has an input ``name`` and names the benchmark's Script."""

    @property
    def server(self) -> Server:
        """What runs it; still to be started."""
        ...

    def define(self, work: str) -> None:
        """Define a type of tasks, and a workflow of the same name with one of them."""
        ...

    def build_bridge(self, work: str) -> dict[str, Any]:
        """Build the part of a Bridge's spec that says where and what to claim."""
        ...

    def run(self, work: str, names: Sequence[str]) -> list[Ended]:
        """Create a workflow for each name, all at once, and wait until all have completed."""
        ...


class _PatientZeebe(Zeebe):
    """A broker at which many may await the end of their process: each counts as load, and others soon got 429."""

    def build_environment(self) -> Mapping[str, str]:
        """As always but for that."""
        return {**super().build_environment(), "ZEEBE_BROKER_BACKPRESSURE_ENABLED": "false"}


class ZeebeEngine:
    """Zeebe answers the request that creates an instance when the process has completed."""

    def __init__(self, folder: Path) -> None:
        self.server = _PatientZeebe(folder)

    def define(self, work: str) -> None:
        """Deploy a process."""
        self.server.deploy(f"{work}.bpmn", build_process(work, work, {"script": SCRIPT}))

    def build_bridge(self, work: str) -> dict[str, Any]:
        """Claim its jobs."""
        return {"zeebe": {"address": self.server.address, "taskType": work}}

    def run(self, work: str, names: Sequence[str]) -> list[Ended]:
        """Create instances and wait for the answers."""

        def run(name: str) -> Ended:
            started = time.monotonic()
            variables = self.server.run_to_end(work, {"name": name}, _SECONDS)
            return Ended(time.monotonic() - started, {key: variables[key] for key in variables if key != "name"})

        with ThreadPoolExecutor(len(names)) as pool:
            return list(pool.map(run, names))


class ConductorEngine:
    """Conductor says of a workflow when it ended, so it does not matter how late one looks."""

    def __init__(self, folder: Path) -> None:
        self.server = Conductor(folder)

    def define(self, work: str) -> None:
        """Define task and workflow. A plain worker does not extend its claims: they must last."""
        self.server.define_task(work, retryCount=0, responseTimeoutSeconds=_RESPONSE_TIMEOUT_SECONDS)
        self.server.define_workflow(work, work, {"name": "${workflow.input.name}", "script": SCRIPT})

    def build_bridge(self, work: str) -> dict[str, Any]:
        """Claim its tasks."""
        return {"conductor": {"address": self.server.address, "taskType": work}}

    def run(self, work: str, names: Sequence[str]) -> list[Ended]:
        """Start workflows, then wait for one after the other."""

        def start(name: str) -> tuple[float, str]:
            return time.time(), self.server.start_workflow(work, {"name": name})

        with ThreadPoolExecutor(len(names)) as pool:
            started = list(pool.map(start, names))
        deadline = time.monotonic() + _SECONDS
        return [self._wait(since, workflow, deadline) for since, workflow in started]

    def _wait(self, since: float, workflow: str, deadline: float) -> Ended:
        while (found := self.server.read_workflow(workflow))["status"] == "RUNNING":
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {_SECONDS:g} s for workflow {workflow} to end")
            time.sleep(_LOOK_SECONDS)
        if found["status"] != "COMPLETED":
            raise RuntimeError(f"workflow {workflow} {found['status']}: {found.get('reasonForIncompletion')}")
        return Ended(found["endTime"] / 1000 - since, found["output"]["result"])


ENGINES: dict[str, Callable[[Path], Engine]] = {"zeebe": ZeebeEngine, "conductor": ConductorEngine}
"""Each is given a folder for its server."""
