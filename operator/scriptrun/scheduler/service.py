"""What callers can do: have scripts run, and report those that ran elsewhere."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog

from scriptrun.errors import HistoryUnavailable, KubeError, NotFound, Rejected, ScriptRunError, TryLater
from scriptrun.history.orders import NewOrder, Order, Outcome, Stage
from scriptrun.kube.client import Client
from scriptrun.kube.resources import SCRIPTRUNS, SECRETS
from scriptrun.scheduler.calls import BadCall, ResultCall, RunCall, StarterCall
from scriptrun.scheduler.decisions import Settle, decide
from scriptrun.scheduler.objects import build_environment, build_order_run, build_secret, name_run
from scriptrun.scheduler.partners import Partners
from scriptrun.scheduler.reconciler import Reconciler
from scriptrun.scheduler.settings import SchedulerSettings
from scriptrun.scheduler.supply import Supplier

__all__ = ["OrderService"]

_log = structlog.get_logger(__name__)
_KEY_BYTES = 3
_NOT_STARTED = "The script could not be started; start it again."


class OrderService:
    """Takes orders.

    Args:
        client: to the API server.
        reconciler: takes them to their end.
        supplier: finds scripts.
        partners: the pipeline's other processes.
        settings: the scheduler's.
        clock: aware UTC.
    """

    def __init__(
        self,
        client: Client,
        reconciler: Reconciler,
        supplier: Supplier,
        partners: Partners,
        settings: SchedulerSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._reconciler = reconciler
        self._supplier = supplier
        self._partners = partners
        self.settings = settings
        self.clock = clock
        self.orders = reconciler.orders

    async def start(self, call: RunCall) -> int:
        """Have a server's script run; returns its id.

        Raises:
            BadCall: the month's limit is reached.
            KubeError: the API server does not answer or refuses.
            HistoryUnavailable: the database is away.
            TaskError: the starter does not answer or refuses.
        """
        request = NewOrder(
            key=secrets.token_hex(_KEY_BYTES),
            origin="scheduler",
            created_at=self.clock(),
            dtable_uuid=call.dtable_uuid,
            script_name=call.script_name,
            owner=call.owner,
            org_id=call.org_id,
            operate_from=call.operate_from,
            context_data=call.context_data,
            script_url=call.script_url,
        )
        order = await self.orders.add(request, call.limit)
        if order is None:
            raise BadCall("The number of runs exceeds the limit")
        environment = build_environment({"api_token": call.api_token}, self.settings)
        await self._start(order, environment, elsewhere=bool(self.settings.starter_url))
        return order.id

    async def start_for_scheduler(self, call: StarterCall) -> None:
        """Have another scheduler's script run, as its starter.

        Raises:
            BadCall: there is no scheduler to report to.
            KubeError: the API server does not answer or refuses.
            HistoryUnavailable: the database is away.
        """
        if not self.settings.report_url:
            raise BadCall("There is no scheduler to report to: see SCRIPTRUN_SCHEDULER_REPORT_URL")
        request = NewOrder(
            key=secrets.token_hex(_KEY_BYTES),
            origin="starter",
            created_at=self.clock(),
            context_data=call.context_data,
            script_url=call.script_url,
            report_id=call.report_id,
        )
        order = await self.orders.add(request, None)
        if order is not None:
            await self._start(order, build_environment(call.environment, self.settings), elsewhere=False)

    async def _start(self, order: Order, environment: dict[str, str], *, elsewhere: bool) -> None:
        """Make what an order needs before its caller learns of it; then the secrets need no other place to be in."""
        try:
            if elsewhere:
                await self._partners.hand_over(order, await self._supplier.find(order), environment)
                started = await self.orders.advance(order, Stage.HANDED_OVER, self.clock())
            else:
                run = await self._client.create(
                    SCRIPTRUNS, self.settings.namespace, build_order_run(order, self.settings)
                )
                await self._client.create(SECRETS, self.settings.namespace, build_secret(run, environment))
                started = await self.orders.advance(order, Stage.PENDING)
        except ScriptRunError as error:
            _log.error("order not started", order=order.id, error=str(error))
            await self._abandon(order)
            raise
        _log.info("order taken", order=order.id, started=started)
        self._reconciler.ask(order.id)

    async def _abandon(self, order: Order) -> None:
        """Clear away an order that could not be started; what this can't clear away the sweep does."""
        with suppress(HistoryUnavailable):
            await self._reconciler.settle(order, Outcome(False, None, _NOT_STARTED))
        with suppress(KubeError):
            options = {"propagationPolicy": "Background"}
            with suppress(NotFound):
                await self._client.delete(SCRIPTRUNS, self.settings.namespace, name_run(order), options)

    async def find(self, order_id: int) -> Order | None:
        """Find a server's order, which is settled first when it is overdue; None: there is none.

        Raises:
            HistoryUnavailable: the database is away.
        """
        order = await self.orders.get(order_id)
        if order is None or order.request.origin != "scheduler":
            return None
        if order.stage in (Stage.RUNNING, Stage.HANDED_OVER):
            # A run that is known to run; whatever the cluster says of it, this order is not open for longer.
            known: dict[str, Any] = {"status": {}}
            decision = decide(order, known, self.clock(), self.settings.time_limit_seconds)
            if isinstance(decision, Settle):
                with suppress(KubeError, TryLater, Rejected):
                    await self._reconciler.reconcile(order_id)
                return await self.orders.get(order_id)
        return order

    async def take_result(self, call: ResultCall) -> None:
        """Take what another starter reports of a script that was handed over to it, and of no other.

        Raises:
            HistoryUnavailable: the database is away.
        """
        order = await self.orders.get(call.order_id) if call.order_id else None
        if order is None or order.stage is not Stage.HANDED_OVER:
            _log.warning("a result was reported of no script that a starter has", order=call.order_id)
            return
        await self._reconciler.settle(order, call.outcome)
