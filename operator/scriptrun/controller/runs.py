"""Keeps ScriptRuns: reads them where the cache can't be trusted, writes their status, deletes them in the end."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from scriptrun.controller.cache import Cache
from scriptrun.controller.informer import WorkItem
from scriptrun.controller.observe import observe_run
from scriptrun.errors import Conflict, NotFound, Unavailable
from scriptrun.kube.client import APPLY, Client
from scriptrun.kube.resources import SCRIPTRUNS
from scriptrun.models.facts import Key, RunFacts
from scriptrun.policies.ttl import decide_expiry
from scriptrun.runtime.work_queue import WorkQueue

__all__ = ["RunKeeper"]


class RunKeeper:
    """Reads, writes and deletes ScriptRuns. With ``keep_until_stored`` it deletes none that the history lacks."""

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
        self._unanswered: set[Key] = set()

    async def observe(self, key: Key) -> RunFacts | None:
        """Observe a run: from the cache, or anew when the last write was refused or not answered.

        Otherwise an end that was written, while the answer was lost, would be decided and written once more.
        """
        if key in self._unanswered and key in self._cache.runs:
            listed = await self._client.list(SCRIPTRUNS, key[0], fieldSelector=f"metadata.name={key[1]}")
            for item in listed.get("items") or ():
                self._cache.put_run(observe_run(item))
            if not listed.get("items"):
                self._cache.drop_run(key, int(listed["metadata"]["resourceVersion"]))
        self._unanswered.discard(key)
        return self._cache.runs.get(key)

    async def write(self, run: RunFacts, body: dict[str, Any]) -> bool:
        """Apply a status to the very version that it was decided for; says whether the run took it.

        Args:
            run: the run.
            body: as built by ``desired.status``.
        """
        try:
            answer = await self._client.patch(SCRIPTRUNS, run.key, body, kind=APPLY, subresource="status")
        except Unavailable:
            self._unanswered.add(run.key)
            raise
        except Conflict:
            # Changed meanwhile, or deleted and created anew: it is looked at once more.
            self._unanswered.add(run.key)
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
