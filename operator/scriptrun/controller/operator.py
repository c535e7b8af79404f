"""An operator process from start to end: connect, check, watch, lead, work, stop."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import kopf
import structlog

from scriptrun import __version__, metrics
from scriptrun.controller.control_loop import Clients, Clocks, ControlLoop
from scriptrun.controller.informer import (
    JOBS_OF_RUNS,
    OUTPUTS_OF_RUNS,
    PODS_OF_RUNS,
    ForgetfulMemories,
    build_kopf_settings,
)
from scriptrun.desired.interruptions import FIELD_MANAGER
from scriptrun.errors import ScriptRunError
from scriptrun.kube.access import LEASE_VERBS, OPERATOR_VERBS
from scriptrun.kube.client import Client
from scriptrun.kube.connection import Connection, open_connection
from scriptrun.kube.leader import lead
from scriptrun.kube.preflight import check_cluster
from scriptrun.kube.reflector import Reflector
from scriptrun.kube.resources import CONFIGMAPS, JOBS, PODS
from scriptrun.runtime.checks import COMPUTED
from scriptrun.runtime.garbage import spare_collecting
from scriptrun.runtime.liveness import Liveness
from scriptrun.runtime.loop_lag import watch_loop_lag
from scriptrun.runtime.mark_file import MarkFile
from scriptrun.runtime.probes import serve_probes
from scriptrun.runtime.process import build_identity, on_signals
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import build_limits
from scriptrun.settings import Settings

__all__ = ["run_operator"]

_log = structlog.get_logger(__name__)

_WATCHED_KINDS = 3  # Jobs, pods and outputs; kopf's watches of Scripts and runs are in a pool of their own


class _Operator:
    """One replica."""

    def __init__(self, connection: Connection, client: Client, settings: Settings) -> None:
        self._connection = connection
        self._settings = settings
        self._pool = WorkerPool(build_limits(settings), COMPUTED)
        mark = MarkFile(Path(settings.state_dir)) if settings.state_dir else None
        counting = Client(connection, OPERATOR_VERBS, metrics.observe_request, FIELD_MANAGER)
        clocks = Clocks(lambda: datetime.now(UTC), time.monotonic)
        self._loop = ControlLoop(Clients(client, counting), self._pool, settings, mark, clocks)
        informer = self._loop.informer
        self._reflectors = (
            Reflector(client, JOBS, JOBS_OF_RUNS, informer.on_job),
            Reflector(client, PODS, PODS_OF_RUNS, informer.on_pod),
            Reflector(client, CONFIGMAPS, OUTPUTS_OF_RUNS, informer.on_output),
        )
        self._started = asyncio.Event()
        self._filled = asyncio.Event()
        self._recorded = asyncio.Event()
        self._stop = asyncio.Event()
        self._liveness = Liveness(self._reflectors)
        metrics.QUEUE_DEPTH.set_function(lambda: len(self._loop.queue))
        metrics.RUNS_UNFINISHED.set_function(lambda: self._loop.cache.unfinished_count)

    def readiness(self) -> str:
        """Say what is not there yet."""
        synced = (
            self._started.is_set()
            and self._filled.is_set()
            and all(reflector.is_synced() for reflector in self._reflectors)
        )
        return "" if synced else "the caches are being filled"

    async def run(self) -> None:
        """Work until told to stop.

        Raises:
            ScriptRunError: a part that must go on for ever has ended.
        """
        self._take_signals()
        self._loop.steps.install()
        address = (self._settings.http_host, self._settings.http_port)
        web = await serve_probes(address, metrics.REGISTRY, self._liveness.explain, self.readiness)
        parts = [
            asyncio.create_task(self._liveness.beat(), name="heartbeat"),
            asyncio.create_task(watch_loop_lag(self._loop.steps), name="loop lag"),
            asyncio.create_task(self._watch(), name="kopf"),
            asyncio.create_task(self._fill_cache(), name="cache sync"),
            asyncio.create_task(self._record(), name="interruptions"),
            *(
                asyncio.create_task(reflector.run(namespace), name=f"{reflector} {namespace}")
                for reflector in self._reflectors
                for namespace in self._settings.namespaces or ("",)
            ),
        ]
        main = asyncio.create_task(self._lead(), name="leader")
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            await asyncio.wait({main, stopping, *parts}, return_when=asyncio.FIRST_COMPLETED)
            stopped = self._stop.is_set()
            self._stop.set()
            _log.info("stopping", asked=stopped)
            await self._finish(main)
            if not stopped:
                self._explain([*parts, main])
        finally:
            for task in (main, stopping, *parts):
                task.cancel()
            await asyncio.gather(main, stopping, *parts, return_exceptions=True)
            await web.cleanup()

    def _take_signals(self) -> None:
        on_signals(self._stop.set)

    async def _finish(self, main: asyncio.Task[None]) -> None:
        """Give reconciles under way their time."""
        if not metrics.LEADER._value.get():
            main.cancel()  # waits to be leader, nothing is under way
        await asyncio.wait({main}, timeout=self._settings.graceful_stop_seconds)

    def _explain(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            if task.done() and not task.cancelled():
                error = task.exception()
                text = f"{task.get_name()} ended: {error or 'the lease was lost'}"
                raise ScriptRunError(text) from error

    async def _fill_cache(self) -> None:
        """List what is there; then watch it."""
        await self._loop.fill_cache()
        self._filled.set()
        spare_collecting()
        await asyncio.Event().wait()

    async def _record(self) -> None:
        """Count the end of this process's previous life, if that was in the middle of something."""
        await self._loop.interruptions.record()
        self._recorded.set()
        await asyncio.Event().wait()

    async def _watch(self) -> None:
        """Run kopf on our authentication and registry; it keeps the cache up to date.

        It lists everything once more. After the first list most of that is no news, and work has begun meanwhile.
        """
        await self._filled.wait()
        registry = self._loop.informer.registry

        async def login(**_: object) -> kopf.AiohttpSession:
            # kopf closes the session it was given when the API server was away or refused it, and logs in again.
            session = self._connection.open_session()
            return kopf.AiohttpSession(server=self._connection.server, aiohttp_session=session)

        kopf.on.login(registry=registry, id="login")(login)
        others = asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(
            registry=registry,
            settings=build_kopf_settings(),
            memories=ForgetfulMemories(),
            standalone=True,
            clusterwide=not self._settings.namespaces,
            namespaces=self._settings.namespaces,
            ready_flag=self._started,
            # Nobody asks for it, but kopf would make one of the user's name, and not every user has one.
            identity=cast(Any, "scriptrun"),
        )
        self._take_signals()  # kopf has put its own handlers in their place, and would stop before our workers do
        await kopf.run_tasks(tasks, ignored=others)

    async def _lead(self) -> None:
        if not self._settings.leader_election:
            await self._work()
            return
        namespace = self._settings.lease_namespace or self._connection.namespace
        await lead(
            self._connection,
            (namespace, self._settings.lease_name),
            build_identity(),
            self._settings.lease_duration_seconds,
            self._work,
        )

    async def _work(self) -> None:
        """Reconcile until stopped."""
        metrics.LEADER.set(1)
        try:
            synced = asyncio.create_task(self._wait_for_caches())
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait({synced, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not self._stop.is_set():
                cache = self._loop.cache
                _log.info("leading", runs=len(cache.runs), scripts=len(cache.scripts))
                async with self._pool:
                    await self._loop.run(self._stop)
            for task in (synced, stopping):
                task.cancel()
        finally:
            metrics.LEADER.set(0)

    async def _wait_for_caches(self) -> None:
        await self._recorded.wait()
        await self._filled.wait()
        for reflector in self._reflectors:
            await reflector.wait_synced()


async def run_operator(settings: Settings, kubeconfig: str = "", context: str = "") -> None:
    """Run an operator process until SIGTERM or SIGINT.

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
        client = Client(connection, {**OPERATOR_VERBS, **LEASE_VERBS}, metrics.observe_request)
        version = await check_cluster(client, settings.namespaces)
        _log.info("starting", version=__version__, kubernetes=version, namespaces=settings.namespaces or "all")
        await _Operator(connection, client, settings).run()
