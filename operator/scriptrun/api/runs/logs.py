"""A run's log as it comes: an event a line, each with its place, so that who was cut off goes on where they were."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from scriptrun.api.runs.run_index import RunIndex
from scriptrun.desired.containers import has_started
from scriptrun.desired.links import is_pod_of_job, job_name_of, select_pods
from scriptrun.desired.names import CONTAINER
from scriptrun.errors import Invalid, KubeError, NotFound, Unavailable
from scriptrun.kube.client import Client
from scriptrun.kube.outputs import KEPT_LOG_BYTES, read_kept_log
from scriptrun.kube.resources import PODS, SCRIPTRUNS
from scriptrun.kube.watching import watch_objects
from scriptrun.policies.masking import Secrets
from scriptrun.runtime.hiding import Hiding

__all__ = [
    "HEARTBEAT",
    "PLACE",
    "WHOLE_LOG_BYTES",
    "LogFollower",
    "LogPosition",
    "Slice",
    "cut_kept",
    "parse_position",
    "read_log",
]

T = TypeVar("T")

PLACE = r"^[1-9][0-9]{0,5}\.[0-9]{1,15}(@[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}Z)?$"

WHOLE_LOG_BYTES = 16 * 2**20
"""Of a log that is read at once. A kubelet keeps 10 MiB, if it is not told otherwise."""

_LINES = re.compile(rb"[^\n]*\n|[^\n]+")
_PATIENCE_SECONDS = 30.0
_LAST_WORDS_SECONDS = 5.0
_PAUSE_SECONDS = 0.3

HEARTBEAT = None
"""Stands among the slices where there was nothing for a while."""


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A place in a run's log.

    Attributes:
        attempt: from 1.
        bytes: of that attempt's log that were read.
        time: the kubelet's stamp of the last line that was read; "" where the log is not the kubelet's.
    """

    attempt: int = 1
    bytes: int = 0
    time: str = ""

    def __str__(self) -> str:
        return f"{self.attempt}.{self.bytes}" + (f"@{self.time}" if self.time else "")


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of a log, and the place behind it. One without text says that some of the log is lost."""

    place: LogPosition
    text: str = ""
    lost: bool = False

    async def hide(self, namespace: str, secrets: Secrets, hiding: Hiding) -> "Slice":
        """Hide secrets in its text."""
        return replace(self, text=await hiding.hide_text(namespace, secrets, self.text)) if secrets.values else self

    def render(self) -> str:
        """Write it as a server-sent event. The text is JSON: a carriage return would end a line of the event."""
        data = json.dumps({"attempt": self.place.attempt, "text": self.text}, ensure_ascii=False)
        return f"id: {self.place}\nevent: {'gap' if self.lost else 'log'}\ndata: {data}\n\n"


def parse_position(text: str | None) -> LogPosition:
    """Read a ``Last-Event-ID``, which fits ``PLACE``; None: the log's beginning."""
    numbers, _, time_ = (text or "1.0").partition("@")
    attempt, _, size = numbers.partition(".")
    return LogPosition(int(attempt), int(size), time_)


async def with_heartbeat(
    stream: AsyncIterator[T], seconds: float, give_up: Callable[[float], bool] = lambda _silent: False
) -> AsyncGenerator[T | None, None]:
    """Yield what a stream yields, and None after each time of silence; ends when ``give_up`` says so."""
    pending: asyncio.Task[T] | None = None
    heard_at = time.monotonic()
    try:
        while True:
            if pending is None:
                pending = asyncio.ensure_future(anext(stream))
            done, _ = await asyncio.wait({pending}, timeout=seconds)
            if not done:
                if give_up(time.monotonic() - heard_at):
                    return
                yield HEARTBEAT
                continue
            try:
                item = pending.result()
            except StopAsyncIteration:
                return
            finally:
                pending = None
            heard_at = time.monotonic()
            yield item
    finally:
        if pending is not None:
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)


