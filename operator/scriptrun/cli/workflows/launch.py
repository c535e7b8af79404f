"""Starts a WorkflowRun and sees it to its end."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from scriptrun.cli.input_files import read_variables
from scriptrun.cli.launch import Flags, print_started, say_how_to_get_back
from scriptrun.cli.options import Target
from scriptrun.cli.output.exit_codes import INTERRUPTED, decide_workflow_exit_code
from scriptrun.cli.output.printing import emit_json, name_of, note, open_log
from scriptrun.cli.output.result_output import describe_end, print_object
from scriptrun.cli.output.workflow_progress import show_workflow_progress
from scriptrun.cli.session import Session, call
from scriptrun.cli.variables import parse_duration
from scriptrun.cli.waiting import is_finished
from scriptrun.cli.workflows.logs import StepLogs
from scriptrun.cli.workflows.outputs import read_failed_script, read_workflow_output
from scriptrun.cli.workflows.waiting import await_workflow_end, read_step_names
from scriptrun.desired.workflows.request import WorkflowRequest, build_workflow_rerun, build_workflow_run
from scriptrun.desired.workflows.step_status import parse_step
from scriptrun.errors import Forbidden, NotFound, UsageError
from scriptrun.kube.resources import WORKFLOWRUNS, WORKFLOWS
from scriptrun.policies.aliases import suggest_name
from scriptrun.policies.exactness import find_inexact
from scriptrun.policies.workflows.resume import find_resume_step

__all__ = ["WorkflowWishes", "launch_workflow", "relaunch_workflow"]

GROUP = "workflows"
_PLURAL = WORKFLOWRUNS.plural


@dataclass(frozen=True, slots=True)
class WorkflowWishes:
    """The options of `workflows run`, as typed."""

    var: list[str]
    vars: list[str]
    name: str = ""
    ttl: str = ""


def launch_workflow(workflow: str, wishes: WorkflowWishes, flags: Flags, target: Target) -> int:
    """Run a Workflow; return the exit code."""
    ttl = parse_duration(wishes.ttl, "--ttl") if wishes.ttl else None
    request = WorkflowRequest(workflow, wishes.name, read_variables(wishes.vars, wishes.var, "input"), ttl)

    async def build(session: Session) -> dict[str, Any]:
        await _check_workflow(session, workflow)
        return build_workflow_run(request, session.namespace)

    return _start(build, flags, target)


def relaunch_workflow(name: str, new_name: str, flags: Flags, target: Target, *, from_failed: bool) -> int:
    """Run again what another WorkflowRun ran, or resume it where it failed; return the exit code."""

    async def build(session: Session) -> dict[str, Any]:
        run = await session.client.get(WORKFLOWRUNS, session.namespace, name)
        if wrong := find_inexact(run["spec"].get("input") or {}, "input"):
            raise UsageError(f"{name} can't be run again as it was: {wrong}")
        step = await _find_failed(session, run) if from_failed else ""
        return build_workflow_rerun(run, new_name, step)

    return _start(build, flags, target)


async def _check_workflow(session: Session, workflow: str) -> None:
    """Check that there is such a Workflow, before a run of it is created."""
    try:
        await session.client.get(WORKFLOWS, session.namespace, workflow)
    except Forbidden:
        return  # who may create runs need not see Workflows: `scriptrun workflows` finds out
    except NotFound as error:
        if not error.reason:
            raise  # the cluster does not know the kind
        page = await session.client.list(WORKFLOWS, session.namespace)
        nearest = suggest_name(workflow, [item["metadata"]["name"] for item in page["items"]])
        hint = f'did you mean "{nearest}"?' if nearest else '"scriptrun workflows list" shows all'
        raise UsageError(f'there is no Workflow "{workflow}" in namespace {session.namespace}: {hint}') from error


async def _find_failed(session: Session, run: dict[str, Any]) -> str:
    """Find the step to resume a run from.

    Raises:
        UsageError: there is none.
    """
    name, status = run["metadata"]["name"], run.get("status") or {}
    if not is_finished(run):
        raise UsageError(f'{name} has not ended: cancel it first ("scriptrun workflows cancel {name}")')
    if not status.get("steps"):
        raise UsageError(f"{name} ended before its first step ({status['reason']}): leave out --from-failed")
    try:
        workflow = await session.client.get(WORKFLOWS, session.namespace, run["spec"]["workflowRef"]["name"])
        last = {step["name"] for step in workflow["spec"].get("finally") or ()}
    except Forbidden:
        last = set()
    step = find_resume_step(parse_step(entry) for entry in status["steps"] if entry["name"] not in last)
    if step is None:
        raise UsageError(f"{name} has no step that failed: leave out --from-failed to run all of them again")
    return step


def _start(build: Callable[[Session], Awaitable[dict[str, Any]]], flags: Flags, target: Target) -> int:
    """Create the WorkflowRun and, if wanted, wait for its end."""
    started: list[tuple[str, str]] = []

    async def work(session: Session) -> int:
        manifest = await build(session)
        run = await session.client.create(WORKFLOWRUNS, manifest["metadata"]["namespace"], manifest)
        key = (run["metadata"]["namespace"], run["metadata"]["name"])
        if flags.no_wait:
            print_started(run, flags.output, _PLURAL)
            return 0
        started.append(key)
        note(f"{name_of(_PLURAL, key[1])} created")
        names = await read_step_names(session.client, run)
        with show_workflow_progress(key[1], names, quiet_terminal=not flags.follow) as progress:
            sink = open_log(sys.stderr, color=flags.color)
            logs = StepLogs(session.client, run, sink) if flags.follow else None
            run = await await_workflow_end(session.client, key, progress, logs)
        started.clear()
        return await _print_end(session, run, flags)

    try:
        return call(target, work)
    except BaseException as error:
        if started:
            say_how_to_get_back(*started[0], target, GROUP)
        if isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        raise


async def _print_end(session: Session, run: dict[str, Any], flags: Flags) -> int:
    """Print what became of a run; return the exit code."""
    note(describe_end(run, log_shown=flags.follow))
    if flags.output:
        print_object(run, flags.output, _PLURAL)
    else:
        output = await _read_output(session, run)
        if output is not None:
            emit_json(output)
    return decide_workflow_exit_code(run["status"], await read_failed_script(session.client, run))


async def _read_output(session: Session, run: dict[str, Any]) -> str | None:
    """Read the output; with a TTL of 0 s it may have gone in the moment of the run's end."""
    try:
        return await read_workflow_output(session.client, run)
    except NotFound as error:
        if run["spec"].get("ttlSecondsAfterFinished") != 0:
            raise
        note(f"the output was deleted together with the run (ttlSecondsAfterFinished is 0): {error}")
        return None
