"""Notes when an object was first seen in a state. Kubernetes' own instants are whole seconds: too coarse."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from scriptrun.kube.client import Client
from scriptrun.kube.resources import Resource

Manifest = dict[str, Any]
States = Callable[[Manifest], Iterable[str]]
"""Says in which states an object is; a state once reached is kept with its first instant."""


class Follower:
    """Follows one kind in one namespace.

    Attributes:
        seen: By object name and state, when it was first seen there (``time.monotonic()``).
    """

    def __init__(self, client: Client, resource: Resource, namespace: str, states: States, **query: str) -> None:
        self.seen: dict[str, dict[str, float]] = {}
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._states = states
        self._query = query
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Follower":
        self._task = asyncio.create_task(self._watch(await self._list()))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def wait(self, name: str, state: str, seconds: float = 60.0) -> float:
        """Wait until an object is in a state; returns when it was first seen there."""
        await self._wait(lambda: state in self.seen.get(name, ()), f"{name} to be {state}", seconds)
        return self.seen[name][state]

    async def wait_all(self, names: Iterable[str], state: str, seconds: float) -> float:
        """Wait until several objects are in a state; returns when the last one was."""
        left = set(names)
        count = len(left)

        def done() -> bool:
            left.difference_update([name for name in left if state in self.seen.get(name, ())])
            return not left

        wanted = list(left)
        await self._wait(done, f"{count} {self._resource.plural} to be {state}", seconds)
        return max(self.seen[name][state] for name in wanted)

    async def _wait(self, look: Callable[[], bool], what: str, seconds: float) -> None:
        assert self._task is not None
        ended: Awaitable[None] = self._task

        async def changed() -> None:
            async with self._changed:
                await self._changed.wait_for(look)

        waiting = asyncio.create_task(changed())
        done, _pending = await asyncio.wait(
            {waiting, asyncio.ensure_future(ended)}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if waiting in done:
            await waiting
            return
        waiting.cancel()
        if done:
            self._task.result()  # raises: it ends in no other way
        raise TimeoutError(f"waited {seconds:g} s for {what}")

    async def _list(self) -> str:
        listed = await self._client.list(self._resource, self._namespace, **self._query)
        for item in listed["items"]:
            self._note(item)
        async with self._changed:
            self._changed.notify_all()
        return str(listed["metadata"]["resourceVersion"])

    async def _watch(self, version: str) -> None:
        """Watch on and on: the API server ends the watch of a client that is slow for a moment."""
        while True:
            stream = self._client.watch(
                self._resource, self._namespace, resourceVersion=version, timeoutSeconds="3600", **self._query
            )
            async for event in stream:
                if event["type"] in ("ADDED", "MODIFIED"):
                    self._note(event["object"])
                    async with self._changed:
                        self._changed.notify_all()
                elif event["type"] == "ERROR":
                    raise RuntimeError(f"the watch of {self._resource.plural} failed: {event['object']}")
            version = await self._list()

    def _note(self, body: Manifest) -> None:
        now = time.monotonic()
        reached = self.seen.setdefault(body["metadata"]["name"], {})
        for state in self._states(body):
            reached.setdefault(state, now)


def states_of_run(expected: Callable[[str], Any]) -> States:
    """Make the states of a ScriptRun: ``created``; ``ended``; ``right`` once its output is the expected one.

    Args:
        expected: from the run's name to its output.
    """

    def states(body: Manifest) -> Iterable[str]:
        status = body.get("status") or {}
        yield "created"
        if "finishedAt" in status:
            yield "ended"
        if status.get("phase") == "Succeeded" and status.get("output") == expected(body["metadata"]["name"]):
            yield "right"

    return states


def states_of_job(body: Manifest) -> Iterable[str]:
    """Yield the states of a Job: ``created``, ``complete``."""
    yield "created"
    for condition in (body.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Complete" and condition["status"] == "True":
            yield "complete"
