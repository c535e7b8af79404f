"""Reads and writes orders. Each change of stage is one conditional statement, so that of two who try it one does it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from scriptrun.database.tables_orders import ORDERS, QUOTA, USAGE
from scriptrun.history.store import Store, clean_text
from scriptrun.pipeline.orders import NewOrder, Order, OrderOutcome, Stage, Target, UsageRow, find_targets

__all__ = ["OrderQuery", "OrderStore", "build_conditions", "simplify_base"]

_OPEN = tuple(stage.value for stage in Stage if stage is not Stage.FINISHED)
_MONTH = "%Y-%m"
_DAY = "%Y-%m-%d"
_BULK = ("context_data", "output")
_REQUEST = ("key", "origin", "created_at", "dtable_uuid", "script_name", "owner", "org_id", "operate_from", "report_id")


def simplify_base(dtable_uuid: str) -> str:
    """Write a base's uuid as it is looked for: dashes and case don't matter."""
    return dtable_uuid.replace("-", "").lower()


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """Which of a scheduler's orders; empty fields don't narrow.

    Attributes:
        dtable_uuid: with or without dashes.
        since: started at or after; leaves out what has not started, as ``until`` does.
        until: started before.
        offset: how many to leave out, in the order asked for.
        bulk: with context and output.
    """

    dtable_uuid: str = ""
    script_name: str = ""
    org_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    offset: int = 0
    limit: int = 100
    newest_first: bool = True
    bulk: bool = True


class _Absent(Exception):  # noqa: N818 - no error: the row is made, and the transaction begun anew
    def __init__(self, table: Table, row: Mapping[str, Any]) -> None:
        super().__init__(table.name)
        self.table = table
        self.row = row


class _Exceeded(Exception):  # noqa: N818 - no error: an answer
    pass


class OrderStore:
    """Orders in the history's database.

    Attributes:
        store: the history; it keeps the connections and brings the tables up to date.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    async def add(self, request: NewOrder, limit: int | None) -> Order | None:
        """Add an order, and count it; None: the month's limit is reached.

        Args:
            request: what was asked for.
            limit: how many orders of its organisation (else its owner) may be started in a month; None for no limit.

        Raises:
            HistoryUnavailable: it may or may not be there. Nobody knows its id, so it will never run.
        """
        while True:
            try:
                return await self._add(request, limit)
            except _Absent as absent:
                await self._insert_empty(absent)
            except _Exceeded:
                return None

    async def _add(self, request: NewOrder, limit: int | None) -> Order:
        row = {name: clean_text(getattr(request, name)) for name in _REQUEST}
        row |= {"stage": Stage.NEW.value, "base_key": simplify_base(row["dtable_uuid"])}
        row |= {"context_data": _dump(request.context_data), "script_url": request.script_url}
        async with self.store.connect() as connection:
            if request.origin == "scheduler":
                await self._count_started(connection, request, limit)
            inserted = await connection.execute(insert(ORDERS).values(row))
            (order_id,) = inserted.inserted_primary_key or (0,)
        return Order(int(order_id), request)

    async def _count_started(self, connection: AsyncConnection, request: NewOrder, limit: int | None) -> None:
        for target, subject in find_targets(request.owner, request.org_id):
            row = {"target": target, "subject": clean_text(subject), "month": _format(request.created_at, _MONTH)}
            conditions = _match(QUOTA, row)
            if limit is not None:
                conditions.append(QUOTA.c.started < limit)
            statement = update(QUOTA).where(*conditions).values(started=QUOTA.c.started + 1)
            if not (await connection.execute(statement)).rowcount:
                started = (await connection.execute(select(QUOTA.c.started).where(*_match(QUOTA, row)))).scalar()
                if limit is not None and started is not None and started >= limit:
                    raise _Exceeded
                raise _Absent(QUOTA, {**row, "started": 0})  # or come since: then it is found the next time
            limit = None  # it holds for the first target alone

    async def _insert_empty(self, absent: _Absent) -> None:
        """Insert a row of zeros, in a transaction of its own: no lock is held meanwhile that others could wait for."""
        try:
            async with self.store.connect() as connection:
                await connection.execute(insert(absent.table).values(absent.row))
        except IntegrityError:
            return  # somebody else did

    async def get(self, order_id: int) -> Order | None:
        """Read an order; None: there is none.

        Raises:
            HistoryUnavailable: the database is away.
        """
        async with self.store.connect() as connection:
            row = (await connection.execute(select(ORDERS).where(ORDERS.c.id == order_id))).first()
        return _read(row) if row else None

    async def list(self, query: OrderQuery) -> tuple[Sequence[Order], int]:
        """List a scheduler's orders; returns a page, and how many there are in all.

        Raises:
            HistoryUnavailable: the database is away.
        """
        conditions = build_conditions(query)
        columns = [column for column in ORDERS.c if query.bulk or column.name not in _BULK]
        place = ORDERS.c.id.desc() if query.newest_first else ORDERS.c.id
        page = select(*columns).where(*conditions).order_by(place).limit(query.limit).offset(query.offset)
        async with self.store.connect() as connection:
            count = (await connection.execute(select(func.count()).select_from(ORDERS).where(*conditions))).scalar()
            rows = (await connection.execute(page)).all()
        return [_read(row) for row in rows], int(count or 0)

    async def list_open(self, after: int, limit: int) -> Sequence[int]:
        """List ids of orders with which there is something to do, in order, beginning behind one.

        Raises:
            HistoryUnavailable: the database is away.
        """
        statement: Select[Any] = (
            select(ORDERS.c.id).where(ORDERS.c.stage.in_(_OPEN), ORDERS.c.id > after).order_by(ORDERS.c.id).limit(limit)
        )
        async with self.store.connect() as connection:
            return [int(found) for found in (await connection.execute(statement)).scalars()]

    async def advance(self, order: Order, stage: Stage, started_at: datetime | None = None) -> bool:
        """Take an order to its next stage, from the one it is in; False: it is in another by now.

        Raises:
            HistoryUnavailable: the database is away.
        """
        values: dict[str, Any] = {"stage": stage.value}
        if started_at is not None:
            values["started_at"] = started_at
        if stage is not Stage.PENDING:
            values["script_url"] = None  # it may hold a ticket, and nobody needs it any more
        statement = update(ORDERS).where(ORDERS.c.id == order.id, ORDERS.c.stage == order.stage.value).values(values)
        async with self.store.connect() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def note_start(self, order: Order, started_at: datetime) -> bool:
        """Write when a script began that another starter has; False: it has it no more.

        Raises:
            HistoryUnavailable: the database is away.
        """
        handed_over = (ORDERS.c.id == order.id, ORDERS.c.stage == Stage.HANDED_OVER.value)
        async with self.store.connect() as connection:
            statement = update(ORDERS).where(*handed_over).values(started_at=started_at)
            return bool((await connection.execute(statement)).rowcount)

    async def settle(self, order: Order, outcome: OrderOutcome, started_at: datetime | None, now: datetime) -> bool:
        """Write how an order ended, and count it, once; False: that was done already.

        Raises:
            HistoryUnavailable: it may or may not be written; settle it again.
        """
        while True:
            try:
                async with self.store.connect() as connection:
                    return await self._settle(connection, order, outcome, started_at, now)
            except _Absent as absent:
                await self._insert_empty(absent)

    async def _settle(
        self,
        connection: AsyncConnection,
        order: Order,
        outcome: OrderOutcome,
        started_at: datetime | None,
        now: datetime,
    ) -> bool:
        request = order.request
        values = {
            "stage": (Stage.REPORTING if request.origin == "starter" else Stage.FINISHED).value,
            "started_at": started_at or order.started_at,
            "finished_at": now,
            "success": outcome.success,
            "return_code": outcome.return_code,
            "output": clean_text(outcome.output),
            "spend_seconds": outcome.spend_seconds,
            "script_url": None,
        }
        ended = (Stage.REPORTING.value, Stage.FINISHED.value)
        statement = update(ORDERS).where(ORDERS.c.id == order.id, ORDERS.c.stage.not_in(ended)).values(values)
        if not (await connection.execute(statement)).rowcount:
            return False
        if request.origin == "scheduler":
            if outcome.spend_seconds is None:
                await self._count_back(connection, request)
            else:
                await self._count_used(connection, request, outcome.spend_seconds, now)
        return True

    async def _count_back(self, connection: AsyncConnection, request: NewOrder) -> None:
        for target, subject in find_targets(request.owner, request.org_id):
            row = {"target": target, "subject": clean_text(subject), "month": _format(request.created_at, _MONTH)}
            statement = update(QUOTA).where(*_match(QUOTA, row), QUOTA.c.started > 0)
            await connection.execute(statement.values(started=QUOTA.c.started - 1))

    async def _count_used(self, connection: AsyncConnection, request: NewOrder, seconds: float, now: datetime) -> None:
        for target, subject in find_targets(request.owner, request.org_id, request.dtable_uuid):
            row = {"target": target, "subject": clean_text(subject), "day": _format(now, _DAY)}
            statement = update(USAGE).where(*_match(USAGE, row))
            added = statement.values(runs=USAGE.c.runs + 1, seconds=USAGE.c.seconds + seconds)
            if not (await connection.execute(added)).rowcount:
                raise _Absent(USAGE, {**row, "runs": 0, "seconds": 0.0})

    async def count_started(self, target: Target, subject: str, month: str) -> int:
        """Count what a user or an organisation started in a month (``2026-01``), less what never came to run.

        Raises:
            HistoryUnavailable: the database is away.
        """
        row = {"target": target, "subject": clean_text(subject), "month": month}
        async with self.store.connect() as connection:
            found = await connection.execute(select(QUOTA.c.started).where(*_match(QUOTA, row)))
            return int(found.scalar() or 0)

    async def list_usage(
        self, target: Target, month: str, order_by: str, offset: int, limit: int
    ) -> tuple[Sequence[UsageRow], int]:
        """List who used how much in a month; returns a page, and how many there are in all.

        Args:
            target: by what.
            month: ``2026-01``.
            order_by: ``runs`` or ``seconds``, with a leading ``-`` for the most first; "" for their names.
            offset: how many to leave out.
            limit: how many at most.

        Raises:
            HistoryUnavailable: the database is away.
        """
        runs, seconds = func.sum(USAGE.c.runs).label("runs"), func.sum(USAGE.c.seconds).label("seconds")
        conditions = (USAGE.c.target == target, USAGE.c.day.like(f"{month}-%"))
        grouped = select(USAGE.c.subject, runs, seconds).where(*conditions).group_by(USAGE.c.subject)
        by: ColumnElement[Any] | None = {"runs": runs, "seconds": seconds}.get(order_by.removeprefix("-"))
        if by is not None:
            grouped = grouped.order_by(by.desc() if order_by.startswith("-") else by)
        page = grouped.order_by(USAGE.c.subject).limit(limit).offset(offset)
        total = select(func.count(USAGE.c.subject.distinct())).where(*conditions)
        async with self.store.connect() as connection:
            count = (await connection.execute(total)).scalar()
            rows = (await connection.execute(page)).all()
        return [UsageRow(row.subject, int(row.runs), float(row.seconds)) for row in rows], int(count or 0)

    async def prune(self, before: datetime, usage_before: datetime, batch: int) -> int:
        """Delete at most a batch of orders made before an instant, and usage of earlier days; returns how many orders.

        Raises:
            HistoryUnavailable: the database is away.
        """
        oldest = (
            select(ORDERS.c.id)
            .where(ORDERS.c.created_at < before, ORDERS.c.stage == Stage.FINISHED.value)
            .order_by(ORDERS.c.created_at)
            .limit(batch)
        )
        async with self.store.connect() as connection:
            ids = (await connection.execute(oldest)).scalars().all()
            if ids:
                await connection.execute(delete(ORDERS).where(ORDERS.c.id.in_(ids)))
            await connection.execute(delete(USAGE).where(USAGE.c.day < _format(usage_before, _DAY)))
            await connection.execute(delete(QUOTA).where(QUOTA.c.month < _format(usage_before, _MONTH)))
        return len(ids)


