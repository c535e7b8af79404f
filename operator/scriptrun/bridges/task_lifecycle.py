"""One open run from its claim to its report: keep the claim, see whether it is still wanted, report its end."""

import asyncio

import structlog

from scriptrun.bridges.bridge_context import BridgeContext, wait_until
from scriptrun.bridges.open_runs import OpenRun, observe_open_run
from scriptrun.bridges.reporting import Reporter, persist, read_again
from scriptrun.desired.claim import build_withdrawal
from scriptrun.errors import Gone, TryLater
from scriptrun.kube.resources import SCRIPTRUNS
from scriptrun.models.facts import Claim
from scriptrun.runtime.backoff import back_off

__all__ = ["TaskLifecycle"]

_log = structlog.get_logger(__name__)


class TaskLifecycle:
    """Keeps one open run's claim, withdraws the run when its task is gone, and has its end reported.

    Args:
        context: of its Bridge.
        open_run: the run.
        extend_in: seconds after which its claim is extended for the first time.
    """

    def __init__(self, context: BridgeContext, open_run: OpenRun, extend_in: float) -> None:
        self._context = context
        self._key = open_run.key
        self._uid = open_run.uid
        self._loop = asyncio.get_running_loop()
        self._extend_at = self._loop.time() + extend_in
        self._failures = 0
        self._news = asyncio.Event()
        self.idle = False

    def tell(self) -> None:
        """Say that the run has changed."""
        self._news.set()

    def _look(self) -> OpenRun | None:
        """The run as it is now; one of its name that was made after it is another."""
        open_run = self._context.open_runs.get(self._key)
        return open_run if open_run is not None and open_run.uid == self._uid else None

    async def run(self) -> None:
        """See to the run until it is let go, or gone."""
        while (open_run := self._look()) is not None and open_run.finished_at is None and not open_run.reported:
            left = self._extend_at - self._loop.time()
            claim = None if open_run.dropped else open_run.claim
            if claim is not None and left <= 0:
                await self._extend(open_run, claim)
                continue
            self.idle = True
            await wait_until(self._news, left if claim is not None else None)
            self.idle = False
        await Reporter(self._context, self._look, self._news).report()

    async def _extend(self, open_run: OpenRun, claim: Claim) -> None:
        try:
            await self._context.connection.extend(claim.handle)
        except Gone as error:
            self._context.count_extension("gone")
            await self._withdraw(open_run, str(error))
            return
        except TryLater as error:
            self._context.count_extension("failed")
            self._failures += 1
            delay = min(
                back_off(self._failures, asked=error.after_seconds), self._context.third_of_lease(claim.lease_seconds)
            )
            self._extend_at = self._loop.time() + delay
            return
        self._context.count_extension("extended")
        self._failures = 0
        self._extend_at = self._loop.time() + self._context.third_of_lease(claim.lease_seconds)

    async def _withdraw(self, open_run: OpenRun, why: str) -> None:
        """Cancel a run that nobody waits for any more; it is let go once it has ended.

        Nothing is done when it was handed out again while we asked.
        """
        namespace, name = open_run.key
        body = build_withdrawal(open_run.uid, open_run.version, why)
        answer = await persist(lambda: self._context.client.patch(SCRIPTRUNS, open_run.key, body), run=name)
        if answer is None:
            await read_again(self._context, open_run)
            return
        self._context.open_runs.put(observe_open_run(answer))
        _log.warning("task is gone, its run is canceled", namespace=namespace, run=name, error=why)
