"""From a run that has ended to a task that is reported: deliver, confirm, note, let go. Repeated until done."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import structlog

from scriptrun.bridges.adapter import Outcome
from scriptrun.bridges.backoff import back_off
from scriptrun.bridges.outcomes import gather_outcome
from scriptrun.bridges.post import Post, wait_until
from scriptrun.bridges.records import Record, observe_record
from scriptrun.desired.claim import build_release
from scriptrun.desired.report import Report, build_report
from scriptrun.errors import Conflict, Gone, KubeError, NotFound, Refused, Rejected, TryLater
from scriptrun.kube.client import APPLY
from scriptrun.kube.resources import SCRIPTRUNS
from scriptrun.models.facts import Claim

__all__ = ["Reporter", "persist", "read_again"]

_log = structlog.get_logger(__name__)
_NOTE_EVERY_SECONDS = 60.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a try."""

    report: Report
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


async def read_again(post: Post, record: Record) -> Record | None:
    """Read a run anew; None when it is gone."""
    body = await persist(lambda: post.client.get(SCRIPTRUNS, *record.key), run=record.key[1])
    found = observe_record(body) if body is not None else None
    if found is None or found.uid != record.uid:
        post.records.drop(record.key, record.uid, record.version)
        return None
    post.records.put(found)
    return found


class Reporter:
    """Reports one run that has ended.

    Args:
        post: of its Bridge.
        look: the run's record as it is now; None when it is gone.
        news: set when it has changed.
    """

    def __init__(self, post: Post, look: Callable[[], Record | None], news: asyncio.Event) -> None:
        self._post = post
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
        while (record := self._look()) is not None and record.held:
            self._news.clear()
            if record.reported:
                await self._release(record)
                continue
            answer = await self._try(record)
            if answer is not None:
                await self._settle(record, answer)

    async def _try(self, record: Record) -> _Answer | None:
        """Make one try; None when there is to be another."""
        if record.dropped or record.claim is None:
            why = record.dropped or "its claim can't be read any more (annotation scriptrun.dev/claim)"
            return _Answer(Report("Dropped", self._count_tries(record), why))
        try:
            return await self._deliver(record, record.claim)
        except (TryLater, KubeError) as error:
            self._failures += 1
            asked = error.after_seconds if isinstance(error, TryLater) else None
            delay = back_off(self._failures, refused=isinstance(error, Refused), asked=asked)
            self._sent += isinstance(error, TryLater) and not isinstance(error, Refused)
            if record.deleting and self._loop.time() - self._began > self._post.spec.lease_seconds:
                # Whoever deletes a run does not want to wait for ever. Unreported, the task is handed out again.
                return _Answer(Report("Dropped", self._count_tries(record), f"deleted, and not reported: {error}"))
            await self._note(record, str(error), delay)
        await self._wait(record, delay)
        return None

    async def _wait(self, record: Record, seconds: float) -> None:
        """Wait for the next try; one that is handed out again is reported at once."""
        until = self._loop.time() + seconds
        while await wait_until(self._news, until - self._loop.time()):
            now = self._look()
            if now is None or now.claim != record.claim or now.deleting != record.deleting:
                return

    async def _deliver(self, record: Record, claim: Claim) -> _Answer | None:
        """Tell the orchestrator."""
        outcome = self._instead or await gather_outcome(self._post, record)
        if outcome.status != "COMPLETED" and self._post.records.handed_out_again(record):
            # An engine that can't tell one delivery from the next (Zeebe 8.6) would take it for the new attempt's.
            text = "confirmed by redelivery: the task was handed out again as another attempt"
            return _Answer(Report("Delivered", self._count_tries(record), text), outcome.status.lower())
        try:
            said = await self._post.line.report(claim.handle, outcome)
        except Gone as error:
            if self._count_tries(record):
                text = f"confirmed by absence: an earlier try was not answered, and now {error}"
                return _Answer(Report("Delivered", self._count_tries(record) + 1, text), outcome.status.lower())
            return _Answer(Report("Dropped", self._count_tries(record) + 1, str(error)))
        except Rejected as error:
            self._instead = outcome.reduce(str(error))
            if self._instead is None:
                return _Answer(Report("Dropped", self._count_tries(record) + 1, str(error)))
            return None
        return _Answer(Report("Delivered", self._count_tries(record) + 1, said), outcome.status.lower())

    def _count_tries(self, record: Record) -> int:
        return max(self._sent, int((record.status.get("report") or {}).get("attempts") or 0))

    async def _note(self, record: Record, error: str, delay: float) -> None:
        """Say in the run's status, every now and then, that its report waits."""
        namespace, name = record.key
        _log.warning("not reported yet", namespace=namespace, run=name, error=error, again_seconds=round(delay, 1))
        if self._loop.time() - self._noted < _NOTE_EVERY_SECONDS:
            return
        self._noted = self._loop.time()
        due = self._post.clock() + timedelta(seconds=delay)
        try:
            await self._write(record, Report("Pending", self._count_tries(record), error, due))
        except (NotFound, Conflict):
            await read_again(self._post, record)
        except KubeError:
            return  # a courtesy

    async def _write(self, record: Record, report: Report) -> Record:
        body = build_report((record.key, record.uid, record.version), record.status, report, self._post.clock())
        answer = await self._post.client.patch(SCRIPTRUNS, record.key, body, kind=APPLY, subresource="status")
        written = observe_record(answer)
        self._post.records.put(written)
        return written

    async def _settle(self, record: Record, answer: _Answer) -> None:
        """Write that it is reported: for the delivery that it was made for, and not for one that came meanwhile."""
        delivery = record.claim.delivery if record.claim else 0
        while not record.reported:
            written = await persist(lambda: self._write(record, answer.report), run=record.key[1])  # noqa: B023
            if written is not None:
                self._post.count_report(answer.counted, record.finished_at)
                _log.info(
                    "task reported",
                    namespace=record.key[0],
                    bridge=self._post.bridge[1],
                    run=record.key[1],
                    outcome=answer.counted,
                    message=answer.report.message,
                )
                return
            changed = await read_again(self._post, record)
            if changed is None or (changed.claim and changed.claim.delivery != delivery):
                return  # gone; or handed out again before this was written: then it is reported once more
            record = changed

    async def _release(self, record: Record) -> None:
        body = build_release(record.uid, record.version, record.finalizers)
        client = self._post.client
        released = await persist(lambda: client.patch(SCRIPTRUNS, record.key, body), run=record.key[1])
        if released is None:
            await read_again(self._post, record)
            return
        if record.claim is not None:
            self._post.records.use_up(self._post.bridge, record.claim.identity, record.claim.generation)
        self._post.records.drop(record.key, record.uid, int(released["metadata"]["resourceVersion"]))
