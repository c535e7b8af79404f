"""Listing and watching objects as tables, or as they are."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scriptrun.cli.options import Target
from scriptrun.cli.output.printing import dump_json, dump_yaml, emit, name_of, note, strip
from scriptrun.cli.output.tables import Row, decide_layout, format_row, parse_columns, parse_names, parse_rows
from scriptrun.cli.session import Session, call
from scriptrun.errors import KubeError
from scriptrun.kube.resources import Resource
from scriptrun.kube.watching import GONE

__all__ = ["Listing", "print_list", "read_newest"]

_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
_PAGE = "500"
_GOOD, _BAD, _BUSY = ("Succeeded", "True"), ("Failed", "False"), ("Running", "Queued", "Pending")


@dataclass(frozen=True, slots=True)
class Listing:
    """What to list and how to show it."""

    resource: Resource
    all_namespaces: bool = False
    output: str | None = None
    newest_first: bool = False
    watch: bool = False
    script: str = ""
    workflow: str = ""
    phases: frozenset[str] = field(default_factory=frozenset)

    def wants_row(self, row: Row) -> bool:
        """Whether a row of the table passes the filters."""
        return self._wants(row.cells.get("Script", ""), row.cells.get("Workflow", ""), row.cells.get("Phase", ""))

    def wants_object(self, obj: dict[str, Any]) -> bool:
        """Whether an object passes the filters."""
        script, workflow = (obj["spec"].get(field, {}).get("name", "") for field in ("scriptRef", "workflowRef"))
        return self._wants(script, workflow, obj.get("status", {}).get("phase", ""))

    def _wants(self, script: str, workflow: str, phase: str) -> bool:
        if (self.script and script != self.script) or (self.workflow and workflow != self.workflow):
            return False
        return not self.phases or (phase or "Pending") in self.phases


def print_list(listing: Listing, target: Target) -> None:
    """Print what there is and, if wanted, each change from then on until Ctrl-C."""

    async def work(session: Session) -> None:
        if listing.output in (None, "wide"):
            await _print_table(session, listing)
        else:
            await _print_objects(session, listing)

    call(target, work)


async def read_newest(session: Session, listing: Listing, limit: int) -> tuple[list[str], list[Row]]:
    """Read the columns and the newest rows that a listing wants."""
    pages, _ = await _list(session, listing, _TABLE)
    names = parse_names(pages[0])
    rows = [row for page in pages for row in parse_rows(page, names) if listing.wants_row(row)]
    return parse_columns(pages[0], wide=False), sorted(rows, key=lambda row: row.created, reverse=True)[:limit]


async def _list(session: Session, listing: Listing, accept: str) -> tuple[list[dict[str, Any]], str]:
    """Read every page; return them and the version from which to watch."""
    pages: list[dict[str, Any]] = []
    query = {"limit": _PAGE}
    namespace = "" if listing.all_namespaces else session.namespace
    while True:
        pages.append(await session.client.list(listing.resource, namespace, accept=accept, **query))
        metadata = pages[-1]["metadata"]
        if not metadata.get("continue"):
            return pages, str(metadata.get("resourceVersion") or "")
        query["continue"] = metadata["continue"]


async def _print_objects(session: Session, listing: Listing) -> None:
    pages, _ = await _list(session, listing, "application/json")
    items = [strip(item) for page in pages for item in page["items"] if listing.wants_object(item)]
    if listing.output == "name":
        for item in items:
            emit(name_of(listing.resource.plural, item["metadata"]["name"]))
        return
    document = {"apiVersion": "v1", "kind": "List", "items": items}
    emit(dump_json(document) if listing.output == "json" else dump_yaml(document))


async def _print_table(session: Session, listing: Listing) -> None:
    pages, version = await _list(session, listing, _TABLE)
    names = parse_names(pages[0])
    rows = [row for page in pages for row in parse_rows(page, names) if listing.wants_row(row)]
    if listing.newest_first:
        rows.sort(key=lambda row: row.created, reverse=True)
    if not (rows or listing.watch):
        where = "any namespace" if listing.all_namespaces else f"namespace {session.namespace}"
        filtered = listing.script or listing.workflow or listing.phases
        what = f"{listing.resource.plural} that match" if filtered else listing.resource.plural
        note(f"no {what} in {where}")
        return
    columns = parse_columns(pages[0], wide=listing.output == "wide")
    layout = decide_layout(columns, rows, namespaces=listing.all_namespaces)
    write = _choose_writer()
    write(layout.header)
    for row in rows:
        write(format_row(row, layout))
    if listing.watch:
        await _watch_table(session, listing, names, version, lambda row: write(format_row(row, layout)))


async def _watch_table(
    session: Session, listing: Listing, names: list[str], version: str, show: Callable[[Row], None]
) -> None:
    """Show each row anew when its object changes, as `kubectl get -w` does."""
    namespace = "" if listing.all_namespaces else session.namespace
    while True:
        watch = session.client.watch(listing.resource, namespace, accept=_TABLE, resourceVersion=version)
        try:
            async for event in watch:
                if event["type"] == "ERROR":
                    raise KubeError(str(event["object"].get("message")), int(event["object"].get("code") or 0))
                for row in parse_rows(event["object"], names):
                    version = row.version
                    if event["type"] in ("ADDED", "MODIFIED") and listing.wants_row(row):
                        show(row)
        except KubeError as error:
            if error.status != GONE:
                raise
            _, version = await _list(session, listing, _TABLE)


def _choose_writer() -> Callable[[str], None]:
    """Choose how lines are printed: with colours on a terminal that may have them (NO_COLOR), else plainly."""
    if not sys.stdout.isatty():
        return emit
    from rich.console import Console
    from rich.highlighter import RegexHighlighter
    from rich.theme import Theme

    class Words(RegexHighlighter):
        """Colours phases and conditions."""

        highlights = [  # noqa: RUF012 - rich declares it so
            rf"(?P<{style}>(?<!\S)({'|'.join(words)})(?!\S))"
            for style, words in (("good", _GOOD), ("bad", _BAD), ("busy", _BUSY))
        ]

    theme = Theme({"good": "green", "bad": "red", "busy": "yellow"})
    console = Console(theme=theme, highlighter=Words(), soft_wrap=True)
    return lambda line: console.print(line, markup=False, emoji=False)
