"""The WorkflowRun that somebody asks for."""

from dataclasses import dataclass, field
from typing import Any

from scriptrun.desired.request import decide_prefix
from scriptrun.models.base import API_VERSION

__all__ = ["WorkflowRequest", "build_workflow_rerun", "build_workflow_run"]

_COPIED = ("input", "ttlSecondsAfterFinished")


@dataclass(frozen=True, slots=True)
class WorkflowRequest:
    """What a run is to be; None stands for the Workflow's own setting."""

    workflow: str
    name: str = ""
    input: dict[str, Any] = field(default_factory=dict)
    ttl_seconds: int | None = None


def build_workflow_run(request: WorkflowRequest, namespace: str) -> dict[str, Any]:
    """Build the WorkflowRun of a request."""
    optional = {"input": request.input, "ttlSecondsAfterFinished": request.ttl_seconds}
    given = {key: value for key, value in optional.items() if value not in (None, {})}
    return _build(request.workflow, request.name, namespace, given)


def build_workflow_rerun(run: dict[str, Any], name: str, step: str = "") -> dict[str, Any]:
    """Build a run with the same Workflow, input and TTL as another one.

    Args:
        run: the other WorkflowRun.
        name: of the new one; "" lets the API server choose.
        step: the step to resume from; "" runs all steps.
    """
    spec, old = run["spec"], run["metadata"]
    copied = {key: spec[key] for key in _COPIED if key in spec}
    resume = {"resume": {"run": old["name"], "step": step}} if step else {}
    return _build(spec["workflowRef"]["name"], name, old["namespace"], {**copied, **resume})


def _build(workflow: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    named = {"name": name} if name else {"generateName": decide_prefix(workflow)}
    return {
        "apiVersion": API_VERSION,
        "kind": "WorkflowRun",
        "metadata": {**named, "namespace": namespace},
        "spec": {"workflowRef": {"name": workflow}, **spec},
    }
