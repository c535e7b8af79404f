"""Answers that take long end with the right to them: tokens and roles may be taken away meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import structlog

from scriptrun.api.auth.authorizer import Authorizer, Caller
from scriptrun.errors import KubeError

__all__ = ["Permit"]

_log = structlog.get_logger(__name__)
T = TypeVar("T")

_LEAST_SECONDS = 1.0
_ANSWER_SECONDS = 10.0
_PATIENCE_SECONDS = 40.0
"""An API server that says nothing of a caller for so long says no."""


@dataclass(frozen=True, slots=True)
class Permit:
    """What a caller was allowed to do, and is asked about again while it lasts.

    Attributes:
        authorizer: says what callers may do.
        caller: who was allowed to.
        verb: on runs.
        namespace: of the run.
        script: of the run.
        every_seconds: how often it is asked; not more often than every second.
    """

    authorizer: Authorizer
    caller: Caller
    verb: str
    namespace: str
    script: str
    every_seconds: float

    async def hold(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for work that takes long, which ends with the permit.

        Raises:
            NotPermitted: the caller may not have its result any more.
            Problem: their token is not good any more.
        """
        doing = asyncio.create_task(work)
        try:
            async with self.watched() as watching:
                await asyncio.wait({doing, watching}, return_when=asyncio.FIRST_COMPLETED)
                return doing.result() if doing.done() else watching.result()
        finally:
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator["asyncio.Task[NoReturn]", None]:
        """Ask again and again meanwhile; gives a task that fails when the permit ends."""
        watching = asyncio.create_task(self._watch(), name="permit")
        try:
            yield watching
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self) -> NoReturn:
        loop = asyncio.get_running_loop()
        heard_at = loop.time()
        while True:
            await asyncio.sleep(max(self.every_seconds, _LEAST_SECONDS))
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await self.authorizer.confirm(self.caller, self.verb, self.namespace, self.script)
                heard_at = loop.time()
            except (KubeError, TimeoutError) as error:
                if loop.time() - heard_at > _PATIENCE_SECONDS:
                    raise
                _log.warning("caller not confirmed, will be tried again", caller=self.caller.name, error=str(error))
