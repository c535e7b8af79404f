"""Tables of the API server, filtered and laid out."""

from typing import Any

from scriptrun.cli.listing import Listing
from scriptrun.cli.output.tables import decide_layout, format_row, parse_columns, parse_names, parse_rows
from scriptrun.kube.resources import SCRIPTRUNS


def _make_table(*rows: tuple[str, str, str | None, float | None, str]) -> dict[str, Any]:
    return {
        "columnDefinitions": [
            {"name": "Name", "priority": 0},
            {"name": "Script", "priority": 0},
            {"name": "Phase", "priority": 0},
            {"name": "Duration", "priority": 0},
            {"name": "Job", "priority": 1},
        ],
        "rows": [
            {
                "cells": [*row[:4], None],
                "object": {
                    "metadata": {"name": row[0], "namespace": row[4], "creationTimestamp": "2026-01-01T00:00:00Z"}
                },
            }
            for row in rows
        ],
    }


TABLE = _make_table(
    ("hello-1", "hello.py", "Succeeded", 0.25, "team"),
    ("x", "a-long-script-name.py", None, None, "default"),
)
ROWS = parse_rows(TABLE, parse_names(TABLE))


def test_columns_line_up_and_lines_end_early() -> None:
    layout = decide_layout(parse_columns(TABLE, wide=False), ROWS, namespaces=True)
    assert [layout.header, *(format_row(row, layout) for row in ROWS)] == [
        "NAMESPACE   NAME      SCRIPT                  PHASE       DURATION",
        "team        hello-1   hello.py                Succeeded   0.25",
        "default     x         a-long-script-name.py",
    ]


def test_wide_shows_every_column() -> None:
    assert parse_columns(TABLE, wide=True)[-1] == "Job"
    assert parse_columns(TABLE, wide=False)[-1] == "Duration"


def test_a_watch_goes_on_without_definitions() -> None:
    later = _make_table(("y", "hello.py", "Failed", 1.0, "team"))
    del later["columnDefinitions"]
    assert parse_rows(later, parse_names(TABLE))[0].cells["Phase"] == "Failed"


def _choose(**wishes: Any) -> list[str]:
    listing = Listing(SCRIPTRUNS, **wishes)
    return [row.name for row in ROWS if listing.wants_row(row)]


def test_filters() -> None:
    assert _choose() == ["hello-1", "x"]
    assert _choose(script="hello.py") == ["hello-1"]
    assert _choose(phases=frozenset({"Succeeded", "Failed"})) == ["hello-1"]
    assert _choose(phases=frozenset({"Pending"})) == ["x"]
    assert _choose(script="hello.py", phases=frozenset({"Failed"})) == []


def test_objects_are_filtered_like_rows() -> None:
    run = {"spec": {"scriptRef": {"name": "hello.py"}}, "status": {"phase": "Failed"}}
    new = {"spec": {"scriptRef": {"name": "hello.py"}}}
    failed = Listing(SCRIPTRUNS, phases=frozenset({"Failed"}))
    assert failed.wants_object(run)
    assert not failed.wants_object(new)
    assert Listing(SCRIPTRUNS, phases=frozenset({"Pending"})).wants_object(new)
    assert not Listing(SCRIPTRUNS, script="other").wants_object(run)
