"""A process that runs workflows, from start to end: connect, check, watch, lead, work, stop."""

import asyncio
from datetime import UTC, datetime

import structlog

from scriptrun import __version__, metrics
from scriptrun.desired.workflows.names import WORKFLOW_RUN_LABEL
from scriptrun.errors import KubeError, ScriptRunError, WorkersBusy
from scriptrun.kube.access import LEASE_VERBS, WORKFLOW_VERBS
from scriptrun.kube.client import Client
from scriptrun.kube.connection import Connection, open_connection
from scriptrun.kube.leader import lead
from scriptrun.kube.preflight import check_cluster
from scriptrun.kube.reflector import EVERYTHING, Reflector, Selection
from scriptrun.kube.resources import SCRIPTRUNS, SCRIPTS, WORKFLOWRUNS, WORKFLOWS
from scriptrun.runtime.expressions import RENDERED_BY, Expressions
from scriptrun.runtime.garbage import spare_collecting
from scriptrun.runtime.liveness import Liveness
from scriptrun.runtime.loop_lag import watch_loop_lag
from scriptrun.runtime.probes import serve_probes
from scriptrun.runtime.process import build_identity, on_signals
from scriptrun.runtime.steps import Steps
from scriptrun.runtime.work_queue import WorkQueue
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import build_limits
from scriptrun.settings import WorkflowSettings
from scriptrun.workflows.cache import Cache, Key
from scriptrun.workflows.checks import CHECKED_BY, WorkflowChecks
from scriptrun.workflows.readiness import Readiness
from scriptrun.workflows.reconcile import Reconciler
from scriptrun.workflows.start import Starter

__all__ = ["FIELD_MANAGER", "run_workflows"]

FIELD_MANAGER = "scriptrun-workflows"
RUN, WORKFLOW = "run", "workflow"
Item = tuple[str, Key]
"""What is to be reconciled: a WorkflowRun or a Workflow."""

_log = structlog.get_logger(__name__)
_NAMESPACES_AT_ONCE = 8
_WATCHED_KINDS = 4


def _now() -> datetime:
    return datetime.now(UTC)


