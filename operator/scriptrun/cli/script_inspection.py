"""Showing one Script and its last runs."""

from datetime import UTC, datetime
from typing import Any

from scriptrun.cli.listing import Listing, read_newest
from scriptrun.cli.options import Target
from scriptrun.cli.output.printing import dump_json, dump_yaml, emit, strip
from scriptrun.cli.output.script_detail import describe_script
from scriptrun.cli.output.tables import Row
from scriptrun.cli.scriptchoice import choose_script
from scriptrun.cli.session import Session, call
from scriptrun.kube.resources import SCRIPTRUNS, SCRIPTS

__all__ = ["build_last_run", "show_script"]


def show_script(typed: str, limit: int, form: str | None, target: Target) -> None:
    """Print a Script: in full for people, or as json or yaml together with its last runs.

    Args:
        typed: its name or alias.
        limit: show so many of its runs.
        form: json or yaml; None: for people.
        target: whose namespace.
    """

    async def work(session: Session) -> None:
        name = await choose_script(session, typed)
        script = await session.client.get(SCRIPTS, session.namespace, name)
        columns, runs = await read_newest(session, Listing(SCRIPTRUNS, script=name), limit) if limit else ([], [])
        if form is None:
            emit(describe_script(script, columns, runs, datetime.now(UTC)))
            return
        document = {"script": strip(script), "runs": [build_last_run(row) for row in runs]}
        emit(dump_json(document) if form == "json" else dump_yaml(document))

    call(target, work)


def build_last_run(row: Row) -> dict[str, Any]:
    """Build what is told of a run in a list of the last ones. Pure."""
    return {
        "name": row.name,
        "phase": row.cells.get("Phase") or "Pending",
        "reason": row.cells.get("Reason", ""),
        "createdAt": row.created,
    }
