"""Runs and what they have in bulk."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import LONGTEXT

revision = "0001"
down_revision = None

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
        "runs",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("script", sa.String(253), nullable=False),
        sa.Column("script_sha256", sa.String(64), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("source", sa.String(63), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger(), nullable=False),
        sa.Column("duration_seconds", sa.Double()),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("uid", name="uq_runs_uid"),
        **_OPTIONS,
    )
    for columns in (
        ("namespace", "created_at", "uid"),
        ("namespace", "script", "created_at", "uid"),
        ("namespace", "phase", "created_at", "uid"),
        ("namespace", "reason", "created_at", "uid"),
        ("namespace", "name"),
        ("finished_at",),
    ):
        op.create_index(f"ix_runs_{'_'.join(columns)}", "runs", list(columns))
    op.create_table(
        "run_contents",
        sa.Column("run_id", number, autoincrement=False, nullable=False),
        sa.Column("document", long_text, nullable=False),
        sa.Column("output", long_text),
        sa.Column("log", long_text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_contents"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_contents_run_id", ondelete="CASCADE"),
        **_OPTIONS,
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("run_contents")
    op.drop_table("runs")
