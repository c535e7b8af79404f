"""Runs that the history knows: listed, and looked up where the cluster does not know them any more."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from scriptrun.cli.api_client import Remote, ask_remote, build_object, call_remote
from scriptrun.cli.options import Target
from scriptrun.cli.output.printing import dump_json, dump_yaml, emit, emit_json, name_of, note
from scriptrun.cli.output.result_output import print_object
from scriptrun.cli.output.run_detail import describe_run, format_age
from scriptrun.cli.output.tables import Row, decide_layout, format_row
from scriptrun.errors import NotFound, UsageError
from scriptrun.policies.attempts import parse_instant

__all__ = ["find_past_run", "print_history", "show_past_log", "show_past_run"]

_COLUMNS = ("Name", "Script", "Phase", "Reason", "Attempts", "Duration", "Finished")
_PAGE = 500


def print_history(
    filters: list[tuple[str, str]], since_seconds: int | None, limit: int, form: str | None, target: Target
) -> None:
    """Print runs, the newest first, whether they are in the cluster still or not.

    Args:
        filters: query of the API.
        since_seconds: only runs created in the last so many seconds.
        limit: at most so many.
        form: json, yaml or name; None for a table.
        target: whose namespace.
    """
    query = list(filters)
    if since_seconds is not None:
        since = datetime.now(UTC) - timedelta(seconds=since_seconds)
        query.append(("since", since.isoformat(timespec="seconds").replace("+00:00", "Z")))

    async def work(remote: Remote) -> None:
        runs: list[dict[str, Any]] = []
        cursor: str | None = ""
        while len(runs) < limit and cursor is not None:
            page_query = [
                *query,
                ("limit", str(min(_PAGE, limit - len(runs)))),
                *([("cursor", cursor)] if cursor else []),
            ]
            page = await remote.read("runs", page_query)
            runs += page["items"]
            cursor = page["nextCursor"]
        _print_runs(runs, form, remote.namespace)
        if cursor is not None:
            note(f"there are more: --limit {2 * limit} shows them")

    call_remote(target, work)


def _print_runs(runs: list[dict[str, Any]], form: str | None, namespace: str) -> None:
    if form == "name":
        for run in runs:
            emit(name_of("scriptruns", run["name"]))
    elif form:
        emit(dump_json(runs) if form == "json" else dump_yaml(runs))
    elif not runs:
        note(f"no runs that match in namespace {namespace}")
    else:
        now = datetime.now(UTC)
        rows = [_build_row(run, now) for run in runs]
        layout = decide_layout(_COLUMNS, rows, namespaces=False)
        emit("\n".join([layout.header, *(format_row(row, layout) for row in rows)]))


def _build_row(run: dict[str, Any], now: datetime) -> Row:
    finished = parse_instant(run["finishedAt"])
    seconds = run["durationSeconds"]
    cells = {
        "Name": run["name"],
        "Script": run["script"],
        "Phase": run["phase"],
        "Reason": run["reason"],
        "Attempts": str(run["attemptCount"]),
        "Duration": f"{seconds:g} s" if seconds is not None else "",
        "Finished": f"{format_age((now - finished).total_seconds())} ago" if finished else "",
    }
    return Row(cells, run["namespace"], run["name"], "", run["createdAt"])


def show_past_run(name: str, form: str | None, target: Target) -> None:
    """Print a run that the cluster does not know any more."""

    async def work(remote: Remote) -> None:
        run = await remote.read(f"runs/{name}")
        output = await _read_output(remote, run)
        if form == "output":
            if output is None:
                raise NotFound(f"{name} has no output")
            emit_json(output)
        elif form:
            print_object(build_object(run), form)
        else:
            emit(describe_run(build_object(run), output, datetime.now(UTC)))

    call_remote(target, work)


async def _read_output(remote: Remote, run: dict[str, Any]) -> str | None:
    if run["outputBytes"] is None:
        return None
    return (await remote.read_text(f"runs/{run['name']}/output")).decode()


def show_past_log(name: str, attempt: int | None, target: Target, sink: Callable[[bytes], object]) -> None:
    """Print the log of a run that the cluster does not know any more: the end of its last attempt's."""

    async def work(remote: Remote) -> None:
        run = await remote.read(f"runs/{name}")
        if attempt not in (None, run["attemptCount"]):
            raise NotFound(f"the history keeps the log of the last attempt alone: that is {run['attemptCount']}")
        sink(await remote.read_text(f"runs/{name}/logs"))

    call_remote(target, work)


async def find_past_run(name: str, target: Target) -> dict[str, Any]:
    """Find the ScriptRun that a run was, to run it again.

    Raises:
        UsageError: it had secrets, which the history does not keep.
    """
    run: dict[str, Any] = await ask_remote(target, lambda remote: remote.read(f"runs/{name}"))
    if run["masked"]:
        lost = ", ".join(sorted({pointer.split("/")[1] for pointer in run["masked"]}))
        raise UsageError(
            f"the history does not keep secrets ({lost}): start it anew with scriptrun run {run['script']} --var …"
        )
    return build_object(run)
