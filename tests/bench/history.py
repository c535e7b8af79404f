"""Lists out of a history of a million runs, in SQLite and PostgreSQL: how long the slowest of a hundred takes."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import quantiles

from sqlalchemy import text

from bench.figures import Figure
from peers.databases import open_folder
from peers.servers.postgres import Postgres
from scriptrun.history.records import Query
from scriptrun.history.settings import HistorySettings
from scriptrun.history.store import Store

_ROWS, _QUICK_ROWS = 1_000_000, 50_000
_LISTS, _QUICK_LISTS = 500, 100
_NAMESPACES, _SCRIPTS, _DAYS = 20, 50, 30
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_COLUMNS = (
    "uid, namespace, name, script, script_sha256, phase, reason, source, created_at, started_at, finished_at, "
    "duration_seconds, exit_code, attempts"
)
_NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}) "
    "SELECT {values} FROM numbers",
    "postgresql": "SELECT {values} FROM generate_series(CAST(0 AS bigint), {last}) AS numbers(n)",
}
# Spread so that the runs of one Script in one namespace lie far apart, as they do when many write.
_VALUES = (
    "printf('%036d', n), 'team-' || (n % {namespaces}), 'run-' || n, "
    "'script-' || (n / {namespaces} % {scripts}) || '.py', '', "
    "CASE WHEN n % 10 = 0 THEN 'Failed' ELSE 'Succeeded' END, "
    "CASE WHEN n % 10 = 0 THEN 'ScriptFailed' ELSE 'Completed' END, 'api', "
    "{first} + n * {step}, {first} + n * {step} + 500, {first} + n * {step} + 2000, 1.5, 0, 1"
)


async def measure_lists(quick: bool) -> tuple[list[Figure], dict[str, object]]:
    """Measure; returns a figure for each database, and every time taken."""
    rows = _QUICK_ROWS if quick else _ROWS
    figures, raw = [], {}
    for kind in ("sqlite", "postgresql"):
        with _open_database(kind) as url:
            taken = await _measure(url, kind, rows, _QUICK_LISTS if quick else _LISTS)
        key = f"history_p99_ms.{kind}"
        words = f"list of 100 out of {rows:,} runs by namespace, Script and time, p99, {kind}"
        figures.append(Figure(key, quantiles(taken, n=100)[-1] * 1000, words, "ms", 50))
        raw[key] = [round(value * 1000, 2) for value in taken]
    return figures, raw


@contextmanager
def _open_database(kind: str) -> Iterator[str]:
    with open_folder() as folder:
        if kind == "sqlite":
            yield f"sqlite:///{folder / 'history.db'}"
            return
        with Postgres(folder) as server:
            yield server.url()


async def _measure(url: str, kind: str, rows: int, lists: int) -> list[float]:
    store = Store(HistorySettings(url=url, timeout_seconds=600))  # type: ignore[arg-type]
    try:
        await store.prepare()
        await _fill(store, kind, rows)
        chance = random.Random(7)
        queries = [_choose(chance) for _ in range(lists)]
        taken = []
        for query in queries:
            started = time.perf_counter()
            found = await store.list(query)
            taken.append(time.perf_counter() - started)
            assert all(query.matches(item) for item in found)
        return taken
    finally:
        await store.close()


async def _fill(store: Store, kind: str, rows: int) -> None:
    values = _VALUES.format(
        namespaces=_NAMESPACES,
        scripts=_SCRIPTS,
        first=int(_FIRST.timestamp() * 1000),
        step=_DAYS * 86_400_000 // rows,
    )
    if kind == "postgresql":
        values = values.replace("printf('%036d', n)", "lpad(CAST(n AS text), 36, '0')")
    async with store.connect() as connection:
        numbers = _NUMBERS[kind].format(values=values, last=rows - 1)
        await connection.execute(text(f"INSERT INTO runs ({_COLUMNS}) {numbers}"))
    async with store.connect() as connection:
        await connection.execute(text("ANALYZE runs"))


def _choose(chance: random.Random) -> Query:
    """Choose a page that somebody may ask for: a Script of a namespace, in some days."""
    since = _FIRST + timedelta(days=chance.uniform(0, _DAYS - 3))
    return Query(
        namespace=f"team-{chance.randrange(_NAMESPACES)}",
        script=f"script-{chance.randrange(_SCRIPTS)}.py",
        since=since,
        until=since + timedelta(days=chance.uniform(0.5, 3)),
        limit=100,
    )
