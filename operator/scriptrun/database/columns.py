"""What all tables share: the metadata they are in, column types that mean the same on every database, and options."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, MetaData, Text, TypeDecorator
from sqlalchemy.dialects.mysql import LONGTEXT

__all__ = ["METADATA", "TABLE_OPTIONS", "Id", "Instant", "LongText"]

TABLE_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}
Id = BigInteger().with_variant(Integer(), "sqlite")  # only an INTEGER numbers itself there
LongText = Text().with_variant(LONGTEXT(), "mysql", "mariadb")


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
