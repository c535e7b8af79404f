"""Makes runs at a pace, plays their pods, and notes when what was there."""

import asyncio
import time
from typing import Any

from bench.site import build_run, expect_output
from bench.standin.cast import play_pod
from bench.standin.store import Store

Manifest = dict[str, Any]


class Load:
    """Makes runs at a pace and notes for each when its output and its end were there."""

    def __init__(self, store: Store) -> None:
        self.outputs: dict[str, float] = {}
        self.ends: dict[str, float] = {}
        self.made: dict[str, float] = {}
        self.jobs: dict[str, float] = {}
        self.wrong: list[str] = []
        self._store = store
        self._wanted = 0
        self._enough = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        store.listeners.append(self._note)

    async def run(self, runs: int, per_second: float, seconds: float) -> None:
        """Make the runs; wait until they have ended."""
        started, self._wanted = time.monotonic(), runs
        for number in range(runs):
            await asyncio.sleep(max(0.0, started + number / per_second - time.monotonic()))
            name = f"run-{number}"
            self.made[name] = time.monotonic()
            self._store.put("scriptruns", build_run(name))
        async with asyncio.timeout(seconds):
            await self._enough.wait()

    def report(self) -> Manifest:
        """Say what was measured, in seconds."""
        return {
            "settle": [self.ends[name] - self.outputs[name] for name in self.ends],
            "start": [self.jobs[name] - self.made[name] for name in self.ends],
            "wrong": self.wrong,
        }

    async def _play(self, job: Manifest) -> None:
        started = time.monotonic()
        for after, plural, body in play_pod(job):
            await asyncio.sleep(max(0.0, started + after - time.monotonic()))
            self._store.put(plural, body)

    def _note(self, plural: str, event: str, body: Manifest) -> None:
        name, now = body["metadata"]["name"], time.monotonic()
        if plural == "jobs" and event == "ADDED":
            self.jobs[name] = now
            task = asyncio.create_task(self._play(body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif plural == "configmaps" and name.endswith("-output"):
            self.outputs[name.rpartition("-0-")[0]] = now
        elif plural == "scriptruns" and "finishedAt" in (body.get("status") or {}) and name not in self.ends:
            self.ends[name] = now
            if len(self.ends) == self._wanted:
                self._enough.set()
            if body["status"].get("output") != expect_output(name):
                self.wrong.append(name)
