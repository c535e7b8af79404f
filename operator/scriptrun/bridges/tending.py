"""One open run from its claim to its report: keep the claim, see whether it is still wanted, report its end."""

import asyncio

import structlog

from scriptrun.bridges.backoff import back_off
from scriptrun.bridges.post import Post, wait_until
from scriptrun.bridges.records import Record, observe_record
from scriptrun.bridges.reporting import Reporter, persist, read_again
from scriptrun.desired.claim import build_withdrawal
from scriptrun.errors import Gone, TryLater
from scriptrun.kube.resources import SCRIPTRUNS
from scriptrun.models.facts import Claim

__all__ = ["Tender"]

_log = structlog.get_logger(__name__)


class Tender:
    """Tends one run.

    Args:
        post: of its Bridge.
        record: the run.
        extend_in: seconds after which its claim is extended for the first time.
    """

    def __init__(self, post: Post, record: Record, extend_in: float) -> None:
        self._post = post
        self._key = record.key
        self._uid = record.uid
        self._loop = asyncio.get_running_loop()
        self._extend_at = self._loop.time() + extend_in
        self._failures = 0
        self._news = asyncio.Event()
        self.idle = False

    def tell(self) -> None:
        """Say that the run's record has changed."""
        self._news.set()

    def _look(self) -> Record | None:
        """The run as it is now; one of its name that was made after it is another."""
        record = self._post.records.get(self._key)
        return record if record is not None and record.uid == self._uid else None

    async def tend(self) -> None:
        """Tend the run until it is let go, or gone."""
        while (record := self._look()) is not None and record.finished_at is None and not record.reported:
            left = self._extend_at - self._loop.time()
            claim = None if record.dropped else record.claim
            if claim is not None and left <= 0:
                await self._extend(record, claim)
                continue
            self.idle = True
            await wait_until(self._news, left if claim is not None else None)
            self.idle = False
        await Reporter(self._post, self._look, self._news).report()

    async def _extend(self, record: Record, claim: Claim) -> None:
        try:
            await self._post.line.extend(claim.handle)
        except Gone as error:
            self._post.count_extension("gone")
            await self._withdraw(record, str(error))
            return
        except TryLater as error:
            self._post.count_extension("failed")
            self._failures += 1
            delay = min(
                back_off(self._failures, asked=error.after_seconds), self._post.third_of_lease(claim.lease_seconds)
            )
            self._extend_at = self._loop.time() + delay
            return
        self._post.count_extension("extended")
        self._failures = 0
        self._extend_at = self._loop.time() + self._post.third_of_lease(claim.lease_seconds)

    async def _withdraw(self, record: Record, why: str) -> None:
        """Cancel a run that nobody waits for any more; it is let go once it has ended.

        Nothing is done when it was handed out again while we asked.
        """
        namespace, name = record.key
        body = build_withdrawal(record.uid, record.version, why)
        answer = await persist(lambda: self._post.client.patch(SCRIPTRUNS, record.key, body), run=name)
        if answer is None:
            await read_again(self._post, record)
            return
        self._post.records.put(observe_record(answer))
        _log.warning("task is gone, its run is canceled", namespace=namespace, run=name, error=why)