def _match(table: Table, row: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in row.items()]


def build_conditions(query: OrderQuery) -> list[ColumnElement[bool]]:
    """Build what a scheduler's orders have to match; ``offset`` and ``limit`` are for the caller."""
    conditions: list[ColumnElement[bool]] = [ORDERS.c.origin == "scheduler"]
    if query.dtable_uuid:
        conditions.append(ORDERS.c.base_key == clean_text(simplify_base(query.dtable_uuid)))
    if query.script_name:
        conditions.append(ORDERS.c.script_name == clean_text(query.script_name))
    if query.org_id is not None:
        conditions.append(ORDERS.c.org_id == query.org_id)
    if query.since:
        conditions.append(ORDERS.c.started_at >= query.since)
    if query.until:
        conditions.append(ORDERS.c.started_at < query.until)
    return conditions


def _format(instant: datetime, pattern: str) -> str:
    return instant.astimezone(UTC).strftime(pattern)


def _dump(value: dict[str, Any] | None) -> str | None:
    return None if value is None else str(clean_text(json.dumps(value, ensure_ascii=False, separators=(",", ":"))))


def _read(row: Any) -> Order:
    known = row._mapping
    context = known.get("context_data")
    request = NewOrder(
        **{name: known[name] for name in _REQUEST},
        context_data=json.loads(context) if context else None,
        script_url=known["script_url"] or "",
    )
    stage = Stage(known["stage"])
    outcome = None
    if known["finished_at"] is not None:
        outcome = OrderOutcome(
            bool(known["success"]), known["return_code"], known.get("output"), known["spend_seconds"]
        )
    return Order(int(known["id"]), request, stage, known["started_at"], known["finished_at"], outcome)
