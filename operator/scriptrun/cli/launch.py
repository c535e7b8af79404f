"""Starting a run and seeing it to its end."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from scriptrun.cli.api_client import is_configured
from scriptrun.cli.history import find_past_run
from scriptrun.cli.input_files import read_text, read_variables
from scriptrun.cli.options import Target
from scriptrun.cli.output.exit_codes import INTERRUPTED
from scriptrun.cli.output.printing import emit, name_of, note, open_log
from scriptrun.cli.output.progress import show_progress
from scriptrun.cli.output.result_output import print_end, print_object, read_output
from scriptrun.cli.scriptchoice import choose_script
from scriptrun.cli.session import Session, call
from scriptrun.cli.variables import parse_duration, parse_key, parse_object, parse_variables_from
from scriptrun.cli.waiting import await_end
from scriptrun.desired.request import Request, build_rerun, build_run
from scriptrun.errors import NotFound, UsageError
from scriptrun.kube.resources import SCRIPTRUNS
from scriptrun.policies.acceptance import check_exact

__all__ = ["Flags", "Wishes", "launch", "launch_local", "print_started", "relaunch", "say_how_to_get_back"]

_ONLY_CLUSTER = ("from_", "source", "name", "retries", "ttl")
_ONLY_LOCAL = ("contract", "handler", "config")


@dataclass(frozen=True, slots=True)
class Flags:
    """What to show of a run, and whether to wait for it."""

    follow: bool = False
    no_wait: bool = False
    output: str | None = None
    color: bool = False


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of `run`, as typed."""

    var: list[str]
    vars: list[str]
    from_: list[str]
    source: str = ""
    name: str = ""
    timeout: str = ""
    retries: int | None = None
    ttl: str = ""
    contract: str | None = None
    handler: str | None = None
    config: str = ""


def launch(script: str, wishes: Wishes, flags: Flags, target: Target) -> int:
    """Run a Script; return the exit code."""
    _refuse(wishes, _ONLY_LOCAL, "needs --local: in the cluster the Script says so")
    request = Request(
        script,
        wishes.name,
        read_variables(wishes.vars, wishes.var),
        parse_variables_from(wishes.from_),
        parse_key(wishes.source) if wishes.source else None,
        parse_duration(wishes.timeout, "--timeout") if wishes.timeout else None,
        wishes.retries,
        parse_duration(wishes.ttl, "--ttl") if wishes.ttl else None,
    )

    async def build(session: Session) -> dict[str, Any]:
        name = await choose_script(session, script)
        return build_run(replace(request, script=name), session.namespace)

    return _start(build, flags, target)


def relaunch(name: str, new_name: str, flags: Flags, target: Target) -> int:
    """Run again what another run ran; return the exit code."""

    async def build(session: Session) -> dict[str, Any]:
        try:
            run = await session.client.get(SCRIPTRUNS, session.namespace, name)
        except NotFound:
            if not is_configured():
                raise
            run = await find_past_run(name, replace(target, namespace=session.namespace))
        manifest = build_rerun(run, new_name)
        if wrong := check_exact(manifest["spec"]):
            raise UsageError(f"{name} can't be run again as it was: {wrong.message}")
        return manifest

    return _start(build, flags, target)


def launch_local(file: str, wishes: Wishes, flags: Flags) -> int:
    """Run a file on this machine; return the exit code."""
    from scriptrun.cli.local import LocalRun, execute_locally

    _refuse(wishes, _ONLY_CLUSTER, "is of no use with --local")
    if flags.no_wait:
        raise UsageError("--no-wait is of no use with --local")
    overrides: dict[str, Any] = {key: getattr(wishes, key) for key in ("contract", "handler") if getattr(wishes, key)}
    if wishes.config:
        overrides["config"] = parse_object(read_text(wishes.config), wishes.config)
    if wishes.timeout:
        overrides["attemptDeadlineSeconds"] = parse_duration(wishes.timeout, "--timeout")
    run, output = execute_locally(
        LocalRun(Path(file), overrides, read_variables(wishes.vars, wishes.var)),
        open_log(sys.stderr, color=flags.color),
    )
    return print_end(run, output, flags.output, log_shown=True)


def _start(build: Callable[[Session], Awaitable[dict[str, Any]]], flags: Flags, target: Target) -> int:
    """Create the ScriptRun and, if wanted, wait for its end."""
    started: list[tuple[str, str]] = []

    async def work(session: Session) -> int:
        manifest = await build(session)
        run = await session.client.create(SCRIPTRUNS, manifest["metadata"]["namespace"], manifest)
        key = (run["metadata"]["namespace"], run["metadata"]["name"])
        if flags.no_wait:
            print_started(run, flags.output)
            return 0
        started.append(key)
        note(f"{name_of('scriptruns', key[1])} created")
        with show_progress(key[1], quiet_terminal=not flags.follow) as progress:
            log = open_log(sys.stderr, color=flags.color) if flags.follow else None
            run = await await_end(session.client, key, progress, log)
        started.clear()
        output = await _read_output(session, run) if not flags.output else None
        return print_end(run, output, flags.output, log_shown=flags.follow)

    try:
        return call(target, work)
    except BaseException as error:
        if started:
            say_how_to_get_back(*started[0], target)
        if isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        raise


async def _read_output(session: Session, run: dict[str, Any]) -> str | None:
    """Read the output; with a TTL of 0 s it may have gone in the moment of the run's end."""
    try:
        return await read_output(session.client, run)
    except NotFound as error:
        if run["spec"].get("ttlSecondsAfterFinished") != 0:
            raise
        note(f"the output was deleted together with the run (ttlSecondsAfterFinished is 0): {error}")
        return None


def print_started(run: dict[str, Any], form: str | None, plural: str = "scriptruns") -> None:
    """Print a run that is not waited for.

    Args:
        run: as it was created.
        form: json, yaml or name; None: a line that says so.
        plural: of its kind.
    """
    if form:
        print_object(run, form, plural)
    else:
        emit(f"{name_of(plural, run['metadata']['name'])} created")


def say_how_to_get_back(namespace: str, name: str, target: Target, group: str = "") -> None:
    """Say how to see and to end a run that is no longer waited for.

    Args:
        namespace: of the run.
        name: of the run.
        target: as typed.
        group: of the commands that do so, such as `workflows`; "" for those of ScriptRuns.
    """
    where = f" -n {namespace}" if target.namespace else ""
    where += f" --context {target.context}" if target.context else ""
    where += f" --kubeconfig {target.kubeconfig}" if target.kubeconfig else ""
    command = f"scriptrun {group}".rstrip()
    note(
        f"\n{name} goes on without you. See it: {command} logs -f {name}{where}; its output: "
        f"{command} get {name} -o output{where}; end it: {command} cancel {name}{where}"
    )


def _refuse(wishes: Wishes, names: tuple[str, ...], why: str) -> None:
    for item in fields(wishes):
        if item.name in names and getattr(wishes, item.name) not in (None, "", []):
            raise UsageError(f"--{item.name.rstrip('_')} {why}")
