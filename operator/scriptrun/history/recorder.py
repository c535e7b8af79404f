"""Stores runs as soon as they are over, until each is stored; and deletes what was kept long enough.

Level-triggered: what is to be stored is what is finished in the cluster and not marked as stored there. The mark, the
condition ``Stored``, is set after the database has committed, and the operator deletes no run before.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
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


_Uid = str


@dataclass(slots=True)
class _Unstored:
    """A run that is over and not stored.

    Attributes:
        key: its namespace and name, which another run may be given once it is gone.
        finished_at: when it ended.
        deleted: what it was when somebody deleted it.
    """

    key: Key
    finished_at: datetime
    deleted: dict[str, Any] | None = None


def _key(run: dict[str, Any]) -> Key:
    return run["metadata"]["namespace"], run["metadata"]["name"]


def _uid(run: dict[str, Any]) -> _Uid:
    return str(run["metadata"]["uid"])


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
        self._pending: dict[_Uid, _Unstored] = {}
        self._queue: WorkQueue[_Uid] = WorkQueue(backoff=_RETRIES)
        self._working = False
        metrics.UNSTORED.set_function(lambda: len(self._pending))
        metrics.OLDEST_UNSTORED.set_function(self._measure_lag)

    def note(self, run: dict[str, Any]) -> None:
        """Take note of a ScriptRun as it is now."""
        uid, finished_at = _uid(run), parse_instant((run.get("status") or {}).get("finishedAt"))
        if finished_at is None or is_stored(run):
            self._pending.pop(uid, None)
            return
        self._pending[uid] = _Unstored(_key(run), finished_at)
        self._ask(uid)

    def note_deleted(self, run: dict[str, Any]) -> None:
        """Take note of a ScriptRun that somebody deleted; what it was is stored as far as it can still be had."""
        self.note(run)
        if not self._working:
            self._pending.pop(_uid(run), None)
        elif unstored := self._pending.get(_uid(run)):
            unstored.deleted = run

    def note_gone(self, key: Key) -> None:
        """Take note that a run is not there any more, and nobody saw it go."""
        for uid, unstored in list(self._pending.items()):
            if unstored.key == key:
                del self._pending[uid]

    def _measure_lag(self) -> float:
        ends = [unstored.finished_at for unstored in list(self._pending.values())]  # metrics are read in a thread
        return max(0.0, (self._clock() - min(ends)).total_seconds()) if ends else 0.0

    def _ask(self, uid: _Uid) -> None:
        if self._working:
            self._queue.add(uid)

    async def work(self) -> None:
        """Store and prune until cancelled. One process at a time does so; others stand by and take note."""
        self._working = True
        for uid in self._pending:
            self._ask(uid)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._prune_forever())
                for _ in range(self._settings.workers):
                    tasks.create_task(work_off(self._queue, self._store_pending, self._note_failure))
        finally:
            self._working = False
            self._queue = WorkQueue(backoff=_RETRIES)

    async def _store_pending(self, uid: _Uid) -> None:
        if (unstored := self._pending.get(uid)) is None:
            return
        await self._settle(uid, unstored)
        # Whatever was noted meanwhile, such as its deletion with its last state, asks for it once more.
        if self._pending.get(uid) is unstored:
            del self._pending[uid]

    def _note_failure(self, uid: _Uid, error: Exception) -> None:
        metrics.ERRORS.inc()
        failures = self._queue.count_failures(uid)
        delay = self._queue.retry(uid)
        expected = isinstance(error, HistoryUnavailable | KubeError | WorkersBusy)
        facts: dict[str, Any] = {"again_seconds": delay}
        if unstored := self._pending.get(uid):
            facts.update(namespace=unstored.key[0], run=unstored.key[1])
        if not expected:
            _log.error("run not stored, will be tried again", exc_info=error, **facts)
        elif failures in (0, 5):
            _log.warning("run not stored, will be tried again", error=str(error), **facts)

    async def _settle(self, uid: _Uid, unstored: _Unstored) -> None:
        """Store one run, as far as it is still there, and say so on it."""
        run = unstored.deleted
        if run is None:
            try:
                run = await self._client.get(SCRIPTRUNS, *unstored.key)
            except NotFound:
                return
        if _uid(run) == uid and (run.get("status") or {}).get("finishedAt") and not is_stored(run):
            await self.store(run)
            if unstored.deleted is None:
                await self._mark(run)

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
