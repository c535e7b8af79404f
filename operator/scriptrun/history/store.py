"""Reads and writes finished runs."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, insert, or_, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from scriptrun.database.engine import migrate, open_engine
from scriptrun.database.tables_runs import CONTENTS, RUNS
from scriptrun.errors import HistoryUnavailable
from scriptrun.history.records import Contents, Query, RunRecord, Summary
from scriptrun.history.settings import HistorySettings

__all__ = ["Store", "clean_text"]

_SUMMARY = tuple(
    RUNS.c[name]
    for name in (
        "uid",
        "namespace",
        "name",
        "script",
        "phase",
        "reason",
        "source",
        "created_at",
        "started_at",
        "finished_at",
        "duration_seconds",
        "exit_code",
        "attempts",
        "script_sha256",
    )
)


class Store:
    """Finished runs in a database. Safe to use from many tasks and from many processes."""

    def __init__(self, settings: HistorySettings) -> None:
        self._engine: AsyncEngine = open_engine(settings)
        self._ready = False

    @property
    def dialect(self) -> str:
        """Which kind of database: sqlite, postgresql, mariadb or mysql."""
        return self._engine.dialect.name

    @property
    def engine(self) -> AsyncEngine:
        """The pool of connections, for those who keep tables of their own beside the runs."""
        return self._engine

    async def prepare(self) -> None:
        """Bring the tables up to date; needed once, before anything else.

        Raises:
            HistoryUnavailable: the database is away or refused.
        """
        try:
            await migrate(self._engine)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise _unavailable(error) from error
        self._ready = True

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction; it is committed at the end.

        Raises:
            HistoryUnavailable: the database is away, or its tables are not up to date yet.
        """
        if not self._ready:
            raise HistoryUnavailable("the history's database has not answered yet")
        try:
            async with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise _unavailable(error) from error

    async def put(self, record: RunRecord) -> bool:
        """Store a run; False: it was there already.

        Raises:
            HistoryUnavailable: it may or may not be stored; put it again.
        """
        summary, contents = record.summary, record.contents
        row = {column.name: getattr(summary, column.name) for column in _SUMMARY}
        try:
            async with self.connect() as connection:
                inserted = await connection.execute(insert(RUNS).values({k: clean_text(v) for k, v in row.items()}))
                (run_id,) = inserted.inserted_primary_key or (None,)
                await connection.execute(
                    insert(CONTENTS).values(
                        run_id=run_id,
                        document=clean_text(json.dumps(contents.document, ensure_ascii=False, separators=(",", ":"))),
                        output=clean_text(contents.output),
                        log=clean_text(contents.log),
                    )
                )
        except IntegrityError:
            return False
        return True

    async def list(self, query: Query) -> Sequence[Summary]:
        """List runs, the newest first.

        Raises:
            HistoryUnavailable: the database is away.
        """
        async with self.connect() as connection:
            rows = await connection.execute(build_list(query))
            return [_summarize(row) for row in rows]

    async def get(self, namespace: str, name: str) -> RunRecord | None:
        """Read the newest run of a name, with all it has but its output and log; None: none is known.

        Raises:
            HistoryUnavailable: the database is away.
        """
        statement = (
            select(*_SUMMARY, CONTENTS.c.document)
            .join(CONTENTS, CONTENTS.c.run_id == RUNS.c.id)
            .where(RUNS.c.namespace == namespace, RUNS.c.name == name)
            .order_by(RUNS.c.created_at.desc(), RUNS.c.uid.desc())
            .limit(1)
        )
        async with self.connect() as connection:
            row = (await connection.execute(statement)).first()
        return RunRecord(_summarize(row), Contents(json.loads(row.document))) if row else None

    async def read_output(self, uid: str) -> str | None:
        """Read a run's output as JSON text; None: it has none, or the run is not known.

        Raises:
            HistoryUnavailable: the database is away.
        """
        text: str | None = await self._read(CONTENTS.c.output, uid)
        return text

    async def read_log(self, uid: str) -> str:
        """Read the end of a run's log.

        Raises:
            HistoryUnavailable: the database is away.
        """
        return await self._read(CONTENTS.c.log, uid) or ""

    async def _read(self, column: ColumnElement[Any], uid: str) -> Any:
        statement = select(column).join(RUNS, CONTENTS.c.run_id == RUNS.c.id).where(RUNS.c.uid == uid)
        async with self.connect() as connection:
            return (await connection.execute(statement)).scalar()

    async def prune(self, before: datetime, batch: int) -> int:
        """Delete at most a batch of the runs that ended before an instant, the oldest first; returns how many.

        Raises:
            HistoryUnavailable: the database is away.
        """
        oldest = select(RUNS.c.id).where(RUNS.c.finished_at < before).order_by(RUNS.c.finished_at).limit(batch)
        async with self.connect() as connection:
            ids = (await connection.execute(oldest)).scalars().all()
            if ids:
                await connection.execute(delete(CONTENTS).where(CONTENTS.c.run_id.in_(ids)))
                await connection.execute(delete(RUNS).where(RUNS.c.id.in_(ids)))
        return len(ids)


def build_list(query: Query) -> Select[Any]:
    """Build the statement that lists one page."""
    return (
        select(*_SUMMARY)
        .where(*build_conditions(query))
        .order_by(RUNS.c.created_at.desc(), RUNS.c.uid.desc())
        .limit(query.limit)
    )


def build_conditions(query: Query) -> list[ColumnElement[bool]]:
    """Build what rows must fulfil."""
    conditions: list[ColumnElement[bool]] = [RUNS.c.namespace == query.namespace]
    if query.script:
        conditions.append(RUNS.c.script == query.script)
    if query.scripts:
        conditions.append(or_(*(RUNS.c.script.like(_to_like(pattern), escape="\\") for pattern in query.scripts)))
    for column, values in ((RUNS.c.phase, query.phases), (RUNS.c.reason, query.reasons)):
        if values:
            conditions.append(column == values[0] if len(values) == 1 else column.in_(values))
    if query.source is not None:
        conditions.append(RUNS.c.source == query.source)
    if query.since:
        conditions.append(RUNS.c.created_at >= query.since)
    if query.until:
        conditions.append(RUNS.c.created_at < query.until)
    if query.after:
        # Not (created_at, uid) < (…, …): MariaDB would read the whole index for that.
        created_at, uid = query.after.created_at, query.after.uid
        conditions.append(RUNS.c.created_at <= created_at)
        conditions.append(or_(RUNS.c.created_at < created_at, and_(RUNS.c.created_at == created_at, RUNS.c.uid < uid)))
    return conditions


def _to_like(pattern: str) -> str:
    for character in "\\%_":
        pattern = pattern.replace(character, f"\\{character}")
    return pattern.replace("*", "%").replace("?", "_")


def _summarize(row: Any) -> Summary:
    return Summary(**{column.name: getattr(row, column.name) for column in _SUMMARY})


def clean_text(value: Any) -> Any:
    """Replace what no database keeps in a text: NUL characters and half surrogate pairs."""
    if not isinstance(value, str):
        return value
    return value.replace("\x00", "\ufffd").encode(errors="replace").decode()


def _unavailable(error: BaseException) -> HistoryUnavailable:
    # The driver's own words, without the statement and its values.
    cause = getattr(error, "orig", None) or error
    return HistoryUnavailable(f"the history's database does not do what it is asked: {type(cause).__name__}: {cause}")
