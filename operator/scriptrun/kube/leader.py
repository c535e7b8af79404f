"""Leader election by Lease: the library's, made to outlive API errors and to hand over at once on a graceful stop."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import structlog
from kubernetes.aio.client import ApiException, V1Lease, V1ObjectMeta
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from scriptrun.kube.connection import Connection

__all__ = ["lead"]

_log = structlog.get_logger(__name__)
_RELEASE_SECONDS = 3.0  # an API server that hangs must not keep a process that can't work any more


class _Lock(LeaseLock):  # type: ignore[misc]  # the library has no types
    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:
        # The library's own passes `pretty=True`, which its generated client (37.0) refuses: it wants a string.
        body = V1Lease(metadata=V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        try:
            await self.api_instance.create_namespaced_lease(namespace, body)
        except ApiException as error:
            _log.warning("lease can't be created", error=error.reason)
            return False
        return True


class _Election(LeaderElection):  # type: ignore[misc]  # the library has no types
    async def try_acquire_or_renew(self) -> bool:
        # The library lets connection errors through, which would end the process at each blink of the API server.
        try:
            async with asyncio.timeout(self.election_config.renew_deadline):
                return bool(await super().try_acquire_or_renew())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.warning("lease can't be renewed", error=str(error) or type(error).__name__)
            return False


async def lead(
    connection: Connection,
    lease: tuple[str, str],
    identity: str,
    duration_seconds: int,
    work: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    """Wait to be leader, then work until the work ends or the lease is lost.

    Args:
        connection: to the API server.
        lease: namespace and name of the Lease.
        identity: who this is; unique.
        duration_seconds: a leader that does not renew for so long is replaced.
        work: started once this is the leader; cancelled when the lease is lost.
    """
    namespace, name = lease
    lock = _Lock(name, namespace, identity, connection.api)
    done = asyncio.Event()
    failure: list[BaseException] = []
    working: list[asyncio.Task[Any]] = []

    async def guarded() -> None:
        if task := asyncio.current_task():
            working.append(task)
        try:
            await work()
        except Exception as error:
            failure.append(error)
        finally:
            done.set()

    async def lost() -> None:
        _log.error("lease lost to another replica or the API server is away", lease=name)

    election = _Election(
        Config(
            lock,
            lease_duration=duration_seconds,
            renew_deadline=duration_seconds * 2 / 3,
            retry_period=max(1.0, duration_seconds / 7.5),
            onstarted_leading=guarded,
            onstopped_leading=lost,
        )
    )
    running = asyncio.create_task(election.run())
    finished = asyncio.create_task(done.wait())
    try:
        await asyncio.wait({running, finished}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (running, finished, *working):  # the library leaves the work alone when it is itself cancelled
            task.cancel()
        await asyncio.gather(running, finished, *working, return_exceptions=True)
        if done.is_set():
            await _release(lock)
    if failure:
        raise failure[0]
    if running.done() and not running.cancelled() and (error := running.exception()):
        raise error


async def _release(lock: LeaseLock) -> None:
    """Give up the Lease, as client-go's ReleaseOnCancel does: without a holder, a replica takes it at its next look."""
    try:
        async with asyncio.timeout(_RELEASE_SECONDS):
            held, record = await lock.get(lock.name, lock.namespace)
            if held and record is not None and record.holder_identity == lock.identity:
                lease = lock.lease_reference
                lease.spec.holder_identity = None
                await lock.api_instance.replace_namespaced_lease(lock.name, lock.namespace, lease)
    except (ApiException, aiohttp.ClientError, OSError) as error:
        _log.warning("lease not released", error=str(error) or type(error).__name__)
