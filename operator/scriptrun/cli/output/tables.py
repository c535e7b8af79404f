"""Tables as the API server prints them for kubectl: the same columns, filtered and laid out here. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from scriptrun.policies.text import escape_controls

__all__ = ["Layout", "Row", "decide_layout", "format_row", "parse_columns", "parse_names", "parse_rows"]

_GAP = "   "


@dataclass(frozen=True, slots=True)
class Row:
    """One object: its cells by column, and who it is."""

    cells: dict[str, str]
    namespace: str
    name: str
    version: str
    created: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns in order, each with its width; kept while a watch prints further rows."""

    columns: tuple[tuple[str, int], ...]

    @property
    def header(self) -> str:
        """The first line."""
        return _join([(name.upper(), width) for name, width in self.columns])


def parse_columns(table: dict[str, Any], *, wide: bool) -> list[str]:
    """Read the columns to show from a ``meta.k8s.io/v1`` Table."""
    definitions = table.get("columnDefinitions") or []
    return [str(column["name"]) for column in definitions if wide or not column.get("priority")]


def parse_names(table: dict[str, Any]) -> list[str]:
    """Read the names of all columns; a watch gives them with its first event only."""
    return [str(column["name"]) for column in table.get("columnDefinitions") or []]


def parse_rows(table: dict[str, Any], names: Sequence[str]) -> list[Row]:
    """Read the rows of a ``meta.k8s.io/v1`` Table whose objects are metadata.

    Args:
        table: the Table.
        names: of its columns.
    """
    rows = []
    for row in table.get("rows") or ():
        metadata = row["object"]["metadata"]
        cells = {name: _format(cell) for name, cell in zip(names, row["cells"], strict=False)}
        rows.append(
            Row(
                cells,
                metadata.get("namespace", ""),
                metadata["name"],
                metadata.get("resourceVersion", ""),
                metadata.get("creationTimestamp") or "",
            )
        )
    return rows


def _format(cell: object) -> str:
    return "" if cell is None else str(cell)


def decide_layout(columns: Sequence[str], rows: Iterable[Row], *, namespaces: bool) -> Layout:
    """Decide the columns' widths by what is in them.

    Args:
        columns: names, in order.
        rows: what is to be shown.
        namespaces: whether the namespace stands first.
    """
    names = (["Namespace"] if namespaces else []) + list(columns)
    cells = list(rows)
    return Layout(tuple((name, max([len(name), *(len(_cell(row, name)) for row in cells)])) for name in names))


def format_row(row: Row, layout: Layout) -> str:
    """Lay out one row."""
    return _join([(_cell(row, name), width) for name, width in layout.columns])


def _cell(row: Row, column: str) -> str:
    text = row.namespace if column == "Namespace" else row.cells.get(column, "")
    return escape_controls(text).replace("\n", " ")


def _join(cells: Iterable[tuple[str, int]]) -> str:
    return _GAP.join(text.ljust(width) for text, width in cells).rstrip()
