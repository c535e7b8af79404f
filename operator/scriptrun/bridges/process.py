"""A bridge process from start to end: connect, check, watch, lead, work, stop."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from scriptrun import __version__, metrics
from scriptrun.bridges.bridge_controller import Tools
from scriptrun.bridges.connection import AdapterFactory
from scriptrun.bridges.manager import OPEN_RUNS, Manager
from scriptrun.bridges.open_runs import OpenRuns
from scriptrun.errors import ScriptRunError
from scriptrun.kube.access import BRIDGE_VERBS, CREDENTIALS_VERBS, LEASE_VERBS
from scriptrun.kube.client import Client
from scriptrun.kube.connection import Connection, open_connection
from scriptrun.kube.leader import lead
from scriptrun.kube.preflight import check_cluster
from scriptrun.kube.reflector import EVERYTHING, Reflector
from scriptrun.kube.resources import BRIDGES, SCRIPTRUNS
from scriptrun.models.bridge import BridgeSpec
from scriptrun.orchestrators.adapter import Adapter
from scriptrun.orchestrators.registry import build_adapter
from scriptrun.runtime.garbage import spare_collecting
from scriptrun.runtime.liveness import Liveness
from scriptrun.runtime.loop_lag import watch_loop_lag
from scriptrun.runtime.probes import serve_probes
from scriptrun.runtime.process import build_identity, on_signals, run_until_one_ends
from scriptrun.runtime.steps import Steps
from scriptrun.settings import BridgeSettings

__all__ = ["FIELD_MANAGER", "limit_polls", "run_bridges"]

FIELD_MANAGER = "scriptrun-bridge"

_log = structlog.get_logger(__name__)
_WATCHED_KINDS = 2  # Bridges and runs


def _now() -> datetime:
    return datetime.now(UTC)


class _BridgeProcess:
    """One replica."""

    def __init__(self, connection: Connection, client: Client, settings: BridgeSettings, build: AdapterFactory) -> None:
        self._connection = connection
        self._settings = settings
        self._manager = Manager(Tools(client, OpenRuns(), build, _now), self._lead)
        manager = self._manager
        self._reflectors = (
            Reflector(client, BRIDGES, EVERYTHING, manager.on_bridge, manager.on_bridges_listed),
            Reflector(client, SCRIPTRUNS, OPEN_RUNS, manager.on_run, manager.on_runs_listed),
        )
        self._stop = asyncio.Event()
        self._started = False
        self._liveness = Liveness(self._reflectors)
        self._steps = Steps()
        self._identity = build_identity()

    def readiness(self) -> str:
        """Say what is not there yet."""
        return "" if self._started else "the caches are being filled"

    async def run(self) -> None:
        """Work until told to stop.

        Raises:
            ScriptRunError: a part that must go on for ever has ended.
        """
        on_signals(self._stop.set)
        self._steps.install()
        address = (self._settings.http_host, self._settings.http_port)
        web = await serve_probes(address, metrics.REGISTRY, self._liveness.explain, self.readiness)
        parts = {
            "bridges": self._work(),
            "heartbeat": self._liveness.beat(),
            "loop lag": watch_loop_lag(self._steps),
            "resync": self._resync_forever(),
            **{
                f"{reflector} {namespace}": reflector.run(namespace)
                for reflector in self._reflectors
                for namespace in self._settings.namespaces or ("",)
            },
        }
        try:
            name, error = await run_until_one_ends(parts)
        finally:
            await web.cleanup()
        if not self._stop.is_set():
            raise ScriptRunError(f"{name} ended: {error}") from error

    async def _resync_forever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_seconds)
            self._manager.resync()

    async def _work(self) -> None:
        """Serve Bridges until told to stop, and then for as long as it takes to stop in order."""
        stopping = asyncio.create_task(self._stop.wait())
        synced = asyncio.create_task(self._wait_synced())
        working = None
        try:
            await asyncio.wait({stopping, synced}, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                return
            self._started = True
            spare_collecting()
            working = asyncio.create_task(self._manager.run(self._stop))
            self._manager.resync()
            _log.info("working", identity=self._identity)
            await asyncio.wait({stopping, working}, return_when=asyncio.FIRST_COMPLETED)
            _log.info("stopping", asked=self._stop.is_set())
            await asyncio.wait({working}, timeout=self._settings.graceful_stop_seconds)
            if not working.done():
                _log.warning("not all was finished in time: tasks just claimed come again when their lease is over")
        finally:
            left = [task for task in (stopping, synced, working) if task is not None]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _wait_synced(self) -> None:
        for reflector in self._reflectors:
            await reflector.wait_synced()

    async def _lead(self, lease: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        namespace = self._settings.lease_namespace or self._connection.namespace
        seconds = self._settings.lease_duration_seconds
        await lead(self._connection, (namespace, lease), self._identity, seconds, work)


def limit_polls(build: AdapterFactory, seconds: float) -> AdapterFactory:
    """Make adapters whose polls wait no longer than so many seconds, whatever their Bridge says."""

    def build_limited(spec: BridgeSpec, name: str, secret: Mapping[str, str], certificates: str) -> Adapter:
        wait = min(spec.long_poll_seconds, seconds)
        return build(spec.model_copy(update={"long_poll_seconds": wait}), name, secret, certificates)

    return build_limited


async def run_bridges(
    settings: BridgeSettings, kubeconfig: str = "", context: str = "", build: AdapterFactory | None = None
) -> None:
    """Run a bridge process until SIGTERM or SIGINT.

    Args:
        settings: as read from the environment.
        kubeconfig: path; empty for the usual places or the pod's own account.
        context: in it; empty for the current one.
        build: makes adapters; None for those that connect to no address but those that the settings allow.

    Raises:
        ClusterUnsuitable: this cluster can't be worked with.
        ScriptRunError: a part that must go on for ever has ended; start the process anew.
    """
    connections = settings.count_connections(_WATCHED_KINDS)
    async with open_connection(kubeconfig, context, connections) as connection:
        verbs = {**BRIDGE_VERBS, **CREDENTIALS_VERBS, **LEASE_VERBS}
        client = Client(connection, verbs, metrics.observe_request, FIELD_MANAGER)
        version = await check_cluster(client, settings.namespaces, (BRIDGES, SCRIPTRUNS), "the bridge")
        _log.info("starting", version=__version__, kubernetes=version, namespaces=settings.namespaces or "all")
        build = build or partial(build_adapter, policy=settings.address_policy)
        limited = limit_polls(build, settings.longest_poll_seconds)
        await _BridgeProcess(connection, client, settings, limited).run()
