"""Showing one run, its log, and ending it."""

import sys
from datetime import UTC, datetime
from typing import Any

from scriptrun.cli.api_client import is_configured
from scriptrun.cli.history import show_past_log, show_past_run
from scriptrun.cli.options import Target
from scriptrun.cli.output.printing import emit, emit_json, name_of, note, open_log
from scriptrun.cli.output.progress import describe_progress, show_progress
from scriptrun.cli.output.result_output import print_object, read_output
from scriptrun.cli.output.run_detail import describe_run
from scriptrun.cli.podlogs import copy_attempts, copy_log, list_pods
from scriptrun.cli.session import Session, call
from scriptrun.cli.waiting import await_end, is_finished
from scriptrun.errors import NotFound, ScriptRunError
from scriptrun.kube.resources import SCRIPTRUNS

__all__ = ["cancel_runs", "show_log", "show_run"]


def show_run(name: str, form: str | None, target: Target) -> None:
    """Print a run: in full for people, or as json, yaml, name, or its output alone."""

    async def work(session: Session) -> None:
        run = await session.client.get(SCRIPTRUNS, session.namespace, name)
        if form in ("json", "yaml", "name"):
            print_object(run, form)
        elif form == "output":
            emit_json(await _demand_output(session, run))
        else:
            emit(describe_run(run, await _try_output(session, run), datetime.now(UTC)))

    try:
        call(target, work)
    except NotFound:
        if not is_configured():
            raise
        show_past_run(name, form, target)


async def _demand_output(session: Session, run: dict[str, Any]) -> str:
    output = await read_output(session.client, run)
    if output is None:
        raise NotFound(f"{run['metadata']['name']} has no output: {describe_progress(run.get('status', {}))}")
    return output


async def _try_output(session: Session, run: dict[str, Any]) -> str | None:
    """Read the output; the rest of the description is worth showing without it."""
    try:
        return await read_output(session.client, run)
    except NotFound as error:
        note(f"the output can't be read: {error}")
        return None


def show_log(name: str, target: Target, *, follow: bool, attempt: int | None, color: bool) -> None:
    """Print a run's log on stdout."""
    sink = open_log(sys.stdout, color=color)

    async def work(session: Session) -> None:
        run = await session.client.get(SCRIPTRUNS, session.namespace, name)
        pods = await list_pods(session.client, run)
        if follow and attempt is None and not is_finished(run):
            earlier = pods[:-1]
            await copy_attempts(session.client, session.namespace, earlier, sink, note)
            with show_progress(name, quiet_terminal=False) as progress:
                await await_end(session.client, (session.namespace, name), progress, sink, earlier)
            return
        if not pods:
            state = describe_progress(run.get("status", {}))
            raise ScriptRunError(f"{name} has no pod{'' if is_finished(run) else ' yet (-f waits for it)'}: {state}")
        if attempt is not None and attempt > len(pods):
            raise ScriptRunError(f"{name} has no attempt {attempt}: there were {len(pods)}")
        if attempt is None and len(pods) > 1:
            if not await copy_attempts(session.client, session.namespace, pods, sink, note):
                raise NotFound(f"none of the {len(pods)} attempts of {name} has a log (any more)")
        else:
            await copy_log(session.client, session.namespace, pods[(attempt or 0) - 1], sink, follow=follow)

    try:
        call(target, work)
    except NotFound:
        if not is_configured():
            raise
        show_past_log(name, attempt, target, sink)


def cancel_runs(names: list[str], target: Target) -> None:
    """Ask for the end of runs; of those that are over, say so."""

    async def work(session: Session) -> None:
        for name in names:
            run = await session.client.get(SCRIPTRUNS, session.namespace, name)
            if is_finished(run):
                note(f"{name} is over already: {run['status']['phase']}")
                continue
            await session.client.patch(SCRIPTRUNS, (session.namespace, name), {"spec": {"cancel": True}})
            emit(f"{name_of('scriptruns', name)} canceled")

    call(target, work)
