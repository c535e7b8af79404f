"""The process that runs workflows, as a local process, and what tests ask of it."""

from collections.abc import Callable
from typing import Any

from clusterlab.process import OperatorProcess
from clusterlab.space import Space
from clusterlab.watch import Manifest
from kubeapi import wait_for
from scriptrun.models.base import API_VERSION

SECONDS = 60.0


class WorkflowProcess(OperatorProcess):
    """It runs workflows."""

    command = "workflows"


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
