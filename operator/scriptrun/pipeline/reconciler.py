"""Takes orders to their end.

Level-triggered: what is to be done with an order follows from its row and its run alone, so it does not matter how
often, after which event and in how many processes it is looked at. Each change of a row is conditional.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from scriptrun.errors import HistoryUnavailable, KubeError, NotFound, Rejected, TryLater
from scriptrun.history.snapshot import read_output
from scriptrun.history.store import Store
from scriptrun.kube.client import Client
from scriptrun.kube.resources import SCRIPTRUNS
from scriptrun.pipeline.clients import PipelineClients
from scriptrun.pipeline.decisions import (
    Advance,
    Decision,
    Nothing,
    ReportToScheduler,
    SettleOrder,
    Supply,
    decide_order,
    decide_order_outcome,
)
from scriptrun.pipeline.manifests import find_order, name_run
from scriptrun.pipeline.order_store import OrderStore
from scriptrun.pipeline.orders import Order, OrderOutcome, Stage
from scriptrun.pipeline.script_delivery import ScriptDelivery
from scriptrun.pipeline.settings import PipelineSettings
from scriptrun.policies.attempts import parse_instant
from scriptrun.runtime.work_loop import work_off
from scriptrun.runtime.work_queue import WorkQueue

__all__ = ["OrderReconciler"]

_log = structlog.get_logger(__name__)
_PAGE = 500
_PRUNE_SECONDS = 3600.0
_PRUNE_BATCH = 500
_AGAIN_SECONDS = 1.0
_NOT_SUPPLIED = "Fail to get script"


class OrderReconciler:
    """Looks at orders, and does what is to be done.

    Args:
        client: to the API server.
        store: the history, for runs that have left the cluster.
        delivery: gets scripts to runs.
        clients: the pipeline's other processes.
        settings: the scheduler's.
        clock: aware UTC.
    """

    def __init__(
        self,
        client: Client,
        store: Store,
        delivery: ScriptDelivery,
        clients: PipelineClients,
        settings: PipelineSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._store = store
        self.orders = OrderStore(store)
        self._delivery = delivery
        self._clients = clients
        self._settings = settings
        self._clock = clock
        self._open: set[int] = set()
        self._queue: WorkQueue[int] = WorkQueue()
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._supplies: dict[int, asyncio.Task[None]] = {}
        self._downloads = asyncio.Semaphore(settings.workers)

    def note_run(self, run: Mapping[str, Any]) -> None:
        """Take note that something happened to a run."""
        if run["metadata"]["namespace"] != self._settings.namespace or "spec" not in run:
            return
        order_id = find_order(run)
        if order_id in self._open:
            self.ask(order_id)

    def ask(self, order_id: int) -> None:
        """Have an order looked at soon."""
        self._open.add(order_id)
        self._queue.add(order_id)

    async def work(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._sweep_forever())
                tasks.create_task(self._prune_forever())
                for _ in range(self._settings.workers):
                    tasks.create_task(work_off(self._queue, self.reconcile, self._note_failure))
        finally:
            for task in self._supplies.values():
                task.cancel()
            await asyncio.gather(*self._supplies.values(), return_exceptions=True)

    def _note_failure(self, order_id: int, error: Exception) -> None:
        if isinstance(error, KubeError | HistoryUnavailable | TryLater):
            _log.warning("order not taken further, will be tried again", order=order_id, error=str(error))
            self._queue.add_after(order_id, _AGAIN_SECONDS)
        else:
            _log.error("order not taken further", order=order_id, exc_info=error)  # the next sweep looks at it again

    async def _sweep_forever(self) -> None:
        while True:
            try:
                await self.sweep()
            except HistoryUnavailable as error:
                _log.warning("open orders can't be looked at", error=str(error))
            await asyncio.sleep(self._settings.sweep_seconds)

    async def sweep(self) -> None:
        """Have every open order looked at: overdue ones, and those that another process left.

        Raises:
            HistoryUnavailable: the database is away.
        """
        last = 0
        while found := await self.orders.list_open(last, _PAGE):
            for order_id in found:
                self.ask(order_id)
            last = found[-1]

    async def _prune_forever(self) -> None:
        while True:
            try:
                await self.prune()
            except HistoryUnavailable as error:
                _log.warning("old orders not deleted, will be tried again", error=str(error))
            await asyncio.sleep(_PRUNE_SECONDS)

    async def prune(self) -> None:
        """Delete what was kept long enough.

        Raises:
            HistoryUnavailable: the database is away.
        """
        now = self._clock()
        before = now - timedelta(days=self._settings.retention_days)
        usage_before = now - timedelta(days=self._settings.usage_retention_days)
        count = _PRUNE_BATCH
        while count == _PRUNE_BATCH:
            count = await self.orders.prune(before, usage_before, _PRUNE_BATCH)

    async def reconcile(self, order_id: int) -> None:
        """Do what is to be done with an order.

        Raises:
            KubeError: the API server does not answer.
            HistoryUnavailable: the database is away.
            TryLater: a scheduler that is to be told does not answer.
        """
        async with self._locks[order_id]:
            order = await self.orders.get(order_id)
            while order is not None and order.open:
                run, where = (None, None) if order.ended else await self._find_run(order)
                decision = decide_order(order, run, self._clock(), self._settings.time_limit_seconds)
                if not await self._do(decision, order, run, in_cluster=where is self._client):
                    break
                order = await self.orders.get(order_id)
        if order is None or not order.open:
            self._open.discard(order_id)
            self._locks.pop(order_id, None)

    async def _find_run(self, order: Order) -> tuple[dict[str, Any] | None, object]:
        """Find an order's run, in the cluster or in the history."""
        if order.stage is Stage.HANDED_OVER:
            return None, None
        namespace, name = self._settings.namespace, name_run(order)
        try:
            return await self._client.get(SCRIPTRUNS, namespace, name), self._client
        except NotFound:
            record = await self._store.get(namespace, name)
            return (record.contents.document, self._store) if record else (None, None)

    async def _do(self, decision: Decision, order: Order, run: dict[str, Any] | None, *, in_cluster: bool) -> bool:
        """Do what was decided; says whether to look again at once."""
        match decision:
            case Nothing():
                return False
            case Supply():
                self._start_supply(order, run or {})
                return False
            case Advance(stage, started_at):
                await self.orders.advance(order, stage, started_at)
                return True
            case SettleOrder(outcome, stop):
                if outcome is None and run is not None:
                    output = await self._read_output(run, in_cluster=in_cluster)
                    outcome = decide_order_outcome(run, output, self._settings.time_limit_seconds)
                await self.settle(order, outcome or OrderOutcome(False, None, None), run)
                if stop and in_cluster:
                    await self._cancel(order)
                return True
            case ReportToScheduler():
                await self._report(order)
                return True

    async def _read_output(self, run: dict[str, Any], *, in_cluster: bool) -> str | None:
        if in_cluster:
            return await read_output(self._client, run)
        return await self._store.read_output(run["metadata"]["uid"])

    async def settle(
        self,
        order: Order,
        outcome: OrderOutcome,
        run: Mapping[str, Any] | None = None,
        started_at: datetime | None = None,
    ) -> bool:
        """Write how an order ended; False: that was done already.

        Args:
            order: to be ended.
            outcome: how it ended.
            run: says when it began and ended.
            started_at: when it began, where no run says.

        Raises:
            HistoryUnavailable: the database is away.
        """
        status = (run or {}).get("status") or {}
        finished_at = parse_instant(status.get("finishedAt")) or self._clock()
        started_at = parse_instant(status.get("startedAt")) or started_at
        done = await self.orders.settle(order, outcome, started_at, finished_at)
        if done:
            facts = {"success": outcome.success, "return_code": outcome.return_code, "seconds": outcome.spend_seconds}
            _log.info("order finished", order=order.id, **facts)
        return done

    async def _cancel(self, order: Order) -> None:
        with suppress(NotFound):
            key = (self._settings.namespace, name_run(order))
            await self._client.patch(SCRIPTRUNS, key, {"spec": {"cancel": True}})

    async def _report(self, order: Order) -> None:
        try:
            await self._clients.report(order)
        except Rejected as error:
            _log.error("the scheduler does not take the result of its script", order=order.id, error=str(error))
        await self.orders.advance(order, Stage.FINISHED)

    async def wait_for_supplies(self) -> None:
        """Wait until no script is being downloaded."""
        await asyncio.gather(*self._supplies.values())

    def _start_supply(self, order: Order, run: dict[str, Any]) -> None:
        """Download beside the workers: a server that takes its time must hold nobody else up."""
        if order.id not in self._supplies:
            task = asyncio.create_task(self._supply(order, run), name=f"script of order {order.id}")
            self._supplies[order.id] = task
            task.add_done_callback(lambda _: self._supplies.pop(order.id, None))

    async def _supply(self, order: Order, run: dict[str, Any]) -> None:
        try:
            async with self._downloads:
                wrong = await self._delivery.supply(order, run)
            if wrong:
                _log.warning("script not to be had", order=order.id, error=wrong)
                if await self.settle(order, OrderOutcome(False, None, f"{_NOT_SUPPLIED}: {wrong}")):
                    await self._cancel(order)
            else:
                await self.orders.advance(order, Stage.SUPPLIED)
        except (KubeError, HistoryUnavailable) as error:
            _log.warning("order not taken further, will be tried again", order=order.id, error=str(error))
            self._queue.add_after(order.id, _AGAIN_SECONDS)
        except Exception:
            _log.exception("order not taken further", order=order.id)
        else:
            self.ask(order.id)
