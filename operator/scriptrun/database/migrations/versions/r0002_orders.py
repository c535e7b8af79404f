"""Orders of the script pipeline's scheduler, and what was used."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import LONGTEXT

revision = "0002"
down_revision = "0001"

_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def upgrade() -> None:
    """Make the tables."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    long_text = sa.Text().with_variant(LONGTEXT(), "mysql", "mariadb")
    op.create_table(
        "orders",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(16), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("dtable_uuid", sa.String(64), nullable=False),
        sa.Column("base_key", sa.String(64), nullable=False),
        sa.Column("script_name", sa.String(255), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("org_id", sa.BigInteger()),
        sa.Column("operate_from", sa.String(255), nullable=False),
        sa.Column("context_data", long_text),
        sa.Column("script_url", long_text),
        sa.Column("report_id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("success", sa.Boolean()),
        sa.Column("return_code", sa.Integer()),
        sa.Column("output", long_text),
        sa.Column("spend_seconds", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sqlite_autoincrement=True,
        **_OPTIONS,
    )
    for columns in (("stage", "id"), ("base_key", "script_name", "id"), ("org_id", "id"), ("created_at",)):
        op.create_index(f"ix_orders_{'_'.join(columns)}", "orders", list(columns))
    for name, period, length, values in (
        ("script_usage", "day", 10, (sa.Column("runs", sa.BigInteger()), sa.Column("seconds", sa.Double()))),
        ("script_quota", "month", 7, (sa.Column("started", sa.BigInteger()),)),
    ):
        for column in values:
            column.nullable = False
        op.create_table(
            name,
            sa.Column("target", sa.String(8), nullable=False),
            sa.Column("subject", sa.String(255), nullable=False),
            sa.Column(period, sa.String(length), nullable=False),
            *values,
            sa.PrimaryKeyConstraint("target", "subject", period, name=f"pk_{name}"),
            **_OPTIONS,
        )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("script_quota", "script_usage", "orders"):
        op.drop_table(name)