class LogFollower:
    """Follows the log of one run through all its attempts.

    Args:
        client: to the API server, with room for long-lived connections.
        run_index: tells of the run's end.
        run: the ScriptRun.
        heartbeat_seconds: a heartbeat comes after so much silence.
    """

    def __init__(self, client: Client, run_index: RunIndex, run: dict[str, Any], heartbeat_seconds: float) -> None:
        self._client = client
        self._run_index = run_index
        self._run = run
        self._namespace: str = run["metadata"]["namespace"]
        self._name: str = run["metadata"]["name"]
        self._job = job_name_of(run)
        self._heartbeat = heartbeat_seconds

    async def follow(self, place: LogPosition) -> AsyncGenerator[Slice | None, None]:
        """Yield the log from a place to the run's end.

        Raises:
            KubeError: it can't be read any further.
        """
        end = asyncio.create_task(self._run_index.wait_end(self._run))
        try:
            while True:
                found: tuple[int, str] | None = None
                async with aclosing(self._find_pod(place.attempt, end)) as search:
                    async for item in search:
                        if item is None:
                            yield HEARTBEAT
                        else:
                            found = item
                if found is None:
                    break
                number, pod = found
                start = place if place.attempt == number else LogPosition(number)
                async with aclosing(self._copy(pod, start, end)) as slices:
                    async for piece in slices:
                        yield piece
                place = LogPosition(number + 1)
            async with aclosing(self._finish(place, end)) as slices:
                async for piece in slices:
                    yield piece
        finally:
            end.cancel()

    async def _find_pod(self, number: int, end: "asyncio.Task[Any]") -> AsyncGenerator[tuple[int, str] | None, None]:
        """Wait for the pod of an attempt or a later one to start; yields it, unless the run is over before."""
        pods = watch_objects(self._client, PODS, self._namespace, labelSelector=select_pods(self._job))
        next_pod = asyncio.ensure_future(anext(pods))
        try:
            while True:
                done, _ = await asyncio.wait(
                    {next_pod, end}, timeout=self._heartbeat, return_when=asyncio.FIRST_COMPLETED
                )
                if next_pod in done:
                    type_, pod = next_pod.result()
                    found = _number_of(pod) if type_ in ("ADDED", "MODIFIED") else 0
                    if found >= number and is_pod_of_job(pod, self._job) and has_started(pod):
                        yield found, pod["metadata"]["name"]
                        return
                    next_pod = asyncio.ensure_future(anext(pods))
                elif end in done:
                    return
                else:
                    yield HEARTBEAT
        finally:
            next_pod.cancel()
            await asyncio.gather(next_pod, return_exceptions=True)
            await pods.aclose()  # type: ignore[attr-defined]

    async def _copy(self, pod: str, place: LogPosition, end: "asyncio.Task[Any]") -> AsyncGenerator[Slice | None, None]:
        """Copy a pod's log to its end."""
        broken_at = 0.0

        def is_enough(silent: float) -> bool:
            # A node that is lost does not end the stream of its pods' logs.
            return end.done() and silent > _LAST_WORDS_SECONDS

        beat = min(self._heartbeat, _LAST_WORDS_SECONDS)
        while True:
            try:
                async with aclosing(self._read(pod, place)) as lines:
                    async with aclosing(with_heartbeat(lines, beat, is_enough)) as pieces:
                        async for piece in pieces:
                            if piece is not None:
                                place, broken_at = piece.place, 0.0
                            yield piece
                return
            except Unavailable:
                broken_at = broken_at or time.monotonic()
                if time.monotonic() - broken_at > _PATIENCE_SECONDS:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
            except (NotFound, Invalid):
                async with aclosing(self._copy_kept(pod, place)) as kept:
                    async for piece in kept:
                        yield piece
                return

    async def _read(self, pod: str, place: LogPosition) -> AsyncGenerator[Slice, None]:
        """Read a pod's log from a place on. Each line comes with a stamp, which outlasts the rotation of the file."""
        query = {"container": CONTAINER, "follow": "true", "timestamps": "true"}
        if place.time:
            query["sinceTime"] = place.time
        last, size = place.time, place.bytes
        skip = 0 if place.time else place.bytes  # what came from elsewhere has no stamp to go on from
        async with aclosing(self._client.logs(self._namespace, pod, **query)) as lines:
            async for line in lines:
                stamp, _, text = line.partition(b" ")
                moment = stamp.decode("ascii", "replace")
                if place.time and _pad(moment) <= _pad(place.time):
                    continue
                if skip >= len(text):
                    skip -= len(text)
                    continue
                size, last = size + len(text) - skip, moment
                yield Slice(LogPosition(place.attempt, size, last), text[skip:].decode(errors="replace"))
                skip = 0

    async def _copy_kept(self, pod: str, place: LogPosition) -> AsyncGenerator[Slice, None]:
        kept = await read_kept_log(self._client, self._namespace, pod)
        for piece in cut_kept(kept or b"", place):
            yield piece

    async def _finish(self, place: LogPosition, end: "asyncio.Task[Any]") -> AsyncGenerator[Slice | None, None]:
        """Copy what is still missing of a run that is over; a fast one is over before its pod was seen to start."""
        try:
            run = await self._client.get(SCRIPTRUNS, self._namespace, self._name)
        except NotFound:
            return
        for attempt in (run.get("status") or {}).get("attempts") or ():
            number = int(attempt["number"])
            if number < place.attempt:
                continue
            start = place if place.attempt == number else LogPosition(number)
            kept = await read_kept_log(self._client, self._namespace, attempt["pod"])
            if kept is not None and len(kept) < KEPT_LOG_BYTES:
                for piece in cut_kept(kept, start):
                    yield piece
                continue
            async with aclosing(self._copy(attempt["pod"], start, end)) as slices:
                async for copied in slices:
                    yield copied


