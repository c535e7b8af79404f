"""From a run that has ended to a task that is reported: deliver, confirm, note, let go. Repeated until done."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import structlog

from scriptrun.bridges.bridge_context import BridgeContext, wait_until
from scriptrun.bridges.open_runs import OpenRun, observe_open_run
from scriptrun.bridges.outcomes import gather_outcome
from scriptrun.desired.claim import build_release
from scriptrun.desired.report import TaskReport, build_report
from scriptrun.errors import Conflict, Gone, KubeError, NotFound, Refused, Rejected, TryLater
from scriptrun.kube.client import APPLY
from scriptrun.kube.resources import SCRIPTRUNS
from scriptrun.models.facts import Claim
from scriptrun.orchestrators.adapter import Outcome
from scriptrun.runtime.backoff import back_off

__all__ = ["Reporter", "persist", "read_again"]

_log = structlog.get_logger(__name__)
_NOTE_EVERY_SECONDS = 60.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a try."""

    report: TaskReport
    counted: str = "dropped"


async def persist(act: Callable[[], Awaitable[T]], **facts: str) -> T | None:
    """Do something at the API server until it is done; None when what it is done to is gone or has changed."""
    tries = 0
    while True:
        try:
            return await act()
        except (NotFound, Conflict):
            return None
        except KubeError as error:
            tries += 1
            delay = back_off(tries)
            _log.warning("not written yet", error=str(error), again_seconds=round(delay, 1), **facts)
            await asyncio.sleep(delay)


async def read_again(context: BridgeContext, open_run: OpenRun) -> OpenRun | None:
    """Read a run anew; None when it is gone."""
    body = await persist(lambda: context.client.get(SCRIPTRUNS, *open_run.key), run=open_run.key[1])
    found = observe_open_run(body) if body is not None else None
    if found is None or found.uid != open_run.uid:
        context.open_runs.drop(open_run.key, open_run.uid, open_run.version)
        return None
    context.open_runs.put(found)
    return found


