"""What is seen of the cluster: Workflows, their runs, the ScriptRuns of steps, and the names of Scripts."""

from collections.abc import Callable, Iterator
from typing import Any

from scriptrun.desired.workflows.names import WORKFLOW_RUN_LABEL

__all__ = ["Body", "Cache", "Key", "key_of"]

Key = tuple[str, str]
"""Namespace and name."""

Body = dict[str, Any]


def key_of(body: Body) -> Key:
    """Get an object's namespace and name."""
    return body["metadata"]["namespace"], body["metadata"]["name"]


def _version(body: Body) -> int:
    return int(body["metadata"]["resourceVersion"])


class Cache:
    """Filled by watches, and by what the API server answers to our own writes.

    Args:
        on_run: told of the key of each WorkflowRun about which something has changed.
        on_workflow: the same of Workflows.
    """

    def __init__(self, on_run: Callable[[Key], None], on_workflow: Callable[[Key], None]) -> None:
        self._on_run = on_run
        self._on_workflow = on_workflow
        self.workflows: dict[Key, Body] = {}
        self.runs: dict[Key, Body] = {}
        self.scripts: set[Key] = set()
        self.step_runs: dict[Key, dict[str, Body]] = {}

    def on_workflow_event(self, event: str, body: Body) -> None:
        """Take in a Workflow."""
        key = key_of(body)
        if event == "DELETED":
            self.workflows.pop(key, None)
        else:
            self.workflows[key] = body
        self._on_workflow(key)

    def on_run_event(self, event: str, body: Body) -> None:
        """Take in a WorkflowRun; of two versions the newer one stays."""
        key = key_of(body)
        if event == "DELETED":
            self.runs.pop(key, None)
            self.step_runs.pop(key, None)
        elif (known := self.runs.get(key)) is None or _version(known) <= _version(body):
            self.runs[key] = body
        self._on_run(key)
        for other in self.list_runs_of((key[0], body["spec"]["workflowRef"]["name"])):
            if not other.get("status", {}).get("snapshot"):
                self._on_run(key_of(other))  # it may have waited for this one

    def on_script_event(self, event: str, body: Body) -> None:
        """Take in that there is a Script, or no longer."""
        key = key_of(body)
        known = key in self.scripts
        if event == "DELETED":
            self.scripts.discard(key)
        else:
            self.scripts.add(key)
        if known != (key in self.scripts):
            for workflow in self.workflows:
                if workflow[0] == key[0]:
                    self._on_workflow(workflow)

    def on_step_run_event(self, event: str, body: Body) -> None:
        """Take in the ScriptRun of a step; of two versions the newer one stays."""
        if WORKFLOW_RUN_LABEL not in (body["metadata"].get("labels") or {}):
            return
        namespace, name = key_of(body)
        run = (namespace, body["metadata"]["labels"][WORKFLOW_RUN_LABEL])
        there = self.step_runs.setdefault(run, {})
        ended = bool(body.get("status", {}).get("finishedAt"))
        if event == "DELETED" and not ended:
            there.pop(name, None)  # one that had ended stays known: its TTL must not undo its step
        elif name not in there or _version(there[name]) <= _version(body):
            there[name] = body
        self._on_run(run)

    def list_runs_of(self, workflow: Key) -> Iterator[Body]:
        """List the runs of a Workflow that have not ended."""
        for key, body in self.runs.items():
            ended = body.get("status", {}).get("finishedAt")
            if key[0] == workflow[0] and body["spec"]["workflowRef"]["name"] == workflow[1] and not ended:
                yield body
