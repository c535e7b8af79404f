"""An API process from start to end: connect, check, watch, serve, and keep the history."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from scriptrun import __version__
from scriptrun.api import metrics
from scriptrun.api.app import build_app
from scriptrun.api.auth.authorizer import Authorizer
from scriptrun.api.auth.tokens import TokenFolder
from scriptrun.api.context import Context
from scriptrun.api.middleware.guarded_protocol import GuardedProtocol
from scriptrun.api.pipeline_mount import mount_pipeline
from scriptrun.api.runs.run_index import RunIndex
from scriptrun.api.runs.service import RunService
from scriptrun.api.settings import ApiSettings
from scriptrun.errors import HistoryUnavailable
from scriptrun.history.recorder import Recorder
from scriptrun.history.settings import HistorySettings
from scriptrun.history.store import Store
from scriptrun.kube.access import (
    API_VERBS,
    HISTORY_VERBS,
    LEASE_VERBS,
    PIPELINE_VERBS,
    REVIEW_VERBS,
    merge_verbs,
)
from scriptrun.kube.client import Client
from scriptrun.kube.connection import Connection, open_connection
from scriptrun.kube.leader import lead
from scriptrun.kube.preflight import check_cluster
from scriptrun.pipeline.process import Pipeline, open_pipeline
from scriptrun.pipeline.settings import PipelineSettings
from scriptrun.runtime.checks import COMPUTED
from scriptrun.runtime.garbage import spare_collecting
from scriptrun.runtime.hiding import HIDDEN_BY, Hiding
from scriptrun.runtime.loop_lag import watch_loop_lag
from scriptrun.runtime.process import build_identity, on_signals, run_until_one_ends
from scriptrun.runtime.steps import Steps
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import build_limits

__all__ = ["run_api"]

_log = structlog.get_logger(__name__)
_WATCHED_KINDS = 2  # runs and Scripts
_PREPARE_AGAIN_SECONDS = 5.0
_HISTORY_MANAGER = "scriptrun-history"
_KEEP_ALIVE_SECONDS = 75


async def run_api(
    settings: ApiSettings,
    history: HistorySettings,
    scheduling: PipelineSettings,
    kubeconfig: str = "",
    context: str = "",
) -> None:
    """Run an API process until SIGTERM or SIGINT.

    Args:
        settings: the process's own.
        history: of the history it keeps.
        scheduling: of the script pipeline's scheduler.
        kubeconfig: path; empty for the usual places or the pod's own account.
        context: in it; empty for the current one.

    Raises:
        ScriptRunError: this cluster or these settings can't be worked with.
    """
    connections = settings.count_connections(_WATCHED_KINDS) + settings.max_streams
    steps = Steps()
    steps.install()
    pool = WorkerPool(build_limits(settings), COMPUTED + HIDDEN_BY)
    async with open_connection(kubeconfig, context, connections) as connection, _open_store(history) as store, pool:
        verbs = {**API_VERBS, **REVIEW_VERBS}
        client = Client(connection, verbs, metrics.observe_kube)
        version = await check_cluster(client, settings.namespaces)
        _log.info("starting", version=__version__, kubernetes=version, history=store.dialect if store else "none")
        recorder = None
        if store is not None:
            rights = {**verbs, **HISTORY_VERBS, **LEASE_VERBS}
            writer = Client(connection, rights, metrics.observe_kube, _HISTORY_MANAGER)
            recorder = Recorder(writer, store, Hiding(pool), history)
        maker = Client(connection, merge_verbs(verbs, PIPELINE_VERBS), metrics.observe_kube)
        async with open_pipeline(maker, store, settings.namespaces, scheduling) as pipeline:
            run_index = RunIndex(client, settings.namespaces, _feed(recorder, pipeline))
            authorizer = Authorizer(client, TokenFolder(settings.tokens_dir), settings.auth_cache_seconds)
            runs = RunService(client, authorizer, run_index, store, recorder, pool)
            held = Context(client, authorizer, run_index, runs, settings, Hiding(pool), store)
            server = _build_server(held, settings, pipeline, steps)
            work = {"watches": run_index.run(), "server": server.serve(), "loop lag": watch_loop_lag(steps)}
            if recorder is not None and store is not None:
                work["history"] = _keep_history(connection, store, recorder, settings)
            if pipeline is not None:
                work["scheduler"] = pipeline.reconciler.work()
            spare_collecting()
            _, error = await run_until_one_ends(work)
            if error is not None:
                raise error


@asynccontextmanager
async def _open_store(history: HistorySettings) -> AsyncIterator[Store | None]:
    if not history.url.get_secret_value():
        yield None
        return
    store = Store(history)
    try:
        yield store
    finally:
        await store.close()


def _feed(recorder: Recorder | None, pipeline: Pipeline | None) -> Any:
    """Tell the recorder and the pipeline of runs as they are seen."""

    def tell(event: str, run: dict[str, Any]) -> None:
        if pipeline is not None:
            pipeline.reconciler.note_run(run)
        if recorder is None:
            return
        if event == "GONE":
            recorder.note_gone((run["metadata"]["namespace"], run["metadata"]["name"]))
        elif event == "DELETED":
            recorder.note_deleted(run)
        else:
            recorder.note(run)

    return tell


async def _keep_history(connection: Connection, store: Store, recorder: Recorder, settings: ApiSettings) -> None:
    """Bring the database's tables up to date, once it answers; then store runs, as the one replica that does."""
    while True:
        try:
            await store.prepare()
            break
        except HistoryUnavailable as error:
            _log.warning("the history can't be kept yet", error=str(error))
            await asyncio.sleep(_PREPARE_AGAIN_SECONDS)
    _log.info("history ready", database=store.dialect)
    if not settings.leader_election:
        await recorder.work()
        return
    identity = build_identity()
    lease = (settings.lease_namespace or connection.namespace, settings.lease_name)
    while True:
        await lead(connection, lease, identity, settings.lease_duration_seconds, recorder.work)
        _log.warning("another replica stores runs now, or the API server is away")


class _Server(uvicorn.Server):
    """Lets requests that wait end when the process is to stop, and leaves the process's end to its owner."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT. uvicorn's own way ends in the signal once more, before anything is closed."""
        give_up = on_signals(self._stop)
        try:
            yield
        finally:
            give_up()

    def _stop(self) -> None:
        self._stopping.set()
        self.force_exit = self.should_exit  # the second time
        self.should_exit = True


def _follow_requests(app: ASGIApp, steps: Steps) -> ASGIApp:
    """Name requests by method and path where it is said what held the event loop."""

    async def follow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        await steps.follow(f"{scope['method']} {scope['path']}", app(scope, receive, send))  # type: ignore[arg-type]

    return follow


def _build_server(context: Context, settings: ApiSettings, pipeline: Pipeline | None, steps: Steps) -> uvicorn.Server:
    app: ASGIApp = build_app(context)
    if pipeline is not None:
        app = mount_pipeline(app, pipeline.service, settings)
    app = _follow_requests(app, steps)
    limits = {"header_seconds": settings.header_seconds, "send_seconds": settings.send_seconds}
    protocol = type("Protocol", (GuardedProtocol,), limits)
    config = uvicorn.Config(
        app,
        host=settings.http_host or None,  # type: ignore[arg-type]  # asyncio takes None for every address
        port=settings.http_port,
        http=protocol,
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        limit_concurrency=settings.max_callers,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.graceful_stop_seconds,
        ssl_certfile=settings.tls_cert_file or None,
        ssl_keyfile=settings.tls_key_file or None,
    )
    return _Server(config, context.runs.stopping)
