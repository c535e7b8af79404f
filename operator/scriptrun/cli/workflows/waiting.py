"""From a WorkflowRun just created to its end."""

import asyncio
from typing import Any

from scriptrun.cli.output.workflow_progress import WorkflowProgress
from scriptrun.cli.waiting import hint_when_ignored, is_finished, watch_run
from scriptrun.cli.workflows.logs import StepLogs
from scriptrun.errors import KubeError
from scriptrun.kube.client import Client
from scriptrun.kube.resources import WORKFLOWRUNS, WORKFLOWS

__all__ = ["await_workflow_end", "read_step_names"]

_PROCESS = "scriptrun workflows"


async def await_workflow_end(
    client: Client, key: tuple[str, str], progress: WorkflowProgress, logs: StepLogs | None
) -> dict[str, Any]:
    """Wait until a WorkflowRun is over; return it as it then is.

    Args:
        client: to the API server.
        key: namespace and name of the run.
        progress: is told where it stands.
        logs: follow those of its steps; None: nobody wants them.

    Raises:
        NotFound: the run was deleted meanwhile.
    """
    tasks = [asyncio.create_task(hint_when_ignored(client, WORKFLOWRUNS, key, _PROCESS))]
    if logs:
        tasks.append(asyncio.create_task(logs.run()))
    try:
        async for run in watch_run(client, WORKFLOWRUNS, key):
            progress.update(run.get("status") or {})
            if is_finished(run):
                if logs:
                    await logs.finish()
                return run
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    raise AssertionError("a watch ends by an error only")


async def read_step_names(client: Client, run: dict[str, Any]) -> list[str]:
    """Read the names of a run's steps from its Workflow, in order; none where that can't be read."""
    try:
        workflow = await client.get(WORKFLOWS, run["metadata"]["namespace"], run["spec"]["workflowRef"]["name"])
    except KubeError:
        return []
    spec = workflow["spec"]
    return [step["name"] for step in (*spec["steps"], *(spec.get("finally") or ()))]
