"""The tables of the script pipeline's scheduler: orders, what was used, and what monthly limits count."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, String, Table

from scriptrun.database.columns import METADATA, TABLE_OPTIONS, Id, Instant, LongText

__all__ = ["ORDERS", "QUOTA", "USAGE"]

ORDERS = Table(
    "orders",
    METADATA,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("key", String(16), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("dtable_uuid", String(64), nullable=False),
    Column("base_key", String(64), nullable=False),
    Column("script_name", String(255), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("org_id", BigInteger),
    Column("operate_from", String(255), nullable=False),
    Column("context_data", LongText),
    Column("script_url", LongText),
    Column("report_id", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("success", Boolean),
    Column("return_code", Integer),
    Column("output", LongText),
    Column("spend_seconds", Double),
    Index(None, "stage", "id"),
    Index(None, "base_key", "script_name", "id"),
    Index(None, "org_id", "id"),
    Index(None, "created_at"),
    sqlite_autoincrement=True,  # or it would give the id of the last order again, once that is deleted
    **TABLE_OPTIONS,
)
"""One row an order. ``base_key`` is the base's uuid as it is looked for; ``script_url`` goes once nobody needs it."""

USAGE = Table(
    "script_usage",
    METADATA,
    Column("target", String(8), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("runs", BigInteger, nullable=False),
    Column("seconds", Double, nullable=False),
    **TABLE_OPTIONS,
)
"""What ran on a UTC day, by user, organisation and base."""

QUOTA = Table(
    "script_quota",
    METADATA,
    Column("target", String(8), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("started", BigInteger, nullable=False),
    **TABLE_OPTIONS,
)
"""What was started in a UTC month, less what never came to run. Limits are held by it: one row, one statement."""
