"""What callers can do: have scripts run, and report those that ran elsewhere."""

import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from scriptrun.errors import HistoryUnavailable, KubeError, NotFound, Rejected, ScriptRunError, TryLater
from scriptrun.kube.client import Client
from scriptrun.kube.resources import SCRIPTRUNS, SECRETS
from scriptrun.pipeline.clients import PipelineClients
from scriptrun.pipeline.decisions import SettleOrder, decide_order
from scriptrun.pipeline.manifests import build_environment, build_order_run, build_secret, name_run
from scriptrun.pipeline.orders import NewOrder, Order, OrderOutcome, Stage
from scriptrun.pipeline.reconciler import OrderReconciler
from scriptrun.pipeline.requests import BadCall, ResultCall, RunCall, RunningCall, StarterCall
from scriptrun.pipeline.script_delivery import ScriptDelivery
from scriptrun.pipeline.settings import PipelineSettings

__all__ = ["OrderService"]

_log = structlog.get_logger(__name__)
_KEY_BYTES = 3
_NOT_STARTED = "The script could not be started; start it again."


class OrderService:
    """Takes orders.

    Args:
        client: to the API server.
        reconciler: takes them to their end.
        delivery: finds scripts.
        clients: the pipeline's other processes.
        settings: the scheduler's.
        clock: aware UTC.
    """

    def __init__(
        self,
        client: Client,
        reconciler: OrderReconciler,
        delivery: ScriptDelivery,
        clients: PipelineClients,
        settings: PipelineSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._reconciler = reconciler
        self._delivery = delivery
        self._clients = clients
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
        if self.settings.starter_url:
            await self._make(order, self._hand_over(order, call.api_token))
        else:
            environment = build_environment({"api_token": call.api_token}, self.settings)
            waits = not call.script_url and not call.api_token  # for the server, which gives a token with the address
            await self._make(order, self._start(order, None if waits else environment))
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
            await self._make(order, self._start(order, build_environment(call.environment, self.settings)))

    async def _start(self, order: Order, environment: dict[str, str] | None) -> bool:
        """Have a script run here. Without an environment its Secret is made with the script."""
        namespace = self.settings.namespace
        run = await self._client.create(SCRIPTRUNS, namespace, build_order_run(order, self.settings))
        if environment is not None:
            await self._client.create(SECRETS, namespace, build_secret(run, environment))
        return await self.orders.advance(order, Stage.PENDING)

    async def _hand_over(self, order: Order, api_token: str) -> bool:
        found = await self._delivery.find(order)
        environment = build_environment({"api_token": api_token or found.api_token}, self.settings)
        await self._clients.hand_over(order, found.script_url, environment)
        return await self.orders.advance(order, Stage.HANDED_OVER, self.clock())

    async def _make(self, order: Order, making: Coroutine[Any, Any, bool]) -> None:
        """Make what an order needs before its caller learns of it; then the secrets need no other place to be in."""
        try:
            started = await making
        except ScriptRunError as error:
            _log.error("order not started", order=order.id, error=str(error))
            await self._abandon(order)
            raise
        _log.info("order taken", order=order.id, started=started)
        self._reconciler.ask(order.id)

    async def _abandon(self, order: Order) -> None:
        """Clear away an order that could not be started; what this can't clear away the sweep does."""
        with suppress(HistoryUnavailable):
            await self._reconciler.settle(order, OrderOutcome(False, None, _NOT_STARTED))
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
            decision = decide_order(order, known, self.clock(), self.settings.time_limit_seconds)
            if isinstance(decision, SettleOrder):
                with suppress(KubeError, TryLater, Rejected):
                    await self._reconciler.reconcile(order_id)
                return await self.orders.get(order_id)
        return order

    async def take_start(self, call: RunningCall) -> bool:
        """Take when another starter began with a script that was handed over to it; False: there is no such order.

        Raises:
            HistoryUnavailable: the database is away.
        """
        order = await self._find_reported(call.order_id)
        if order is not None and order.stage is Stage.HANDED_OVER:
            await self.orders.note_start(order, self._bound(order, call.started_at))
        return order is not None

    async def take_result(self, call: ResultCall) -> bool:
        """Take what another starter reports of a script that was handed over to it; False: there is no such order.

        Raises:
            HistoryUnavailable: the database is away.
        """
        order = await self._find_reported(call.order_id)
        if order is not None and order.stage is Stage.HANDED_OVER:
            started_at = None if call.started_at is None else self._bound(order, call.started_at)
            await self._reconciler.settle(order, call.outcome, started_at=started_at)
        return order is not None

    async def _find_reported(self, order_id: int | None) -> Order | None:
        """Find the order that a starter speaks of. Of what no starter has, nothing is taken, and nobody is told."""
        order = await self.orders.get(order_id) if order_id else None
        if order is None or order.stage is not Stage.HANDED_OVER:
            _log.warning("a starter reported of a script that no starter has", order=order_id)
        return order if order is not None and order.request.origin == "scheduler" else None

    def _bound(self, order: Order, started_at: datetime | None) -> datetime:
        """Hold what a starter says to what can be: the time limit counts from it, and must come to an end."""
        now, created_at = self.clock(), order.request.created_at
        latest = min(now, created_at + timedelta(seconds=self.settings.time_limit_seconds))
        return min(max(started_at or now, created_at), latest)
