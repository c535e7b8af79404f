"""The tables. What lists need stands in ``runs``; what one run has in bulk stands beside it, out of the lists' way."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.mysql import LONGTEXT

__all__ = ["CONTENTS", "METADATA", "RUNS", "TABLE_OPTIONS", "Instant"]

TABLE_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}
_Id = BigInteger().with_variant(Integer(), "sqlite")  # only an INTEGER numbers itself there
_LongText = Text().with_variant(LONGTEXT(), "mysql", "mariadb")


class Instant(TypeDecorator[datetime]):
    """An aware instant as milliseconds since 1970: the same order and the same sums on every database.

    MariaDB and SQLite have no type that keeps a time zone, and each database cuts a time into days in a way of its own.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Write: cut to whole milliseconds, which is what Kubernetes and a run's status have at most."""
        return None if value is None else int(value.timestamp() * 1000 + 0.5)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Read."""
        return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

RUNS = Table(
    "runs",
    METADATA,
    Column("id", _Id, primary_key=True, autoincrement=True),
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
    Column("run_id", _Id, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("document", _LongText, nullable=False),
    Column("output", _LongText),
    Column("log", _LongText, nullable=False),
    **TABLE_OPTIONS,
)
"""The ScriptRun as it was at its end, its output, and the end of its log."""
