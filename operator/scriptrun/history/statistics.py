"""Figures of finished runs, counted by the database."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import BigInteger, ColumnElement, Select, case, func, select, type_coerce

from scriptrun.database.tables_runs import RUNS
from scriptrun.history.records import Group, Query
from scriptrun.history.store import Store, build_conditions

__all__ = ["GroupBy", "count_runs"]

GroupBy = Literal["script", "day", "source"]

_DAY_MILLISECONDS = 86_400_000


async def count_runs(store: Store, query: Query, by: GroupBy) -> list[Group]:
    """Count runs in groups, the largest key first for days, else by name.

    Args:
        store: the history.
        query: which runs; its ``limit`` and ``after`` don't matter.
        by: what the runs of a group have in common; a day is the UTC day of their creation.

    Raises:
        HistoryUnavailable: the database is away.
    """
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    spans: dict[str, tuple[float, float]] = {}
    async with store.connect() as connection:
        for key, reason, count in await connection.execute(_build_counts(query, by)):
            counts[_name(key, by)][reason] = count
        for key, p50, p95 in await connection.execute(_build_percentiles(query, by)):
            spans[_name(key, by)] = (p50, p95)
    groups = [
        Group(key, dict(sorted(reasons.items())), *spans.get(key, (None, None))) for key, reasons in counts.items()
    ]
    return sorted(groups, key=lambda group: group.key, reverse=by == "day")


def _column(by: GroupBy) -> ColumnElement[Any]:
    if by == "day":
        return (type_coerce(RUNS.c.created_at, BigInteger) // _DAY_MILLISECONDS).label("key")
    return RUNS.c[by].label("key")


def _name(key: Any, by: GroupBy) -> str:
    return str(datetime.fromtimestamp(int(key) * _DAY_MILLISECONDS / 1000, UTC).date()) if by == "day" else str(key)


def _build_counts(query: Query, by: GroupBy) -> Select[Any]:
    key = _column(by)
    return select(key, RUNS.c.reason, func.count()).where(*build_conditions(query)).group_by(key, RUNS.c.reason)


def _build_percentiles(query: Query, by: GroupBy) -> Select[Any]:
    """Build the statement for p50 and p95, by nearest rank: the one way that all three databases know."""
    key = _column(by)
    ranked = (
        select(
            key,
            RUNS.c.duration_seconds.label("seconds"),
            func.row_number().over(partition_by=key, order_by=RUNS.c.duration_seconds).label("number"),
            func.count().over(partition_by=key).label("total"),
        )
        .where(*build_conditions(query), RUNS.c.duration_seconds.is_not(None))
        .subquery()
    )

    def at(hundredths: int) -> ColumnElement[Any]:
        # The first whose rank reaches the share, in whole numbers: number * 100 >= total * hundredths.
        return func.min(case((ranked.c.number * 100 >= ranked.c.total * hundredths, ranked.c.seconds)))

    return select(ranked.c.key, at(50), at(95)).group_by(ranked.c.key)