class Reporter:
    """Reports one run that has ended.

    Args:
        context: of its Bridge.
        look: the run as it is now; None when it is gone.
        news: set when it has changed.
    """

    def __init__(self, context: BridgeContext, look: Callable[[], OpenRun | None], news: asyncio.Event) -> None:
        self._context = context
        self._look = look
        self._news = news
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._noted = self._began - _NOTE_EVERY_SECONDS + 5  # a blink of the orchestrator is not worth a write
        self._failures = 0
        self._sent = 0  # tries that may have arrived
        self._instead: Outcome | None = None

    async def report(self) -> None:
        """Report, until it is done."""
        while (open_run := self._look()) is not None and open_run.held:
            self._news.clear()
            if open_run.reported:
                await self._release(open_run)
                continue
            answer = await self._try(open_run)
            if answer is not None:
                await self._settle(open_run, answer)

    async def _try(self, open_run: OpenRun) -> _Answer | None:
        """Make one try; None when there is to be another."""
        if open_run.dropped or open_run.claim is None:
            why = open_run.dropped or "its claim can't be read any more (annotation scriptrun.dev/claim)"
            return _Answer(TaskReport("Dropped", self._count_tries(open_run), why))
        try:
            return await self._deliver(open_run, open_run.claim)
        except (TryLater, KubeError) as error:
            self._failures += 1
            asked = error.after_seconds if isinstance(error, TryLater) else None
            delay = back_off(self._failures, refused=isinstance(error, Refused), asked=asked)
            self._sent += isinstance(error, TryLater) and not isinstance(error, Refused)
            if open_run.deleting and self._loop.time() - self._began > self._context.spec.lease_seconds:
                # Whoever deletes a run does not want to wait for ever. Unreported, the task is handed out again.
                text = f"deleted, and not reported: {error}"
                return _Answer(TaskReport("Dropped", self._count_tries(open_run), text))
            await self._note(open_run, str(error), delay)
        await self._wait(open_run, delay)
        return None

    async def _wait(self, open_run: OpenRun, seconds: float) -> None:
        """Wait for the next try; one that is handed out again is reported at once."""
        until = self._loop.time() + seconds
        while await wait_until(self._news, until - self._loop.time()):
            now = self._look()
            if now is None or now.claim != open_run.claim or now.deleting != open_run.deleting:
                return

    async def _deliver(self, open_run: OpenRun, claim: Claim) -> _Answer | None:
        """Tell the orchestrator."""
        outcome = self._instead or await gather_outcome(self._context, open_run)
        if outcome.status != "COMPLETED" and self._context.open_runs.handed_out_again(open_run):
            # An engine that can't tell one delivery from the next (Zeebe 8.6) would take it for the new attempt's.
            text = "confirmed by redelivery: the task was handed out again as another attempt"
            return _Answer(TaskReport("Delivered", self._count_tries(open_run), text), outcome.status.lower())
        try:
            said = await self._context.connection.report(claim.handle, outcome)
        except Gone as error:
            if self._count_tries(open_run):
                text = f"confirmed by absence: an earlier try was not answered, and now {error}"
                return _Answer(TaskReport("Delivered", self._count_tries(open_run) + 1, text), outcome.status.lower())
            return _Answer(TaskReport("Dropped", self._count_tries(open_run) + 1, str(error)))
        except Rejected as error:
            self._instead = outcome.reduce(str(error))
            if self._instead is None:
                return _Answer(TaskReport("Dropped", self._count_tries(open_run) + 1, str(error)))
            return None
        return _Answer(TaskReport("Delivered", self._count_tries(open_run) + 1, said), outcome.status.lower())

    def _count_tries(self, open_run: OpenRun) -> int:
        return max(self._sent, int((open_run.status.get("report") or {}).get("attempts") or 0))

    async def _note(self, open_run: OpenRun, error: str, delay: float) -> None:
        """Say in the run's status, every now and then, that its report waits."""
        namespace, name = open_run.key
        _log.warning("not reported yet", namespace=namespace, run=name, error=error, again_seconds=round(delay, 1))
        if self._loop.time() - self._noted < _NOTE_EVERY_SECONDS:
            return
        self._noted = self._loop.time()
        due = self._context.clock() + timedelta(seconds=delay)
        try:
            await self._write(open_run, TaskReport("Pending", self._count_tries(open_run), error, due))
        except (NotFound, Conflict):
            await read_again(self._context, open_run)
        except KubeError:
            return  # a courtesy

    async def _write(self, open_run: OpenRun, report: TaskReport) -> OpenRun:
        body = build_report(
            (open_run.key, open_run.uid, open_run.version), open_run.status, report, self._context.clock()
        )
        answer = await self._context.client.patch(SCRIPTRUNS, open_run.key, body, kind=APPLY, subresource="status")
        written = observe_open_run(answer)
        self._context.open_runs.put(written)
        return written

    async def _settle(self, open_run: OpenRun, answer: _Answer) -> None:
        """Write that it is reported: for the delivery that it was made for, and not for one that came meanwhile."""
        delivery = open_run.claim.delivery if open_run.claim else 0
        while not open_run.reported:
            written = await persist(lambda: self._write(open_run, answer.report), run=open_run.key[1])  # noqa: B023
            if written is not None:
                self._context.count_report(answer.counted, open_run.finished_at)
                _log.info(
                    "task reported",
                    namespace=open_run.key[0],
                    bridge=self._context.bridge[1],
                    run=open_run.key[1],
                    outcome=answer.counted,
                    message=answer.report.message,
                )
                return
            changed = await read_again(self._context, open_run)
            if changed is None or (changed.claim and changed.claim.delivery != delivery):
                return  # gone; or handed out again before this was written: then it is reported once more
            open_run = changed

    async def _release(self, open_run: OpenRun) -> None:
        body = build_release(open_run.uid, open_run.version, open_run.finalizers)
        client = self._context.client
        released = await persist(lambda: client.patch(SCRIPTRUNS, open_run.key, body), run=open_run.key[1])
        if released is None:
            await read_again(self._context, open_run)
            return
        if open_run.claim is not None:
            self._context.open_runs.use_up(self._context.bridge, open_run.claim.identity, open_run.claim.generation)
        self._context.open_runs.drop(open_run.key, open_run.uid, int(released["metadata"]["resourceVersion"]))
