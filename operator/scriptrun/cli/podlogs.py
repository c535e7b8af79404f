"""What a run's script wrote for people: from its pods while they are there, else from its output ConfigMaps."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

from scriptrun.desired.containers import has_started
from scriptrun.desired.links import is_pod_of_job, job_name_of, select_pods
from scriptrun.desired.names import CONTAINER, job_name
from scriptrun.errors import Invalid, KubeError, NotFound, Unavailable
from scriptrun.kube.client import Client
from scriptrun.kube.outputs import KEPT_LOG_BYTES, read_kept_log
from scriptrun.kube.resources import PODS
from scriptrun.kube.watching import watch_objects

__all__ = ["LogFollower", "copy_attempts", "copy_log", "list_pods"]

Sink = Callable[[bytes], object]
"""Gets the log as it comes, a line or more at a time."""

_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.3


async def list_pods(client: Client, run: dict[str, Any]) -> list[str]:
    """List the pods of a run, oldest first: those its status names, and younger ones."""
    metadata = run["metadata"]
    named = [str(attempt["pod"]) for attempt in run.get("status", {}).get("attempts", ())]
    job = job_name_of(run)
    page = await client.list(PODS, metadata["namespace"], labelSelector=select_pods(job))
    found = sorted(page["items"], key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    names = [str(pod["metadata"]["name"]) for pod in found if is_pod_of_job(pod, job)]
    return named + [name for name in names if name not in named]


async def copy_log(client: Client, namespace: str, pod: str, sink: Sink, *, follow: bool = False) -> None:
    """Copy the log of one attempt: the pod's, or what of it is kept when the pod is gone.

    Raises:
        NotFound: neither is there.
    """
    try:
        await _copy_pod_log(client, namespace, pod, sink, follow=follow)
    except (NotFound, Invalid) as error:  # Invalid: the container has not started, or its node lost its log
        kept = await read_kept_log(client, namespace, pod)
        if kept is None:
            raise NotFound(f"pod {pod} has no log (any more): {error}", error.status, error.reason) from error
        sink(kept)


async def copy_attempts(
    client: Client, namespace: str, pods: Sequence[str], sink: Sink, announce: Callable[[str], object]
) -> int:
    """Copy the logs of several attempts, one after the other; of one that is lost, say so.

    Returns how many were copied.

    Args:
        client: to the API server.
        namespace: of the run.
        pods: of its first attempts, oldest first.
        sink: gets the logs.
        announce: told in words which attempt follows.
    """
    copied = 0
    for number, pod in enumerate(pods, 1):
        announce(_head(number, pod))
        try:
            await copy_log(client, namespace, pod, sink)
            copied += 1
        except NotFound as error:
            announce(str(error))
    return copied


def _head(number: int, pod: str) -> str:
    return f"attempt {number}, pod {pod}:"


async def _copy_pod_log(client: Client, namespace: str, pod: str, sink: Sink, *, follow: bool) -> None:
    """Copy a pod's log; one that is cut off by the network goes on where it was."""
    query = {"container": CONTAINER, **({"follow": "true"} if follow else {})}
    written, interrupted_at = 0, 0.0
    while True:
        skip = written
        try:
            async with aclosing(client.logs(namespace, pod, **query)) as lines:
                async for line in lines:
                    if skip >= len(line):
                        skip -= len(line)
                        continue
                    sink(line[skip:])
                    written, skip, interrupted_at = written + len(line) - skip, 0, 0.0
            return
        except Unavailable:
            interrupted_at = interrupted_at or time.monotonic()
            if time.monotonic() - interrupted_at > _PATIENCE_SECONDS:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)


class LogFollower:
    """Copies the logs of a run's attempts, one after the other, as they come.

    Args:
        client: to the API server.
        key: namespace and name of the run.
        sink: gets the logs.
        announce: told in words which attempt follows.
        shown: pods of earlier attempts, whose logs the sink has already.
    """

    def __init__(
        self,
        client: Client,
        key: tuple[str, str],
        sink: Sink,
        announce: Callable[[str], object],
        shown: Sequence[str] = (),
    ) -> None:
        self._client = client
        self._key = key
        self._sink = sink
        self._announce = announce
        self._begun = list(shown)
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self) -> None:
        """Follow the run's pods until cancelled."""
        namespace, job = self._key[0], job_name(self._key[1])
        pods = watch_objects(self._client, PODS, namespace, labelSelector=select_pods(job))
        try:
            async for type_, pod in pods:
                if type_ in ("ADDED", "MODIFIED") and is_pod_of_job(pod, job) and has_started(pod):
                    await self._copy(pod["metadata"]["name"])
        except KubeError as error:
            self._announce(f"the log can't be followed: {error}")

    async def finish(self, run: dict[str, Any]) -> None:
        """Copy what is still missing of a run that is over.

        A fast run is over before the kubelet has told of its pod's start; its log is in its output ConfigMap by then.
        """
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            self._announce("the log may go on: the pod has not ended yet")
            return
        for attempt in run["status"].get("attempts", ()):
            if attempt["pod"] not in self._begun:
                self._begin(attempt["pod"])
                await self._copy_ended(attempt["pod"])

    def _begin(self, pod: str) -> None:
        self._begun.append(pod)
        if len(self._begun) > 1:
            self._announce(_head(len(self._begun), pod))

    async def _copy(self, pod: str) -> None:
        if pod in self._begun:
            return
        self._idle.clear()
        self._begin(pod)
        try:
            await copy_log(self._client, self._key[0], pod, self._sink, follow=True)
        except KubeError as error:
            self._announce(f"no log of pod {pod}: {error}")
        finally:
            self._idle.set()

    async def _copy_ended(self, pod: str) -> None:
        kept = await read_kept_log(self._client, self._key[0], pod)
        if kept is not None and len(kept) < KEPT_LOG_BYTES:
            self._sink(kept)
            return
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                await _copy_pod_log(self._client, self._key[0], pod, self._sink, follow=True)
                return
            except Invalid:  # the kubelet has not told yet that the container started
                if time.monotonic() > give_up_at:
                    break
                await asyncio.sleep(_PAUSE_SECONDS)
            except NotFound:
                break
        if kept is not None:
            self._sink(kept)
