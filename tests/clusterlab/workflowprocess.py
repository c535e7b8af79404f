"""The process that runs workflows, as a local process with the rights of the chart's own account."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clusterlab.chart import NAMESPACE, WORKFLOWS
from clusterlab.process import OperatorProcess, write_kubeconfig
from clusterlab.space import Space
from clusterlab.watch import Manifest
from kubeapi import wait_for
from scriptrun.models.base import API_VERSION

SECONDS = 60.0


class WorkflowProcess(OperatorProcess):
    """It runs workflows."""

    command = "workflows"


@pytest.fixture(scope="module")
def workflows(kubeconfig: Path, chart: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkflowProcess]:
    """One at work."""
    account = write_kubeconfig(kubeconfig, WORKFLOWS, tmp_path_factory.mktemp("workflows") / "kubeconfig")
    settings = {
        "LEASE_NAMESPACE": NAMESPACE,
        "LEASE_DURATION_SECONDS": "3",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "0",
        "LOG_FORMAT": "json",
    }
    process = WorkflowProcess(account, settings)
    process.start()
    process.wait_for_log("working")
    yield process
    if process.running:
        assert process.stop() == 0, process.tail()
    tracebacks = [line for line in process.log if "Traceback" in line]
    assert not tracebacks, "\n".join(tracebacks)


def add(space: Space, kind: str, name: str, spec: dict[str, Any]) -> Manifest:
    """Create a Workflow or a WorkflowRun."""
    body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
    return space.create(space.path(f"{kind.lower()}s", group=API_VERSION), body)


def wait_status(space: Space, kind: str, name: str, what: str, look: Callable[[dict[str, Any]], object]) -> Any:
    """Wait until the status of a Workflow or WorkflowRun is as it should be; returns it."""
    path = space.path(f"{kind.lower()}s", name, group=API_VERSION)
    seen: dict[str, Any] = {}

    def find() -> dict[str, Any] | None:
        seen.clear()
        seen.update(space.api.get(path).body.get("status") or {})
        return dict(seen) if look(seen) else None

    return wait_for(f"{kind} {name}: {what}", find, SECONDS)


def wait_end(space: Space, name: str) -> Any:
    """Wait until a WorkflowRun is over; returns its status."""
    return wait_status(space, "WorkflowRun", name, "to end", lambda status: "finishedAt" in status)
