"""Shows one WorkflowRun or Workflow, the logs of a run, and cancels runs."""

import sys
from datetime import UTC, datetime
from typing import Any

from scriptrun.cli.listing import Listing, read_newest
from scriptrun.cli.options import Target
from scriptrun.cli.output.printing import dump_json, dump_yaml, emit, emit_json, name_of, note, open_log, strip
from scriptrun.cli.output.progress import describe_progress
from scriptrun.cli.output.result_output import print_object
from scriptrun.cli.output.workflow_detail import describe_workflow, describe_workflow_run
from scriptrun.cli.output.workflow_progress import show_workflow_progress
from scriptrun.cli.podlogs import Sink
from scriptrun.cli.script_inspection import build_last_run
from scriptrun.cli.session import Session, call
from scriptrun.cli.waiting import is_finished
from scriptrun.cli.workflows.logs import StepLogs, copy_step_log
from scriptrun.cli.workflows.outputs import list_step_runs, read_workflow_output
from scriptrun.cli.workflows.waiting import await_workflow_end, read_step_names
from scriptrun.errors import NotFound, ScriptRunError
from scriptrun.kube.resources import WORKFLOWRUNS, WORKFLOWS

__all__ = ["cancel_workflow_runs", "show_workflow", "show_workflow_log", "show_workflow_run"]

_PLURAL = WORKFLOWRUNS.plural


def show_workflow_run(name: str, form: str | None, target: Target) -> None:
    """Print a WorkflowRun: in full for people, or as json, yaml, name, or its output alone."""

    async def work(session: Session) -> None:
        run = await session.client.get(WORKFLOWRUNS, session.namespace, name)
        if form in ("json", "yaml", "name"):
            print_object(run, form, _PLURAL)
        elif form == "output":
            emit_json(await _demand_output(session, run))
        else:
            names = await read_step_names(session.client, run)
            emit(describe_workflow_run(run, names, await _try_output(session, run), datetime.now(UTC)))

    call(target, work)


async def _demand_output(session: Session, run: dict[str, Any]) -> str:
    output = await read_workflow_output(session.client, run)
    if output is None:
        raise NotFound(f"{run['metadata']['name']} has no output: {describe_progress(run.get('status') or {})}")
    return output


async def _try_output(session: Session, run: dict[str, Any]) -> str | None:
    """Read the output; the rest of the description is worth showing without it."""
    try:
        return await read_workflow_output(session.client, run)
    except NotFound as error:
        note(f"the output can't be read: {error}")
        return None


def show_workflow(name: str, limit: int, form: str | None, target: Target) -> None:
    """Print a Workflow: in full for people, or as json or yaml together with its last runs.

    Args:
        name: of the Workflow.
        limit: show so many of its runs.
        form: json or yaml; None: for people.
        target: whose namespace.
    """

    async def work(session: Session) -> None:
        workflow = await session.client.get(WORKFLOWS, session.namespace, name)
        listing = Listing(WORKFLOWRUNS, workflow=name)
        columns, runs = await read_newest(session, listing, limit) if limit else ([], [])
        if form is None:
            emit(describe_workflow(workflow, columns, runs, datetime.now(UTC)))
            return
        document = {"workflow": strip(workflow), "runs": [build_last_run(row) for row in runs]}
        emit(dump_json(document) if form == "json" else dump_yaml(document))

    call(target, work)


def show_workflow_log(name: str, step: str, target: Target, *, follow: bool, color: bool) -> None:
    """Print the logs of a WorkflowRun's steps on stdout, and a heading for each on stderr."""
    sink = open_log(sys.stdout, color=color)

    async def work(session: Session) -> None:
        run = await session.client.get(WORKFLOWRUNS, session.namespace, name)
        if step:
            await _check_step(session, run, step)
        if follow and not is_finished(run):
            with show_workflow_progress(name, (), quiet_terminal=False) as progress:
                logs = StepLogs(session.client, run, sink, step)
                await await_workflow_end(session.client, (session.namespace, name), progress, logs)
            return
        await _copy_logs(session, run, step, sink)

    call(target, work)


async def _check_step(session: Session, run: dict[str, Any], step: str) -> None:
    """Check that a run has such a step.

    Raises:
        NotFound: neither its Workflow nor its status names it.
    """
    known = [entry["name"] for entry in (run.get("status") or {}).get("steps") or ()]
    known += [name for name in await read_step_names(session.client, run) if name not in known]
    if known and step not in known:
        raise NotFound(f"{run['metadata']['name']} has no step {step}: it has {', '.join(known)}")


async def _copy_logs(session: Session, run: dict[str, Any], step: str, sink: Sink) -> None:
    name, status = run["metadata"]["name"], run.get("status") or {}
    step_runs = await list_step_runs(session.client, run, step)
    if not step_runs:
        what = f"step {step} of {name}" if step else f"{name}"
        later = "" if is_finished(run) else " yet (-f waits for it)"
        raise ScriptRunError(f"{what} has no ScriptRun{later}: {describe_progress(status)}")
    copied = [await copy_step_log(session.client, body, sink) for body in step_runs]
    if not any(copied):
        raise NotFound(f"none of the {len(step_runs)} ScriptRuns of {name} has a log (any more)")


def cancel_workflow_runs(names: list[str], target: Target) -> None:
    """Ask for the end of WorkflowRuns; of those that are over, say so."""

    async def work(session: Session) -> None:
        for name in names:
            run = await session.client.get(WORKFLOWRUNS, session.namespace, name)
            if is_finished(run):
                note(f"{name} is over already: {run['status']['phase']}")
                continue
            await session.client.patch(WORKFLOWRUNS, (session.namespace, name), {"spec": {"cancel": True}})
            emit(f"{name_of(_PLURAL, name)} canceled")

    call(target, work)
