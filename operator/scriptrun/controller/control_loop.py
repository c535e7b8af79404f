"""The control loop of one replica: cache, work queue, workers and reconcilers, wired together.

It knows neither processes and signals nor kopf's watches and the lease: those are the operator's, so that the
simulation in the unit tests runs this very loop.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from scriptrun.controller.cache import Cache
from scriptrun.controller.cache_sync import CacheSync
from scriptrun.controller.informer import Informer, WorkItem
from scriptrun.controller.interruptions import Interruptions, name_work
from scriptrun.controller.runs.reconcile import RunReconciler
from scriptrun.controller.workers import Workers, namespace_of
from scriptrun.errors import KubeError
from scriptrun.kube.client import Client
from scriptrun.runtime.checks import Checks
from scriptrun.runtime.mark_file import MarkFile
from scriptrun.runtime.steps import Steps
from scriptrun.runtime.work_queue import WorkQueue
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.settings import Settings

__all__ = ["Clients", "Clocks", "ControlLoop"]

_log = structlog.get_logger(__name__)

_NAMESPACES_AT_ONCE = 8
"""How many namespaces may have all the workers that one may have."""
_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Clients:
    """Two clients to the API server, with field managers of their own.

    Attributes:
        main: for all that is not about interruptions.
        counting: writes how often the process died; see ``Interruptions``.
    """

    main: Client
    counting: Client


@dataclass(frozen=True, slots=True)
class Clocks:
    """What time it is.

    Attributes:
        now: aware UTC.
        monotonic: seconds.
    """

    now: Callable[[], datetime]
    monotonic: Callable[[], float]


class ControlLoop:
    """Reconciles runs and Scripts as long as this replica leads.

    Args:
        clients: to the API server.
        pool: where what tenants write is checked.
        settings: the operator's.
        mark: names what is being worked on, for the process's next life; None where no file is kept.
        clocks: what time it is.

    Attributes:
        cache: what is known of the cluster.
        queue: keys to reconcile.
        informer: takes the watches' events.
        interruptions: counts deaths of the process; ``record`` comes before any work.
        runs: reconciles runs.
        steps: names the work that holds the event loop.
    """

    def __init__(
        self, clients: Clients, pool: WorkerPool, settings: Settings, mark: MarkFile | None, clocks: Clocks
    ) -> None:
        self._settings = settings
        self.cache = Cache()
        self.queue: WorkQueue[WorkItem] = WorkQueue(clocks.monotonic, namespace_of, settings.workers)
        # Most workers are left to other namespaces, and with them the API server: it is slow when it has much to do.
        self._workers = Workers(self.queue, self.reconcile, _NAMESPACES_AT_ONCE * settings.workers)
        checks = Checks(pool, self._workers.step_aside)
        self.runs = RunReconciler(clients.main, self.cache, self.queue, checks, settings, clocks.now)
        self.informer = Informer(self.cache, self.queue.add)
        self._cache_sync = CacheSync(clients.main, self.cache, self.informer, settings.namespaces)
        self.steps = Steps(mark.begin, mark.end) if mark else Steps()
        self.interruptions = Interruptions(clients.counting, self.cache, mark, clocks.monotonic)

    async def fill_cache(self) -> None:
        """List Scripts and runs, however long the API server is away."""
        while True:
            try:
                return await self._cache_sync.fill()
            except KubeError as error:
                _log.warning("what is there is not known yet", error=str(error))
                await asyncio.sleep(_AGAIN_SECONDS)

    async def run(self, stop: asyncio.Event) -> None:
        """Reconcile until told to stop; passes under way are given their time then.

        Args:
            stop: set when the work is to end.
        """
        self.interruptions.begin_work()
        self.runs.take_over()
        workers = asyncio.create_task(self._workers.run())
        resync = asyncio.create_task(self._resync_forever())
        try:
            await stop.wait()
            self.queue.close()
            await asyncio.wait({workers}, timeout=self._settings.graceful_stop_seconds)
        finally:
            for task in (workers, resync):
                task.cancel()
            await asyncio.gather(workers, resync, return_exceptions=True)

    async def _resync_forever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_seconds)
            try:
                await self._cache_sync.sweep()
            except KubeError as error:
                _log.warning("what vanished unseen is not known yet", error=str(error))
            self.runs.resync()

    async def reconcile(self, item: WorkItem) -> None:
        """One pass over a run or a Script.

        Raises:
            Exception: whatever went wrong; the key comes again later.
        """
        await self.steps.follow(name_work(item), self._pass(item))

    async def _pass(self, item: WorkItem) -> None:
        kind, *key = item
        await self.interruptions.reopen(item)
        if kind == "run":
            await self.runs.reconcile((key[0], key[1]))
        elif (again := await self.runs.scripts.reconcile((key[0], key[1]))) is not None:
            self.queue.add_after(item, again)
        await self.interruptions.forgive(item)