def cut_kept(log: bytes, place: LogPosition) -> list[Slice]:
    """Cut a kept log, the end of it or the whole, into slices from a place on."""
    slices = []
    size = place.bytes
    if len(log) < KEPT_LOG_BYTES:
        log = log[place.bytes :]
    else:
        # Where in the log this end begins is not known any more.
        slices.append(Slice(place, "some of the log is lost or comes twice: only its end is kept", lost=True))
    for line in _LINES.findall(log):
        size += len(line)
        slices.append(Slice(LogPosition(place.attempt, size), line.decode(errors="replace")))
    return slices


def _pad(stamp: str) -> str:
    """Write a stamp so that stamps compare as texts: the kubelet leaves out zeros at the end."""
    head, _, rest = stamp.rstrip("Z").partition(".")
    return f"{head}.{rest:0<9}"


def _number_of(pod: dict[str, Any]) -> int:
    """The number of the attempt that a pod is, by the Job controller's own count; 0: it does not say."""
    counts = [
        (pod["metadata"].get("annotations") or {}).get(f"batch.kubernetes.io/job-index-{name}", "")
        for name in ("failure-count", "ignored-failure-count")
    ]
    return 1 + sum(int(count) for count in counts if count.isdigit()) if counts[0].isdigit() else 0


async def read_log(client: Client, run: dict[str, Any], attempt: int | None) -> bytes | None:
    """Read the log of one attempt, or of the last; None: there is none (any more).

    Raises:
        KubeError: the API server did not give it.
    """
    attempts = (run.get("status") or {}).get("attempts") or ()
    namespace = run["metadata"]["namespace"]
    wanted = next((item["pod"] for item in reversed(attempts) if attempt in (None, item["number"])), None)
    if wanted is None:
        job = job_name_of(run)
        page = await client.list(PODS, namespace, labelSelector=select_pods(job))
        pods = {_number_of(pod): pod["metadata"]["name"] for pod in page["items"] if is_pod_of_job(pod, job)}
        wanted = pods.get(attempt or max(pods, default=0))
    if wanted is None:
        return None
    kept = await read_kept_log(client, namespace, wanted)
    if kept is not None and len(kept) < KEPT_LOG_BYTES:
        return kept
    log = bytearray()  # a list of a few million short lines would take ten times as much
    try:
        limit = str(WHOLE_LOG_BYTES)
        async with aclosing(client.logs(namespace, wanted, container=CONTAINER, limitBytes=limit)) as lines:
            async for line in lines:
                log += line
    except (NotFound, Invalid):
        return kept
    except KubeError:
        if kept is None:
            raise
        return kept
    if len(log) >= WHOLE_LOG_BYTES:
        log += f"\n[the log goes on: these are its first {len(log):,} bytes; follow it to read on]\n".encode()
    return bytes(log)
