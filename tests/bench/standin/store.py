"""What the stand-in keeps, and who is told of it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from typing import Any

Manifest = dict[str, Any]
Event = tuple[str, Manifest]

NAMESPACE = "bench"


def _is_listed(plural: str, body: Manifest) -> bool:
    """Whether the operator's selectors let an object through."""
    status, labels = body.get("status") or {}, body["metadata"].get("labels") or {}
    if plural == "jobs":
        return status.get("succeeded") != 1
    if plural == "pods":
        return status.get("phase") != "Succeeded"
    return plural != "configmaps" or "scriptrun.dev/output" in labels


class Store:
    """Keeps objects, gives out versions and uids, and tells the watches."""

    def __init__(self) -> None:
        self.objects: defaultdict[str, dict[str, Manifest]] = defaultdict(dict)
        self.listeners: list[Callable[[str, str, Manifest], None]] = []
        self._watches: defaultdict[str, list[asyncio.Queue[Event]]] = defaultdict(list)
        self._version = count(1)
        self.version = "0"
        self._history: defaultdict[str, list[Event]] = defaultdict(list)

    def put(self, plural: str, body: Manifest) -> Manifest:
        """Keep an object, new or changed."""
        name = body["metadata"]["name"]
        before = self.objects[plural].get(name)
        self.version = str(next(self._version))
        metadata = body["metadata"]
        metadata.setdefault("namespace", NAMESPACE)
        metadata.setdefault("uid", f"00000000-0000-0000-0000-{int(self.version):012d}")
        metadata.setdefault("creationTimestamp", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        metadata.setdefault("generation", 1)
        metadata["resourceVersion"] = self.version
        self.objects[plural][name] = body
        seen, sees = before is not None and _is_listed(plural, before), _is_listed(plural, body)
        if seen or sees:
            event = "DELETED" if not sees else "MODIFIED" if seen else "ADDED"
            self._history[plural].append((event, body))
            for watch in self._watches[plural]:
                watch.put_nowait((event, body))
        for listener in self.listeners:
            listener(plural, "MODIFIED" if before else "ADDED", body)
        return body

    def select(self, plural: str) -> list[Manifest]:
        """List what the operator may see."""
        return [body for body in self.objects[plural].values() if _is_listed(plural, body)]

    def watch(self, plural: str, since: str) -> "asyncio.Queue[Event]":
        """Open a watch of what comes after a version."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        for event, body in self._history[plural]:
            if int(body["metadata"]["resourceVersion"]) > int(since):
                queue.put_nowait((event, body))
        self._watches[plural].append(queue)
        return queue
