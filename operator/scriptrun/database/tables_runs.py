"""The tables of runs. What lists need is in ``runs``; what is large is beside it, out of the lists' way."""

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, String, Table

from scriptrun.database.columns import METADATA, TABLE_OPTIONS, Id, Instant, LongText

__all__ = ["CONTENTS", "RUNS"]

RUNS = Table(
    "runs",
    METADATA,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("uid", String(36), nullable=False, unique=True),
    Column("namespace", String(63), nullable=False),
    Column("name", String(63), nullable=False),
    Column("script", String(253), nullable=False),
    Column("script_sha256", String(64), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("source", String(63), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant, nullable=False),
    Column("duration_seconds", Double),
    Column("exit_code", Integer),
    Column("attempts", Integer, nullable=False),
    # Each ends in what lists are ordered by, so that a page is read off the index from wherever it begins.
    Index(None, "namespace", "created_at", "uid"),
    Index(None, "namespace", "script", "created_at", "uid"),
    Index(None, "namespace", "phase", "created_at", "uid"),
    Index(None, "namespace", "reason", "created_at", "uid"),
    Index(None, "namespace", "name"),
    Index(None, "finished_at"),
    **TABLE_OPTIONS,
)
"""One row a run."""

CONTENTS = Table(
    "run_contents",
    METADATA,
    Column("run_id", Id, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("document", LongText, nullable=False),
    Column("output", LongText),
    Column("log", LongText, nullable=False),
    **TABLE_OPTIONS,
)
"""The ScriptRun as it was at its end, its output, and the end of its log."""