class _WorkflowProcess:
    """One replica."""

    def __init__(self, connection: Connection, client: Client, settings: WorkflowSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._queue: WorkQueue[Item] = WorkQueue(flow_of=lambda item: item[1][0], busy_per_flow=settings.workers)
        self._cache = cache = Cache(
            lambda key: self._queue.add((RUN, key)), lambda key: self._queue.add((WORKFLOW, key))
        )
        self._pool = WorkerPool(build_limits(settings), (*RENDERED_BY, *CHECKED_BY))
        checks = WorkflowChecks(cache, self._pool)
        starter = Starter(client, cache, checks)
        self._reconciler = Reconciler(client, cache, starter, Expressions(self._pool), _now)
        self._readiness = Readiness(client, cache, checks, _now)
        names_only = Selection("", metadata_only=True)
        self._reflectors = (
            Reflector(client, WORKFLOWS, EVERYTHING, cache.on_workflow_event),
            Reflector(client, WORKFLOWRUNS, EVERYTHING, cache.on_run_event),
            Reflector(client, SCRIPTS, names_only, cache.on_script_event),
            Reflector(client, SCRIPTRUNS, Selection(WORKFLOW_RUN_LABEL), cache.on_step_run_event),
        )
        self._stop = asyncio.Event()
        self._synced = False
        self._liveness = Liveness(self._reflectors)
        self._steps = Steps()
        self._identity = build_identity()

    def _explain_readiness(self) -> str:
        return "" if self._synced else "the caches are being filled"

    async def run(self) -> None:
        """Work until told to stop.

        Raises:
            ScriptRunError: a part that must go on for ever has ended.
        """
        on_signals(self._stop.set)
        self._steps.install()
        settings = self._settings
        address = (settings.http_host, settings.http_port)
        web = await serve_probes(address, metrics.REGISTRY, self._liveness.explain, self._explain_readiness)
        parts = [
            asyncio.create_task(self._liveness.beat(), name="heartbeat"),
            asyncio.create_task(watch_loop_lag(self._steps), name="loop lag"),
            *(
                asyncio.create_task(reflector.run(namespace), name=f"{reflector} {namespace}")
                for reflector in self._reflectors
                for namespace in settings.namespaces or ("",)
            ),
        ]
        main = asyncio.create_task(self._lead(), name="leader")
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            async with self._pool:
                await asyncio.wait({main, stopping, *parts}, return_when=asyncio.FIRST_COMPLETED)
                self._queue.close()
                _log.info("stopping", asked=self._stop.is_set())
                if self._stop.is_set():
                    await asyncio.wait({main}, timeout=settings.graceful_stop_seconds if self._synced else 0)
                else:
                    ended = next(task for task in (main, *parts) if task.done())
                    raise ScriptRunError(f"{ended.get_name()} ended") from ended.exception()
        finally:
            for task in (main, stopping, *parts):
                task.cancel()
            await asyncio.gather(main, stopping, *parts, return_exceptions=True)
            await web.cleanup()

    async def _lead(self) -> None:
        for reflector in self._reflectors:
            await reflector.wait_synced()
        self._synced = True
        spare_collecting()
        namespace = self._settings.lease_namespace or self._connection.namespace
        lease = (namespace, self._settings.lease_name)
        await lead(self._connection, lease, self._identity, self._settings.lease_duration_seconds, self._work)

    async def _work(self) -> None:
        """Reconcile until the queue is closed."""
        _log.info("working", identity=self._identity)
        self._add_all()
        async with asyncio.TaskGroup() as tasks:
            resync = tasks.create_task(self._resync_forever())
            workers = [
                tasks.create_task(self._work_forever()) for _ in range(_NAMESPACES_AT_ONCE * self._settings.workers)
            ]
            await asyncio.wait(workers)
            resync.cancel()

    def _add_all(self) -> None:
        for key in self._cache.workflows:
            self._queue.add((WORKFLOW, key))
        for key in self._cache.runs:
            self._queue.add((RUN, key))

    async def _resync_forever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_seconds)
            self._add_all()

    async def _work_forever(self) -> None:
        while (item := await self._queue.get()) is not None:
            try:
                await self._reconcile(item)
            finally:
                self._queue.done(item)

    async def _reconcile(self, item: Item) -> None:
        kind, key = item
        try:
            again = None
            if kind == RUN:
                again = await self._reconciler.reconcile(key)
            else:
                await self._readiness.reconcile(key)
        except (KubeError, WorkersBusy) as error:
            delay = self._queue.retry(item)
            _log.warning("not reconciled, will be tried again", item=kind, key=key, error=str(error), delay=delay)
            return
        except Exception:
            _log.exception("not reconciled, will be tried again", item=kind, key=key, delay=self._queue.retry(item))
            return
        self._queue.forget(item)
        if again is not None:
            self._queue.add_after(item, again)


async def run_workflows(settings: WorkflowSettings, kubeconfig: str = "", context: str = "") -> None:
    """Run a process that runs workflows until SIGTERM or SIGINT.

    Args:
        settings: as read from the environment.
        kubeconfig: path; empty for the usual places or the pod's own account.
        context: in it; empty for the current one.

    Raises:
        ClusterUnsuitable: this cluster can't be worked with.
        ScriptRunError: a part that must go on for ever has ended; start the process anew.
    """
    connections = settings.count_connections(_WATCHED_KINDS)
    async with open_connection(kubeconfig, context, connections) as connection:
        verbs = {**WORKFLOW_VERBS, **LEASE_VERBS}
        client = Client(connection, verbs, metrics.observe_request, FIELD_MANAGER)
        kinds = (WORKFLOWS, WORKFLOWRUNS, SCRIPTS, SCRIPTRUNS)
        version = await check_cluster(client, settings.namespaces, kinds, "scriptrun workflows")
        _log.info("starting", version=__version__, kubernetes=version, namespaces=settings.namespaces or "all")
        await _WorkflowProcess(connection, client, settings).run()
