"""The logs of a WorkflowRun's steps, one step after the other."""

import asyncio
from typing import Any

from scriptrun.cli.output.printing import note
from scriptrun.cli.podlogs import Sink, copy_attempts, copy_log, list_pods
from scriptrun.cli.waiting import await_end
from scriptrun.cli.workflows.outputs import describe_step_run, list_step_runs, sort_step_runs
from scriptrun.desired.links import is_owned_by
from scriptrun.desired.workflows.names import STEP_LABEL, WORKFLOW_RUN_LABEL
from scriptrun.errors import KubeError, NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.resources import SCRIPTRUNS
from scriptrun.kube.watching import LISTED, watch_objects

__all__ = ["StepLogs", "copy_step_log"]

_PATIENCE_SECONDS = 15.0


class _Quiet:
    """Shows no progress of a ScriptRun: that of the WorkflowRun says where its steps stand."""

    def update(self, text: str) -> None:
        pass


async def copy_step_log(client: Client, body: dict[str, Any], sink: Sink) -> int:
    """Copy the log of one step's ScriptRun, under a heading; returns how many attempts had one."""
    note(describe_step_run(body))
    namespace = body["metadata"]["namespace"]
    pods = await list_pods(client, body)
    if len(pods) > 1:
        return await copy_attempts(client, namespace, pods, sink, note)
    try:
        for pod in pods:
            await copy_log(client, namespace, pod, sink)
    except NotFound as error:
        note(str(error))
        return 0
    return len(pods)


class StepLogs:
    """Copies the logs of a WorkflowRun's steps as they come.

    Args:
        client: to the API server.
        run: the WorkflowRun.
        sink: gets the logs.
        step: only that of this step; "" stands for all.
    """

    def __init__(self, client: Client, run: dict[str, Any], sink: Sink, step: str = "") -> None:
        self._client = client
        self._run = run
        self._sink = sink
        self._step = step
        self._begun: set[str] = set()
        self._writing = asyncio.Lock()

    async def run(self) -> None:
        """Follow the ScriptRuns of the steps until cancelled."""
        metadata = self._run["metadata"]
        selector = f"{WORKFLOW_RUN_LABEL}={metadata['name']}"
        existing: list[dict[str, Any]] | None = []
        try:
            async for type_, body in watch_objects(
                self._client, SCRIPTRUNS, metadata["namespace"], labelSelector=selector
            ):
                if type_ == LISTED and existing is not None:  # the list was in the order of names
                    for one in sort_step_runs(existing, self._run):
                        await self._show(one)
                    existing = None
                elif type_ in ("ADDED", "MODIFIED") and self._wants(body):
                    if existing is None:
                        await self._show(body)
                    else:
                        existing.append(body)
        except KubeError as error:
            note(f"the logs can't be followed: {error}")

    async def finish(self) -> None:
        """Copy what is still missing of a WorkflowRun that is over."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), self._writing:
                pass  # whatever is being copied is complete
        except TimeoutError:
            note("the log may go on: a ScriptRun of the run has not ended yet")
            return
        for body in await list_step_runs(self._client, self._run, self._step):
            await self._show(body)

    def _wants(self, body: dict[str, Any]) -> bool:
        labels = body["metadata"].get("labels") or {}
        return is_owned_by(body, self._run["metadata"]["uid"]) and self._step in ("", labels.get(STEP_LABEL))

    async def _show(self, body: dict[str, Any]) -> None:
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        async with self._writing:
            if name in self._begun:
                return
            self._begun.add(name)
            note(describe_step_run(body))
            try:
                await await_end(self._client, (namespace, name), _Quiet(), self._sink)
            except NotFound as error:
                note(str(error))
