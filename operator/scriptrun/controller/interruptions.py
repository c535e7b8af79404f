"""Counts in the cluster how often the process died while it worked on a run or Script, and ends the count again.

What was being worked on is in the mark file of the process's previous life. The count is in the object's own status, so
that it outlives the pod and holds for every replica.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from pydantic import ValidationError

from scriptrun import metrics
from scriptrun.controller.cache import Cache
from scriptrun.controller.informer import WorkItem
from scriptrun.controller.observe import observe_run, observe_script
from scriptrun.desired.interruptions import build_interruptions
from scriptrun.errors import Conflict, KubeError, NotFound
from scriptrun.kube.client import APPLY, Client
from scriptrun.kube.resources import SCRIPTRUNS, SCRIPTS
from scriptrun.models.facts import RunFacts, ScriptFacts
from scriptrun.policies.interruptions import count_interruptions, has_recovered, may_be_tried_again
from scriptrun.runtime.mark_file import MarkFile

__all__ = ["Interruptions", "name_work"]

_log = structlog.get_logger(__name__)
_AGAIN_SECONDS = 1.0


def name_work(item: WorkItem) -> str:
    """Name the work on a key, for people and for the mark file."""
    kind, namespace, name = item
    return f"{kind} {namespace}/{name}"


def _parse_work(work: str) -> WorkItem | None:
    kind, _, place = work.partition(" ")
    namespace, _, name = place.partition("/")
    return (kind, namespace, name) if kind in ("run", "script") and namespace and name else None


class Interruptions:
    """Counts deaths of the process.

    Args:
        client: to the API server, with a field manager of its own.
        cache: what is known.
        mark: the mark file; None where none is kept.
        clock: monotonic seconds.
    """

    def __init__(self, client: Client, cache: Cache, mark: MarkFile | None, clock: Callable[[], float]) -> None:
        self._client = client
        self._cache = cache
        self._mark = mark
        self._clock = clock
        self._working_since = clock()

    async def record(self) -> None:
        """Count the death of this process's previous life, if that worked on something. Before any work begins.

        The mark is taken away only once the count is written: a process that dies before counts it in its next life.
        """
        if self._mark is None or not (work := self._mark.read()):
            return
        if item := _parse_work(work):
            while not await self._count(item):  # noqa: ASYNC110 - nobody tells when the API server is back
                await asyncio.sleep(_AGAIN_SECONDS)
        self._mark.end()

    def begin_work(self) -> None:
        """Note that work begins."""
        self._working_since = self._clock()

    async def reopen(self, item: WorkItem) -> None:
        """Try a Script again that was set aside, once its spec has changed. Comes before each pass."""
        script = self._cache.scripts.get(item[1:]) if item[0] == "script" else None
        if script is not None and may_be_tried_again(script):
            await self._write(script, 0)  # before the pass: should that be deadly still, it counts anew

    async def forgive(self, item: WorkItem) -> None:
        """End the row of deaths of an object whose pass has ended well."""
        facts = self._cache.runs.get(item[1:]) if item[0] == "run" else self._cache.scripts.get(item[1:])
        if facts is None or (isinstance(facts, RunFacts) and facts.finished):
            return
        if has_recovered(count_interruptions(facts.status), self._clock() - self._working_since):
            with suppress(Conflict, NotFound):  # it has changed since: left to the next pass
                await self._write(facts, 0)

    async def _count(self, item: WorkItem) -> bool:
        """Count a death; False: try again."""
        kind, namespace, name = item
        resource = SCRIPTRUNS if kind == "run" else SCRIPTS
        try:
            listed = await self._client.list(resource, namespace, fieldSelector=f"metadata.name={name}")
            for body in listed.get("items") or ():
                facts = observe_run(body) if kind == "run" else observe_script(body)
                if isinstance(facts, RunFacts) and facts.finished:
                    continue
                count = count_interruptions(facts.status) + 1
                await self._write(facts, count)
                metrics.INTERRUPTIONS.labels(kind).inc()
                _log.error("this process died while it worked on it", namespace=namespace, times=count, **{kind: name})
        except (Conflict, NotFound):
            return False
        except KubeError as error:
            _log.warning("death of this process not counted, will be tried again", error=str(error))
            return False
        except ValidationError as error:
            _log.error("Script can't be read: are the CRDs of this version installed?", error=str(error))
        return True

    async def _write(self, facts: RunFacts | ScriptFacts, count: int) -> None:
        """Write a count, and take note of what it makes of the object."""
        resource = SCRIPTRUNS if isinstance(facts, RunFacts) else SCRIPTS
        body = build_interruptions(facts, count)
        answer = await self._client.patch(resource, facts.key, body, kind=APPLY, subresource="status")
        if isinstance(facts, RunFacts):
            self._cache.put_run(observe_run(answer))
        else:
            self._cache.scripts[facts.key] = observe_script(answer)
