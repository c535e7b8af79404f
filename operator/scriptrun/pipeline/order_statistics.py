"""What an organisation's orders came to, by base or by day, counted by the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import BigInteger, ColumnElement, Integer, case, func, literal, select, type_coerce

from scriptrun.database.tables_orders import ORDERS
from scriptrun.history.store import Store
from scriptrun.pipeline.order_store import OrderQuery, build_conditions

__all__ = ["OrderCount", "OrderGroupBy", "count_orders"]

OrderGroupBy = Literal["base", "day"]

_DAY_MILLISECONDS = 86_400_000
_MANUALLY, _BY_RULE = "manualy", "automation-rule"  # as the pipeline's server spells them


@dataclass(frozen=True, slots=True)
class OrderCount:
    """Figures of the orders of one base or one day.

    Attributes:
        key: the base as a caller wrote it, or the UTC day (``2026-01-31``).
        runs: all of them.
        seconds: that those which ran took together.
    """

    key: str
    runs: int
    seconds: float
    manually: int
    by_rule: int
    successful: int
    unsuccessful: int


async def count_orders(store: Store, query: OrderQuery, by: OrderGroupBy) -> tuple[Sequence[OrderCount], int]:
    """Count orders in groups; returns a page of groups in the order of their keys, and how many there are in all.

    Args:
        store: the history.
        query: which orders; its ``offset`` and ``limit`` speak of groups.
        by: what the orders of a group have in common; a day is the UTC day of their start, and what has not started is
            in none.

    Raises:
        HistoryUnavailable: the database is away.
    """
    conditions = build_conditions(query)
    started = type_coerce(ORDERS.c.started_at, BigInteger)
    group: ColumnElement[Any] = ORDERS.c.base_key
    shown: ColumnElement[Any] = func.max(ORDERS.c.dtable_uuid)
    if by == "day":
        conditions.append(ORDERS.c.started_at.is_not(None))
        # The divisor is written out: PostgreSQL takes two parameters for two different things to group by.
        group = shown = started // literal(_DAY_MILLISECONDS, BigInteger, literal_execute=True)
    grouped = select(
        shown,
        func.count(),
        func.coalesce(func.sum(ORDERS.c.spend_seconds), 0.0),
        _count_where(ORDERS.c.operate_from == _MANUALLY),
        _count_where(ORDERS.c.operate_from == _BY_RULE),
        _count_where(ORDERS.c.success.is_(True)),
        _count_where(ORDERS.c.success.is_(False)),
    )
    page = grouped.where(*conditions).group_by(group).order_by(group).limit(query.limit).offset(query.offset)
    groups = select(group.label("key")).where(*conditions).group_by(group).subquery()
    async with store.connect() as connection:
        count = (await connection.execute(select(func.count()).select_from(groups))).scalar()
        rows = (await connection.execute(page)).all()
    return [_read(row, by) for row in rows], int(count or 0)


def _count_where(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(case((condition, 1), else_=0), type_=Integer), 0)


def _read(row: Any, by: OrderGroupBy) -> OrderCount:
    key, runs, seconds, *counts = row
    if by == "day":
        key = datetime.fromtimestamp(int(key) * _DAY_MILLISECONDS / 1000, UTC).date()
    return OrderCount(str(key), int(runs), float(seconds), *(int(count) for count in counts))
