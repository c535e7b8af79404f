"""Writes the status of ScriptRuns and deletes them after their TTL; rereads them where a write leaves doubt."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

from scriptrun.controller.cache import Cache
from scriptrun.controller.informer import WorkItem
from scriptrun.controller.observe import observe_run
from scriptrun.desired.event import build_failure_event
from scriptrun.desired.status import build_smaller_ends
from scriptrun.errors import Conflict, KubeError, NotFound, TooLarge, Unavailable
from scriptrun.kube.client import APPLY, Client
from scriptrun.kube.resources import EVENTS, SCRIPTRUNS
from scriptrun.models.facts import Key, RunFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.ttl import decide_expiry
from scriptrun.policies.verdict import Verdict
from scriptrun.runtime.work_queue import WorkQueue

__all__ = ["RunWriter"]

_log = structlog.get_logger(__name__)


class RunWriter:
    """Writes and deletes ScriptRuns. With ``keep_until_stored`` it deletes none that the history lacks."""

    def __init__(
        self,
        client: Client,
        cache: Cache,
        queue: WorkQueue[WorkItem],
        clock: Callable[[], datetime],
        *,
        keep_until_stored: bool = False,
    ) -> None:
        self._client = client
        self._cache = cache
        self._queue = queue
        self._clock = clock
        self._keep_until_stored = keep_until_stored

    async def observe(self, key: Key) -> RunFacts | None:
        """Observe a run: from the cache, or anew when the last write was refused or not answered.

        Otherwise an end that was written, while the answer was lost, would be decided and written once more.
        """
        known = self._cache.runs.get(key)
        if known is not None and self._cache.state_of(known).write_in_doubt:
            listed = await self._client.list(SCRIPTRUNS, key[0], fieldSelector=f"metadata.name={key[1]}")
            for item in listed.get("items") or ():
                self._cache.put_run(observe_run(item))
            if not listed.get("items"):
                self._cache.drop_run(key, int(listed["metadata"]["resourceVersion"]))
            self._cache.state_of(known).end_doubt()
        return self._cache.runs.get(key)

    async def write(self, run: RunFacts, body: dict[str, Any]) -> dict[str, Any] | None:
        """Apply a status to the very version that it was decided for; returns what was written, None for nothing.

        An end for which the run's object has no room is written smaller. What can't be written at all is not tried
        again until the run changes.

        Args:
            run: the run.
            body: as built by ``desired.status``.
        """
        if self._cache.state_of(run).is_full(run):
            return None
        smaller = build_smaller_ends(run, body) if "finishedAt" in body["status"] else iter(())
        while True:
            try:
                return body if await self._apply(run, body) else None
            except TooLarge as error:
                _log.warning("status has no room in its run", namespace=run.key[0], run=run.key[1], error=str(error))
                if (found := next(smaller, None)) is None:
                    break
                body = found
        if "finishedAt" in body["status"]:
            self._cache.state_of(run).mark_full(run)
            await self._tell_full(run)
        return None

    async def _tell_full(self, run: RunFacts) -> None:
        """Tell where there is room for it that a run can't be ended."""
        _log.error("run can't be ended: its object is full, delete it", namespace=run.key[0], run=run.key[1])
        verdict = Verdict(Reason.INPUT_TOO_LARGE, "the run is full: its end can't be written into it, delete it")
        with suppress(KubeError):
            await self._client.create(EVENTS, run.key[0], build_failure_event(run, verdict, self._clock()))

    async def _apply(self, run: RunFacts, body: dict[str, Any]) -> bool:
        try:
            answer = await self._client.patch(SCRIPTRUNS, run.key, body, kind=APPLY, subresource="status")
        except Unavailable:
            self._cache.state_of(run).doubt_write()
            raise
        except Conflict:
            # Changed meanwhile, or deleted and created anew: it is looked at once more.
            self._cache.state_of(run).doubt_write()
            self._queue.add(("run", *run.key))
            return False
        except NotFound:
            self._drop(run)
            return False
        if not self._is_known(run):
            return False  # it was deleted while the answer was on its way
        self._cache.put_run(observe_run(answer))
        if "finishedAt" in body["status"]:
            await self.expire(self._cache.runs[run.key])
        return True

    async def expire(self, run: RunFacts) -> None:
        """Delete a finished run when its time is over; what it owns goes with it.

        One whose end a bridge has yet to report, or the history to store, stays: the news of that leads here again.
        """
        if run.awaited or (self._keep_until_stored and not run.stored):
            return
        script = self._cache.scripts.get((run.key[0], run.script))
        left = decide_expiry(run, script.spec if script else None, self._clock())
        if left > 0:
            self._queue.add_after(("run", *run.key), left)
            return
        try:
            options = {"preconditions": {"uid": run.uid}, "propagationPolicy": "Background"}
            await self._client.delete(SCRIPTRUNS, *run.key, options)
        except (NotFound, Conflict):
            self._drop(run)

    def _is_known(self, run: RunFacts) -> bool:
        known = self._cache.runs.get(run.key)
        return known is not None and known.uid == run.uid

    def _drop(self, run: RunFacts) -> None:
        if self._is_known(run):
            self._cache.drop_run(run.key, self._cache.runs[run.key].version)
