"""From a run just created to its end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from scriptrun.cli.output.printing import note
from scriptrun.cli.output.progress import Progress, describe_progress
from scriptrun.cli.podlogs import LogFollower, Sink
from scriptrun.errors import NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.resources import SCRIPTRUNS, Resource
from scriptrun.kube.watching import LISTED, watch_objects

__all__ = ["await_end", "hint_when_ignored", "is_finished", "watch_run"]

_HINT_SECONDS = 10.0


def is_finished(run: dict[str, Any]) -> bool:
    """Whether the run is over."""
    return bool(run.get("status", {}).get("finishedAt"))


async def await_end(
    client: Client, key: tuple[str, str], progress: Progress, log: Sink | None, shown: Sequence[str] = ()
) -> dict[str, Any]:
    """Wait until a run is over; return it as it then is.

    Args:
        client: to the API server.
        key: namespace and name of the run.
        progress: is told where it stands.
        log: gets what the script writes; None: nobody wants it.
        shown: pods of earlier attempts, whose logs it has already.

    Raises:
        NotFound: the run was deleted meanwhile.
    """
    follower = LogFollower(client, key, log, note, shown) if log else None
    tasks = [asyncio.create_task(hint_when_ignored(client, SCRIPTRUNS, key, "operator"))]
    if follower:
        tasks.append(asyncio.create_task(follower.run()))
    try:
        async for run in watch_run(client, SCRIPTRUNS, key):
            if is_finished(run):
                if follower:
                    await follower.finish(run)
                return run
            progress.update(describe_progress(run.get("status", {})))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    raise AssertionError("a watch ends by an error only")


async def watch_run(client: Client, resource: Resource, key: tuple[str, str]) -> AsyncIterator[dict[str, Any]]:
    """Yield a run as it is now, and each time it has changed.

    Args:
        client: to the API server.
        resource: its kind.
        key: namespace and name of the run.

    Raises:
        NotFound: the run was deleted meanwhile.
    """
    namespace, name = key
    there = False
    async for type_, run in watch_objects(client, resource, namespace, fieldSelector=f"metadata.name={name}"):
        there = there or type_ == "ADDED"
        if type_ == "DELETED" and is_finished(run):
            yield run  # deleted in the moment of its end: its last state has that
        if type_ == "DELETED" or (type_ == LISTED and not there):
            raise NotFound(f"{name} was deleted while it was waited for", 404, "NotFound")
        if type_ == LISTED:
            there = False  # the next list, after an interruption, has to show it again
            continue
        yield run


async def hint_when_ignored(client: Client, resource: Resource, key: tuple[str, str], process: str) -> None:
    """Say what may be wrong when the process that should has not so much as looked at a run.

    Args:
        client: to the API server.
        resource: the run's kind.
        key: namespace and name of the run.
        process: that should, in words.
    """
    await asyncio.sleep(_HINT_SECONDS)
    run = await client.get(resource, *key)
    if not run.get("status"):
        note(
            f"{key[1]}: no {process} has looked at it for {_HINT_SECONDS:.0f} s: is one running, and does it work in "
            f'namespace {key[0]}? See "kubectl get deployments -A -l app.kubernetes.io/name=scriptrun"'
        )
