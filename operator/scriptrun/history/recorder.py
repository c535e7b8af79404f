"""Stores runs as soon as they are over, until each is stored; and deletes what was kept long enough.

Level-triggered: what is to be stored is what is finished in the cluster and not marked as stored there. The mark, the
condition ``Stored``, is set after the database has committed, and the operator deletes no run before.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from scriptrun.desired.stored import build_stored, is_stored
from scriptrun.errors import Conflict, HistoryUnavailable, KubeError, NotFound, WorkersBusy
from scriptrun.history import metrics
from scriptrun.history.settings import HistorySettings
from scriptrun.history.snapshot import take_snapshot
from scriptrun.history.store import Store
from scriptrun.kube.client import APPLY, Client
from scriptrun.kube.resources import SCRIPTRUNS
from scriptrun.models.facts import Key
from scriptrun.policies.attempts import parse_instant
from scriptrun.runtime.backoff import Backoff
from scriptrun.runtime.hiding import Hiding
from scriptrun.runtime.work_loop import work_off
from scriptrun.runtime.work_queue import WorkQueue

__all__ = ["Recorder"]

_log = structlog.get_logger(__name__)
_RETRIES = Backoff(0.2, 30.0)


def _key(run: dict[str, Any]) -> Key:
    return run["metadata"]["namespace"], run["metadata"]["name"]


class Recorder:
    """Keeps the history.

    Args:
        client: to the API server, with the field manager of the history.
        store: where runs go.
        hiding: hides what is secret of them.
        settings: the history's.
        clock: aware UTC.
    """

    def __init__(
        self,
        client: Client,
        store: Store,
        hiding: Hiding,
        settings: HistorySettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._store = store
        self._hiding = hiding
        self._settings = settings
        self._clock = clock
        self._pending: dict[Key, datetime] = {}
        self._deleted: dict[Key, dict[str, Any]] = {}
        self._queue: WorkQueue[Key] = WorkQueue(backoff=_RETRIES)
        self._working = False
        metrics.UNSTORED.set_function(lambda: len(self._pending))
        metrics.OLDEST_UNSTORED.set_function(self._measure_lag)

    def note(self, run: dict[str, Any]) -> None:
        """Take note of a ScriptRun as it is now."""
        finished_at = parse_instant((run.get("status") or {}).get("finishedAt"))
        if finished_at is None or is_stored(run):
            self._pending.pop(_key(run), None)
            return
        self._pending[_key(run)] = finished_at
        self._ask(_key(run))

    def note_deleted(self, run: dict[str, Any]) -> None:
        """Take note of a ScriptRun that somebody deleted; what it was is stored as far as it can still be had."""
        self.note(run)
        if self._working and _key(run) in self._pending:
            self._deleted[_key(run)] = run
        else:
            self._pending.pop(_key(run), None)

    def note_gone(self, key: Key) -> None:
        """Take note that a run is not there any more, and nobody saw it go."""
        self._pending.pop(key, None)

    def _measure_lag(self) -> float:
        pending = list(self._pending.values())  # at once: metrics are read in a thread
        return max(0.0, (self._clock() - min(pending)).total_seconds()) if pending else 0.0

    def _ask(self, key: Key) -> None:
        if self._working:
            self._queue.add(key)

    async def work(self) -> None:
        """Store and prune until cancelled. One process at a time does so; others stand by and take note."""
        self._working = True
        for key in self._pending:
            self._ask(key)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._prune_forever())
                for _ in range(self._settings.workers):
                    tasks.create_task(work_off(self._queue, self._store_pending, self._note_failure))
        finally:
            self._working = False
            self._queue = WorkQueue(backoff=_RETRIES)

    async def _store_pending(self, key: Key) -> None:
        if key in self._pending:
            await self._settle(key)

    def _note_failure(self, key: Key, error: Exception) -> None:
        metrics.ERRORS.inc()
        failures = self._queue.count_failures(key)
        delay = self._queue.retry(key)
        expected = isinstance(error, HistoryUnavailable | KubeError | WorkersBusy)
        facts = {"namespace": key[0], "run": key[1], "again_seconds": delay}
        if not expected:
            _log.error("run not stored, will be tried again", exc_info=error, **facts)
        elif failures in (0, 5):
            _log.warning("run not stored, will be tried again", error=str(error), **facts)

    async def _settle(self, key: Key) -> None:
        """Store one run and say so on it."""
        gone = self._deleted.get(key)
        try:
            run = gone or await self._client.get(SCRIPTRUNS, *key)
        except NotFound:
            self._pending.pop(key, None)
            return
        if (run.get("status") or {}).get("finishedAt") and not is_stored(run):
            await self.store(run)
            if gone is None:
                await self._mark(run)
        self._pending.pop(key, None)
        self._deleted.pop(key, None)

    async def _mark(self, run: dict[str, Any]) -> None:
        """Say on a run that it is kept; on no other that was given its name since, which has events of its own."""
        uid = run["metadata"]["uid"]
        with suppress(NotFound):
            while run["metadata"]["uid"] == uid and not is_stored(run):
                try:
                    body = build_stored(run, self._clock())
                    run = await self._client.patch(SCRIPTRUNS, _key(run), body, kind=APPLY, subresource="status")
                except Conflict:
                    run = await self._client.get(SCRIPTRUNS, *_key(run))

    async def store(self, run: dict[str, Any]) -> None:
        """Store a finished run as it is now; again and again is as good as once.

        Raises:
            HistoryUnavailable: the database is away.
            KubeError: the API server is.
        """
        record = await take_snapshot(self._client, self._hiding, run, self._settings.log_limit_bytes)
        if await self._store.put(record):
            metrics.STORED.inc()

    async def _prune_forever(self) -> None:
        while True:
            try:
                await self.prune()
            except HistoryUnavailable as error:
                metrics.ERRORS.inc()
                _log.warning("old runs not deleted, will be tried again", error=str(error))
            await asyncio.sleep(self._settings.prune_interval_seconds)

    async def prune(self) -> int:
        """Delete every run that was kept long enough, in batches; returns how many.

        Raises:
            HistoryUnavailable: the database is away.
        """
        before = self._clock() - timedelta(days=self._settings.retention_days)
        total = 0
        while True:
            count = await self._store.prune(before, self._settings.prune_batch)
            metrics.PRUNED.inc(count)
            total += count
            if count < self._settings.prune_batch:
                return total
            await asyncio.sleep(0)  # the lists of callers come in between
