"""Orders of the script pipeline's scheduler, in each database: counted once, and no more than a limit allows."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from peers.databases import Database
from scriptrun.history.store import Store
from scriptrun.pipeline.order_statistics import OrderCount, count_orders
from scriptrun.pipeline.order_store import OrderQuery, OrderStore
from scriptrun.pipeline.orders import NewOrder, Order, OrderOutcome, Stage, UsageRow

pytest_plugins = ["peers.databasefixtures"]

NOON = datetime(2026, 1, 31, 12, 0, 0, 123000, UTC)
BASE = "12345678-ABCD-4bcd-8bcd-1234567890ab"
GOOD = OrderOutcome(True, 0, "hello\n", 1.5)


def build_request(number: int = 0, **changes: Any) -> NewOrder:
    request = NewOrder(
        key=f"key{number}",
        origin="scheduler",
        created_at=NOON + timedelta(seconds=number),
        dtable_uuid=BASE,
        script_name="hello.py",
        owner="ada@example.com",
        operate_from="manualy",
        context_data={"row": {"Name": "Zoë \u0000 🙂"}},
        script_url="https://scripts.example.com/ticket/hello.py",
    )
    return replace(request, **changes)


@pytest.fixture
async def orders(store: Store) -> OrderStore:
    return OrderStore(store)


@pytest.fixture
async def two(database: Database) -> AsyncIterator[tuple[OrderStore, OrderStore]]:
    """Two processes on one database."""
    stores = [Store(database.settings()) for _ in range(2)]
    for store in stores:
        await store.prepare()
    yield OrderStore(stores[0]), OrderStore(stores[1])
    for store in stores:
        await store.close()


async def add(orders: OrderStore, *args: Any, **changes: Any) -> Order:
    order = await orders.add(build_request(*args, **changes), None)
    assert order is not None
    return order


async def test_what_is_put_in_comes_out(orders: OrderStore) -> None:
    order = await add(orders, org_id=7)
    assert order.id >= 1
    found = await orders.get(order.id)
    assert found is not None
    assert found == replace(order, request=replace(order.request, context_data={"row": {"Name": "Zoë \u0000 🙂"}}))
    assert await orders.get(order.id + 1) is None


async def test_an_address_is_kept_as_long_as_it_is_needed(orders: OrderStore) -> None:
    order = await add(orders)
    assert await orders.advance(order, Stage.PENDING)
    pending = await orders.get(order.id)
    assert pending is not None
    assert pending.request.script_url == order.request.script_url
    assert await orders.advance(pending, Stage.SUPPLIED)
    supplied = await orders.get(order.id)
    assert supplied is not None
    assert supplied.request.script_url == ""


async def test_a_stage_is_left_once(orders: OrderStore) -> None:
    order = await add(orders)
    taken = await asyncio.gather(*(orders.advance(order, Stage.PENDING) for _ in range(8)))
    assert sorted(taken) == [False] * 7 + [True]


async def test_an_end_is_written_and_counted_once(two: tuple[OrderStore, OrderStore]) -> None:
    order = await add(two[0], org_id=7)
    later = NOON + timedelta(seconds=3)
    settled = await asyncio.gather(*(two[number % 2].settle(order, GOOD, NOON, later) for number in range(8)))
    assert sorted(settled) == [False] * 7 + [True]
    found = await two[0].get(order.id)
    assert found is not None
    assert (found.stage, found.outcome, found.started_at, found.finished_at) == (Stage.FINISHED, GOOD, NOON, later)
    for target, subject in (("org", "7"), ("user", "ada@example.com"), ("base", BASE)):
        rows, count = await two[0].list_usage(target, "2026-01", "", 0, 10)  # type: ignore[arg-type]
        assert (rows, count) == ([UsageRow(subject, 1, 1.5)], 1)
    assert await two[0].list_usage("org", "2026-02", "", 0, 10) == ([], 0)


async def test_rows_that_several_begin_at_once_miss_no_count(two: tuple[OrderStore, OrderStore]) -> None:
    """Whoever finds no row to count in makes one, and another may have made it in that moment."""
    for number in range(20):
        base, moment = f"{number:08}-0000-4000-8000-000000000000", NOON + timedelta(days=32 * number)
        changes = {"dtable_uuid": base, "owner": f"{number}@example.com", "org_id": number + 1, "created_at": moment}
        made = await asyncio.gather(*(two[n % 2].add(build_request(n, **changes), 8) for n in range(8)))
        assert all(made)
        settled = (two[n % 2].settle(order, GOOD, moment, moment) for n, order in enumerate(made) if order)
        assert all(await asyncio.gather(*settled))
        month = f"{moment:%Y-%m}"
        for target, subject in (("org", str(number + 1)), ("user", changes["owner"]), ("base", base)):
            rows, _ = await two[0].list_usage(target, month, "", 0, 10)  # type: ignore[arg-type]
            assert rows == [UsageRow(str(subject), 8, 12.0)]
        assert await two[0].add(build_request(99, **changes), 8) is None


@pytest.mark.parametrize(("target", "changes"), [("user", {}), ("org", {"org_id": 7})])
async def test_a_limit_holds_whoever_starts_at_the_same_time(
    two: tuple[OrderStore, OrderStore], target: Any, changes: dict[str, Any]
) -> None:
    asked = (two[number % 2].add(build_request(number, **changes), 5) for number in range(16))
    made = await asyncio.gather(*asked)
    assert sum(order is not None for order in made) == 5
    subject = "7" if target == "org" else "ada@example.com"
    assert await two[0].count_started(target, subject, "2026-01") == 5
    assert (await two[0].list(OrderQuery()))[1] == 5
    assert await two[0].add(build_request(99, **changes), 5) is None
    assert await two[0].add(build_request(99, created_at=NOON + timedelta(days=1), **changes), 5) is not None


async def test_a_limit_of_none_at_all(orders: OrderStore) -> None:
    assert await orders.add(build_request(), 0) is None
    assert await orders.add(build_request(), -0) is None


async def test_what_never_ran_does_not_count(orders: OrderStore) -> None:
    order = await orders.add(build_request(), 1)
    assert order is not None
    assert await orders.settle(order, OrderOutcome(False, None, "no script"), None, NOON)
    assert await orders.count_started("user", "ada@example.com", "2026-01") == 0
    assert await orders.list_usage("user", "2026-01", "", 0, 10) == ([], 0)
    assert await orders.add(build_request(1), 1) is not None


async def test_groups_have_no_limit_and_no_figures(orders: OrderStore) -> None:
    for number in range(3):
        order = await orders.add(build_request(number, owner="5@seafile_group", org_id=-1), 1)
        assert order is not None
        await orders.settle(order, GOOD, NOON, NOON)
    assert await orders.list_usage("user", "2026-01", "", 0, 10) == ([], 0)
    assert (await orders.list_usage("base", "2026-01", "", 0, 10))[0] == [UsageRow(BASE, 3, 4.5)]


async def test_lists(orders: OrderStore) -> None:
    made = [await add(orders, number, org_id=number % 2) for number in range(6)]
    late = await add(orders, 9, script_name="other.py")
    for order in (*made, late):
        await orders.advance(order, Stage.RUNNING, order.request.created_at)
    await add(orders, 9, origin="starter", report_id="5")
    await add(orders, 9, script_name="waits.py")
    query = OrderQuery(BASE.replace("-", "").lower(), "hello.py")
    page, count = await orders.list(replace(query, limit=2, offset=2))
    assert ([order.id for order in page], count) == ([made[3].id, made[2].id], 6)
    page, _ = await orders.list(replace(query, newest_first=False))
    assert [order.id for order in page] == [order.id for order in made]
    assert (await orders.list(OrderQuery(org_id=1)))[1] == 3
    assert (await orders.list(OrderQuery(since=NOON + timedelta(seconds=5))))[1] == 2
    assert (await orders.list(OrderQuery(until=NOON + timedelta(seconds=5))))[1] == 5
    page, _ = await orders.list(OrderQuery(script_name="other.py", bulk=False))
    assert page[0].request.context_data is None


async def test_figures_come_in_order_and_in_pages(orders: OrderStore) -> None:
    for number, (owner, seconds) in enumerate((("a", 1.0), ("b", 9.0), ("a", 1.0), ("c", 5.0), ("a", 1.0))):
        order = await add(orders, number, owner=owner)
        await orders.settle(order, replace(GOOD, spend_seconds=seconds), NOON, NOON + timedelta(days=-number))

    async def ask(order_by: str, offset: int = 0, limit: int = 10) -> list[str]:
        rows, count = await orders.list_usage("user", "2026-01", order_by, offset, limit)
        assert count == 3
        return [row.subject for row in rows]

    assert await ask("") == ["a", "b", "c"]
    assert await ask("-runs") == ["a", "b", "c"]
    assert await ask("-seconds") == ["b", "c", "a"]
    assert await ask("seconds") == ["a", "c", "b"]
    assert await ask("seconds", 1, 1) == ["c"]


async def test_what_is_open_is_found_in_order(orders: OrderStore) -> None:
    made = [await add(orders, number) for number in range(5)]
    await orders.settle(made[1], GOOD, NOON, NOON)
    assert await orders.list_open(0, 2) == [made[0].id, made[2].id]
    assert await orders.list_open(made[2].id, 10) == [made[3].id, made[4].id]


async def test_what_a_starter_ran_is_open_until_it_is_reported(orders: OrderStore) -> None:
    order = await add(orders, origin="starter", report_id='"17"')
    assert await orders.settle(order, GOOD, NOON, NOON)
    assert await orders.list_open(0, 10) == [order.id]
    found = await orders.get(order.id)
    assert found is not None
    assert await orders.advance(found, Stage.FINISHED)
    assert await orders.list_open(0, 10) == []
    assert await orders.list_usage("user", "2026-01", "", 0, 10) == ([], 0)


async def test_old_orders_go_and_their_ids_never_come_again(orders: OrderStore) -> None:
    first, last = await add(orders), await add(orders, 1)
    for order in (first, last):
        await orders.settle(order, GOOD, NOON, NOON)
    still = await add(orders, 2)
    await orders.settle(still, GOOD, NOON, NOON)
    unfinished = await add(orders, 0)
    days = timedelta(days=1)
    assert await orders.prune(NOON + days, NOON - days, 2) == 2
    assert await orders.prune(NOON + days, NOON - days, 2) == 1
    assert await orders.prune(NOON + days, NOON - days, 2) == 0
    assert await orders.get(unfinished.id) is not None
    assert (await orders.list_usage("user", "2026-01", "", 0, 10))[1] == 1
    await orders.prune(NOON + days, NOON + days, 2)
    assert await orders.list_usage("user", "2026-01", "", 0, 10) == ([], 0)
    await orders.settle(unfinished, GOOD, NOON, NOON)
    await orders.prune(NOON + days, NOON + days, 2)
    assert (await add(orders, 3)).id > unfinished.id


async def settle_at(orders: OrderStore, order: Order, outcome: OrderOutcome, started_at: datetime) -> None:
    assert await orders.settle(order, outcome, started_at, started_at + timedelta(seconds=5))


async def test_figures_by_base_and_by_day(orders: OrderStore) -> None:
    evening = NOON.replace(hour=23, minute=59, second=59)
    await settle_at(orders, await add(orders, 0, org_id=5), GOOD, NOON)
    by_rule = await add(orders, 1, org_id=5, operate_from="automation-rule", dtable_uuid=BASE.lower().replace("-", ""))
    await settle_at(orders, by_rule, OrderOutcome(False, 3, "no", 2.5), evening)
    other = await add(orders, 2, org_id=5, dtable_uuid="other", operate_from="else")
    await orders.advance(other, Stage.RUNNING, evening + timedelta(seconds=1))
    await add(orders, 3, org_id=5, dtable_uuid="other")
    await settle_at(orders, await add(orders, 4, org_id=6), GOOD, NOON)
    base = BASE.lower().replace("-", "")
    counts, total = await count_orders(orders.store, OrderQuery(org_id=5), "base")
    assert [(count.key.lower().replace("-", ""), count.runs, count.seconds) for count in counts] == [
        (base, 2, 4.0),
        ("other", 2, 0.0),
    ]
    assert total == 2
    days = [OrderCount("2026-01-31", 2, 4.0, 1, 1, 1, 1), OrderCount("2026-02-01", 1, 0.0, 0, 0, 0, 0)]
    assert await count_orders(orders.store, OrderQuery(org_id=5), "day") == (days, 2)
    assert await count_orders(orders.store, OrderQuery(org_id=5, limit=1, offset=1), "day") == (days[1:], 2)
    assert await count_orders(orders.store, OrderQuery(org_id=5, since=evening), "day") == (
        [OrderCount("2026-01-31", 1, 2.5, 0, 1, 0, 1), days[1]],
        2,
    )
    assert await count_orders(orders.store, OrderQuery(org_id=7), "base") == ([], 0)
