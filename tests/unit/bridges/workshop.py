"""Stands in for the operator: every run ends some time, as was written beforehand, or canceled."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from builders import instant
from scriptrun.errors import Conflict, NotFound
from unit.controller.server import Body, Server

__all__ = ["GOOD", "Fate", "Plan", "Workshop"]

Fate = Literal["good", "big", "bad", "list", "going-on", "silent"]
BIG = {"rows": ["x" * 100] * 100}


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the runs of a task, one after the other; afterwards all goes well.

    Attributes:
        fates: of the runs, in the order they start.
        seconds: how long each takes.
    """

    fates: Sequence[Fate] = ("good",)
    seconds: float = 3.0


GOOD = Plan()


class Workshop:
    """Ends runs."""

    def __init__(self, server: Server, noise: random.Random, plan_of: Callable[[str], Plan]) -> None:
        self._server = server
        self._noise = noise
        self._plan_of = plan_of
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: dict[str, asyncio.Event] = {}
        self.started: Counter[str] = Counter()
        """Runs that were started, by the id of their task."""
        server.watchers.append(self._watch)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def _watch(self, plural: str, event: str, body: Body) -> None:
        if plural != "scriptruns":
            return
        uid = body["metadata"]["uid"]
        if event == "ADDED":
            self._ends[uid] = asyncio.Event()
            self._tasks.add(asyncio.get_running_loop().create_task(self._execute(body)))
        elif event == "DELETED" or body["spec"].get("cancel") or "deletionTimestamp" in body["metadata"]:
            self._ends[uid].set()

    async def _execute(self, body: Body) -> None:
        uid, task = body["metadata"]["uid"], body["spec"]["task"]["id"]
        plan = self._plan_of(task)
        fate = plan.fates[self.started[task]] if self.started[task] < len(plan.fates) else "good"
        self.started[task] += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(plan.seconds * self._noise.uniform(0.5, 1.5)):
                await self._ends[uid].wait()
        canceled = self._ends[uid].is_set()
        await asyncio.sleep(self._noise.uniform(0, 0.5))
        with suppress(NotFound, Conflict):
            self._end(body["metadata"]["name"], uid, "canceled" if canceled else fate)

    def _end(self, name: str, uid: str, fate: str) -> None:
        status: dict[str, Any] = {"finishedAt": instant(int(self._server.now())), "phase": "Failed"}
        output: Any = {"answer": 42}
        if fate in ("good", "big", "list", "going-on"):
            status |= {"phase": "Succeeded", "reason": "Completed", "resultStatus": "COMPLETED"}
            if fate == "going-on":
                status["resultStatus"] = "IN_PROGRESS"
            output = {"big": BIG, "list": [1]}.get(fate, output)
            status |= self._write_output(f"{name}-{uid}", output, inline=fate != "big")
        elif fate == "bad":
            status |= {"reason": "ScriptFailed", "message": "exit code 1\nboom", "resultStatus": "FAILED"}
        elif fate == "silent":
            status |= {"reason": "OutOfMemory", "message": "out of memory"}
        else:
            status |= {"phase": "Canceled", "reason": "Canceled", "message": "canceled by spec.cancel"}
        patch = {"metadata": {"name": name, "uid": uid}, "status": status}
        self._server.apply_status("scriptruns", name, patch, "scriptrun")

    def _write_output(self, run: str, output: Any, *, inline: bool) -> Body:
        name, text = f"{run}-0-aaaaa-output", json.dumps(output)
        labels = {"scriptrun.dev/output": "true"}
        self._server.create("configmaps", {"metadata": {"name": name, "labels": labels}, "data": {"output.json": text}})
        digest = sha256(text.encode()).hexdigest()
        reference = {"configMap": name, "key": "output.json", "bytes": len(text), "sha256": digest}
        return {"outputRef": reference, **({"output": output} if inline else {})}
