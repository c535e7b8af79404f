"""What is in the cluster now: every run in brief and every Script, kept up to date by watches."""

import asyncio
import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from scriptrun.history.records import Query, Summary
from scriptrun.history.snapshot import summarize
from scriptrun.kube.client import Client
from scriptrun.kube.reflector import EVERYTHING, Reflector
from scriptrun.kube.resources import SCRIPTRUNS, SCRIPTS
from scriptrun.models.facts import Key
from scriptrun.policies.aliases import ScriptNames

__all__ = ["RunIndex"]

OnRun = Callable[[str, dict[str, Any]], None]
"""Told of each event of a run: ``ADDED``, ``MODIFIED``, ``DELETED`` or ``GONE`` (nobody saw it go), and the run."""


_REMEMBERED = 4096  # an answer may come after the event that its run was deleted


@dataclass(frozen=True, slots=True)
class _Known:
    version: int
    summary: Summary


class RunIndex:
    """Runs and Scripts as last seen.

    Args:
        client: to the API server.
        namespaces: to look into; empty for all.
        on_run: told of each event of a run.
    """

    def __init__(self, client: Client, namespaces: tuple[str, ...], on_run: OnRun = lambda _type, _run: None) -> None:
        self._namespaces = namespaces or ("",)
        self._on_run = on_run
        self._runs: defaultdict[str, dict[str, _Known]] = defaultdict(dict)
        self._scripts: dict[Key, dict[str, Any]] = {}
        self._names = ScriptNames()
        self._listed: set[tuple[str, str]] = set()
        self._deleted: deque[str] = deque(maxlen=_REMEMBERED)
        self._waiting: defaultdict[str, set[asyncio.Future[dict[str, Any] | None]]] = defaultdict(set)
        self._reflectors = (
            Reflector(client, SCRIPTRUNS, EVERYTHING, self._take_run, self._forget_runs),
            Reflector(client, SCRIPTS, EVERYTHING, self._take_script, self._forget_scripts),
        )

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reflector in self._reflectors:
                for namespace in self._namespaces:
                    tasks.create_task(reflector.run(namespace), name=f"{reflector} {namespace}")

    def is_synced(self) -> bool:
        """Whether everything was listed once."""
        return len(self._listed) == len(self._reflectors) * len(self._namespaces)

    def last_contact(self) -> float:
        """When the most silent of the watches last heard anything, on the monotonic clock."""
        return min(reflector.last_contact for reflector in self._reflectors)

    def serves(self, namespace: str) -> bool:
        """Whether a namespace is looked into."""
        return self._namespaces == ("",) or namespace in self._namespaces

    def put(self, run: dict[str, Any]) -> None:
        """Take a run as an answer of the API server shows it: its own event may come later."""
        self._take_run("MODIFIED", run)

    def has(self, namespace: str, name: str) -> bool:
        """Whether there is a run of that name."""
        return name in self._runs.get(namespace, {})

    def script(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A Script by its own name; None when there is none."""
        return self._scripts.get((namespace, name))

    def find_scripts(self, namespace: str, name: str) -> list[str]:
        """Find the Scripts that a name stands for: none, one, or several that have it as an alias."""
        return self._names.find(namespace, name)

    def scripts(self, namespace: str) -> list[dict[str, Any]]:
        """The Scripts of a namespace, by name."""
        found = [script for key, script in self._scripts.items() if key[0] == namespace]
        return sorted(found, key=lambda script: str(script["metadata"]["name"]))

    def newest(self, query: Query) -> Sequence[Summary]:
        """List as many runs as are asked for, the newest first."""
        found = (
            known.summary for known in self._runs.get(query.namespace, {}).values() if query.matches(known.summary)
        )
        return heapq.nlargest(query.limit, found, key=lambda summary: summary.position)

    def all(self, query: Query) -> Sequence[Summary]:
        """Every run that matches, in no order."""
        return [known.summary for known in self._runs.get(query.namespace, {}).values() if query.matches(known.summary)]

    async def wait_end(self, run: dict[str, Any]) -> dict[str, Any] | None:
        """Wait until a run is over or gone; returns its end if that was seen, for it may be deleted at once."""
        metadata = run["metadata"]
        known = self._runs.get(metadata["namespace"], {}).get(metadata["name"])
        if known and known.summary.uid == metadata["uid"] and known.summary.finished_at:
            return None
        self.put(run)  # so that its end is noticed even if no event of it was seen yet
        future: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        self._waiting[metadata["uid"]].add(future)
        try:
            return await future
        finally:
            waiting = self._waiting[metadata["uid"]]
            waiting.discard(future)
            if not waiting:
                del self._waiting[metadata["uid"]]

    def _take_run(self, event: str, run: dict[str, Any]) -> None:
        namespace, name = run["metadata"]["namespace"], run["metadata"]["name"]
        version = int(run["metadata"]["resourceVersion"])
        known = self._runs[namespace].get(name)
        if (known and known.version > version) or run["metadata"]["uid"] in self._deleted:
            return
        if known and known.version == version and event != "DELETED":
            return  # the event of what an answer has shown already
        if event == "DELETED":
            self._deleted.append(run["metadata"]["uid"])
            if known and known.summary.uid == run["metadata"]["uid"]:
                del self._runs[namespace][name]
            self._wake(run["metadata"]["uid"], run)
        else:
            summary = summarize(run)
            if known and known.summary.uid != summary.uid:
                self._wake(known.summary.uid)
            self._runs[namespace][name] = _Known(version, summary)
            if summary.finished_at:
                self._wake(summary.uid, run)
        self._on_run(event, run)

    def _wake(self, uid: str, run: dict[str, Any] | None = None) -> None:
        ended = run if run and (run.get("status") or {}).get("finishedAt") else None
        for future in self._waiting.get(uid, ()):
            with suppress(asyncio.InvalidStateError):
                future.set_result(ended)

    def _forget_runs(self, namespace: str, listed: set[Key], version: int) -> None:
        self._listed.add(("runs", namespace))
        for place in [namespace] if namespace else list(self._runs):
            gone = [
                name
                for name, known in self._runs[place].items()
                if (place, name) not in listed and known.version <= version
            ]
            for name in gone:
                known = self._runs[place].pop(name)
                self._wake(known.summary.uid)
                self._on_run("GONE", {"metadata": {"namespace": place, "name": name}})

    def _take_script(self, event: str, script: dict[str, Any]) -> None:
        key = (script["metadata"]["namespace"], script["metadata"]["name"])
        if event == "DELETED":
            self._drop_script(key)
        else:
            self._scripts[key] = script
            self._names.put(key, script["spec"].get("aliases") or ())

    def _drop_script(self, key: Key) -> None:
        self._scripts.pop(key, None)
        self._names.drop(key)

    def _forget_scripts(self, namespace: str, listed: set[Key], version: int) -> None:
        self._listed.add(("scripts", namespace))
        for key in [key for key in self._scripts if namespace in ("", key[0]) and key not in listed]:
            self._drop_script(key)
