"""The history in each of its databases: what is put in comes out, in order, masked, and not for ever."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, insert, inspect, select, text

from jsondocuments import WIDE_DOCUMENTS, assert_same, make
from peers.databases import KINDS, Database
from scriptrun.database.columns import METADATA
from scriptrun.database.engine import build_config, migrate
from scriptrun.database.tables_runs import CONTENTS, RUNS
from scriptrun.errors import HistoryUnavailable
from scriptrun.history.records import Contents, Group, Query, RunRecord, Summary
from scriptrun.history.statistics import count_runs
from scriptrun.history.store import Store, build_list

pytest_plugins = ["peers.databasefixtures"]

NOON = datetime(2026, 1, 31, 12, 0, 0, 123000, UTC)
REVISIONS = [item.revision for item in ScriptDirectory.from_config(build_config()).walk_revisions()][::-1]


def build_record(number: int, **changes: Any) -> RunRecord:
    """A finished run; the higher its number, the younger."""
    created = NOON + timedelta(seconds=number)
    summary = Summary(
        uid=f"uid-{number:04}",
        namespace="team",
        name=f"run-{number}",
        script="hello.py",
        phase="Succeeded",
        reason="Completed",
        source="api",
        created_at=created,
        started_at=created + timedelta(milliseconds=500),
        finished_at=created + timedelta(seconds=2),
        duration_seconds=1.5,
        exit_code=0,
        attempts=1,
        script_sha256="ab" * 32,
    )
    return RunRecord(replace(summary, **changes), Contents({"number": number}, f'{{"n":{number}}}', f"line {number}\n"))


async def fill(store: Store, *records: RunRecord) -> None:
    for record in records:
        assert await store.put(record)


async def test_what_is_put_in_comes_out(store: Store) -> None:
    record = build_record(1)
    await fill(store, record)
    found = await store.get("team", "run-1")
    assert found == RunRecord(record.summary, Contents({"number": 1}))
    assert await store.read_output("uid-0001") == '{"n":1}'
    assert await store.read_log("uid-0001") == "line 1\n"
    assert await store.list(Query("team")) == [record.summary]


async def test_a_run_is_stored_once_however_often_it_is_put(store: Store) -> None:
    record = build_record(1)
    stored = await asyncio.gather(*(store.put(record) for _ in range(8)))
    assert sorted(stored) == [False] * 7 + [True]
    async with store.connect() as connection:
        assert (await connection.execute(select(func.count()).select_from(RUNS))).scalar() == 1
        assert (await connection.execute(select(func.count()).select_from(CONTENTS))).scalar() == 1


async def test_of_runs_with_one_name_the_youngest_is_found(store: Store) -> None:
    await fill(store, build_record(1, name="same"), build_record(3, name="same"), build_record(2, name="same"))
    found = await store.get("team", "same")
    assert found is not None
    assert found.summary.uid == "uid-0003"
    assert await store.get("other", "same") is None


@pytest.mark.parametrize("wild", ["nul \x00 in it", "half \ud800 pair", "emoji 🎉", "quote ' \" \\ % _", "\r\n\t"])
async def test_any_text_can_be_kept(store: Store, wild: str) -> None:
    record = RunRecord(build_record(1).summary, Contents({"message": wild}, json.dumps(wild), wild))
    assert await store.put(record)
    shown = wild.replace("\x00", "\ufffd").encode(errors="replace").decode()
    assert await store.read_log("uid-0001") == shown
    assert json.loads(await store.read_output("uid-0001") or "") == wild
    found = await store.get("team", "run-1")
    assert found is not None
    assert found.contents.document["message"].replace("\x00", "\ufffd") == shown


async def test_every_document_comes_out_as_it_was(store: Store) -> None:
    """No database reads the JSON, so none of them bends a number."""
    documents = [*make(WIDE_DOCUMENTS, 300), 7**5000, -0.0, 1.0]
    output = json.dumps([*documents, "<n>"], ensure_ascii=False).replace('"<n>"', "0.12345678901234567890, 1.50, 1E400")
    assert await store.put(RunRecord(build_record(1).summary, Contents({"variables": documents}, output)))
    assert await store.read_output("uid-0001") == output
    found = await store.get("team", "run-1")
    assert found is not None
    assert_same(found.contents.document["variables"], documents)


async def test_the_largest_output_can_be_kept(store: Store) -> None:
    output = json.dumps("🎉" * 225_000, ensure_ascii=False)
    assert len(output.encode()) > 900_000
    assert await store.put(RunRecord(build_record(1).summary, Contents({}, output, "x" * 1_048_576)))
    assert await store.read_output("uid-0001") == output


async def test_pages_show_each_run_once_the_newest_first(store: Store) -> None:
    # Three runs a second, as Kubernetes counts time: the place of a run is its time and its uid.
    records = [build_record(number, created_at=NOON + timedelta(seconds=number // 3)) for number in range(20)]
    await fill(store, *records)
    shown: list[Summary] = []
    query = Query("team", limit=7)
    while page := await store.list(query):
        shown += page
        query = replace(query, after=page[-1].position)
    assert [item.uid for item in shown] == [record.summary.uid for record in reversed(records)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query("team", script="other.sh"), [2]),
        (Query("team", scripts=("other.*", "nothing")), [2]),
        (Query("team", scripts=("?ello.py",)), [4, 3, 1, 0]),
        (Query("team", scripts=("%",)), []),
        (Query("team", phases=("Failed",)), [3]),
        (Query("team", phases=("Failed", "Canceled")), [4, 3]),
        (Query("team", reasons=("Timeout",)), [3]),
        (Query("team", source=""), [1]),
        (Query("team", since=NOON + timedelta(seconds=3)), [4, 3]),
        (Query("team", until=NOON + timedelta(seconds=3)), [2, 1, 0]),
        (Query("nobody"), []),
        (Query("team' OR 1=1 --"), []),
    ],
)
async def test_filters_and_the_pure_rule_agree(store: Store, query: Query, expected: list[int]) -> None:
    records = [
        build_record(0),
        build_record(1, source=""),
        build_record(2, script="other.sh"),
        build_record(3, phase="Failed", reason="Timeout"),
        build_record(4, phase="Canceled", reason="Canceled"),
    ]
    await fill(store, *records)
    found = [item.uid for item in await store.list(query)]
    assert found == [f"uid-{number:04}" for number in expected]
    if query.namespace == "team":
        assert set(found) == {record.summary.uid for record in records if query.matches(record.summary)}


@pytest.mark.parametrize("by", ["script", "day", "source"])
async def test_figures(store: Store, by: Any) -> None:
    for number in range(1, 101):
        await fill(store, build_record(number, duration_seconds=float(number)))
    await fill(
        store,
        build_record(200, script="bad.py", source="zeebe", reason="Timeout", phase="Failed", duration_seconds=None),
        build_record(86_400, script="bad.py", source="zeebe", reason="Canceled", phase="Canceled", duration_seconds=9),
    )
    good = Group("", {"Completed": 100}, 50.0, 95.0)
    groups = await count_runs(store, Query("team"), by)
    if by == "day":
        assert groups == [
            Group("2026-02-01", {"Canceled": 1}, 9.0, 9.0),
            replace(good, key="2026-01-31", by_reason={"Completed": 100, "Timeout": 1}),
        ]
    else:
        bad, fine = ("bad.py", "hello.py") if by == "script" else ("zeebe", "api")
        expected = {bad: Group(bad, {"Canceled": 1, "Timeout": 1}, 9.0, 9.0), fine: replace(good, key=fine)}
        assert groups == [expected[key] for key in sorted(expected)]
    assert groups[-1 if by != "source" else 0].success_rate == (100 / 101 if by == "day" else 1.0)


async def test_old_runs_go_in_batches_with_all_they_had(store: Store) -> None:
    await fill(store, *(build_record(number) for number in range(10)))
    before = NOON + timedelta(seconds=2 + 7)
    assert [await store.prune(before, 3) for _ in range(4)] == [3, 3, 1, 0]
    assert [item.name for item in await store.list(Query("team"))] == ["run-9", "run-8", "run-7"]
    async with store.connect() as connection:
        assert (await connection.execute(select(func.count()).select_from(CONTENTS))).scalar() == 3


async def test_before_it_answered_it_is_unavailable_and_not_empty(database: Database) -> None:
    store = Store(database.settings())
    with pytest.raises(HistoryUnavailable):
        await store.list(Query("team"))
    await store.close()


def _compare(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection), METADATA))


@pytest.mark.parametrize("revision", ["base", *REVISIONS])
async def test_tables_come_to_be_from_every_revision(database: Database, revision: str) -> None:
    store = Store(database.settings())
    if revision != "base":
        await migrate(store.engine, revision)
        async with store.engine.begin() as connection:
            values = {column.name: 1 for column in RUNS.columns if not column.nullable and column.name != "id"}
            texts = dict.fromkeys(
                ("uid", "namespace", "name", "script", "script_sha256", "phase", "reason", "source"), "x"
            )
            known = await connection.run_sync(lambda it: {column["name"] for column in inspect(it).get_columns("runs")})
            row = {name: value for name, value in {**values, **texts}.items() if name in known}
            names = ", ".join(row)
            statement = text(f"INSERT INTO runs ({names}) VALUES ({', '.join(f':{name}' for name in row)})")
            await connection.execute(statement, row)
    await store.prepare()
    async with store.engine.connect() as connection:
        assert await connection.run_sync(_compare) == []
        kept = (await connection.execute(select(func.count()).select_from(RUNS))).scalar()
    assert kept == (0 if revision == "base" else 1)
    await store.close()


@pytest.mark.parametrize("kind", KINDS[1:])
async def test_processes_that_start_at_once_take_turns(make_database: Callable[[str], Database], kind: str) -> None:
    database = make_database(kind)
    stores = [Store(database.settings()) for _ in range(4)]
    await asyncio.gather(*(store.prepare() for store in stores))
    await fill(stores[0], build_record(1))
    for store in stores:
        assert len(await store.list(Query("team"))) == 1
        await store.close()


async def test_lists_read_an_index_and_sort_nothing(store: Store, database: Database) -> None:
    """A page out of many thousands: the plan names the index, and neither scans the table nor sorts."""
    rows = [vars_of(build_record(number, script=f"s{number % 50}.py").summary) for number in range(5000)]
    async with store.connect() as connection:
        await connection.execute(insert(RUNS), rows)
        if database.kind == "sqlite":
            await connection.execute(text("ANALYZE"))
        elif database.kind == "postgresql":
            await connection.execute(text("ANALYZE runs"))
        else:
            await connection.execute(text("ANALYZE TABLE runs"))
    page = Query("team", script="s7.py", since=NOON, after=build_record(4000).summary.position, limit=20)
    for query, index in ((page, "script"), (replace(page, script=""), "created_at")):
        plan = await explain(store, database.kind, query)
        assert f"ix_runs_namespace_{index}" in plan, plan
        for word in ("SCAN runs", "TEMP B-TREE", "Seq Scan", "filesort", "Sort "):
            assert word not in plan, plan


def vars_of(summary: Summary) -> dict[str, Any]:
    return {name: getattr(summary, name) for name in summary.__dataclass_fields__}


async def explain(store: Store, kind: str, query: Query) -> str:
    statement = build_list(query).compile(store.engine.sync_engine, compile_kwargs={"literal_binds": True})
    prefix = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
    async with store.connect() as connection:
        rows = await connection.exec_driver_sql(f"{prefix} {str(statement).replace('%%', '%')}")
        return "\n".join(" ".join(str(cell) for cell in row) for row in rows)
