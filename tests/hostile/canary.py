"""Canaries: a tiny run every second, created by kubectl, REST API and Zeebe in turn. All of them must succeed."""

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from clusterlab.apiprocess import Caller
from clusterlab.space import Space
from peers.servers.zeebe import Zeebe

SCRIPT = "canary.py"
SOURCE = """\
import json, sys

variables = json.load(open(sys.argv[1]))
with open(sys.argv[2], "w") as file:
    json.dump({"echo": variables["id"]}, file)
"""
_INTERVAL_SECONDS = 1.0
_TIMEOUT_SECONDS = 120.0
_AT_ONCE = 64

RunCanary = Callable[[str], Any]
"""Runs the Script with this as its variable ``id``; returns its output as soon as it can be read."""


@dataclass(frozen=True)
class Canary:
    """One canary that is done.

    Attributes:
        origin: Who created it.
        started: Seconds after the first one.
        seconds: From the request until its output can be read, or until it failed.
        problem: Why it failed; "" for one that succeeded.
    """

    origin: str
    started: float
    seconds: float
    problem: str = ""


class Canaries:
    """Starts a canary every second while it is entered, whether or not the ones before are done.

    Args:
        origins: How each origin runs a canary.

    Attributes:
        done: The canaries that are done.
    """

    def __init__(self, origins: Mapping[str, RunCanary]) -> None:
        self.done: list[Canary] = []
        self._origins = itertools.cycle(origins.items())
        self._started = 0.0
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(_AT_ONCE, "canary")
        self._timer = threading.Thread(target=self._start_all, name="canaries")

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def finish(self) -> None:
        """Start no more, and wait for those under way."""
        self._stop.set()
        self._timer.join()
        self._pool.shutdown(wait=True)

    @property
    def problems(self) -> list[str]:
        """What was wrong with those that failed."""
        return [f"{canary.origin}: {canary.problem}" for canary in self.done if canary.problem]

    def _start_all(self) -> None:
        self._started = time.monotonic()
        for number in itertools.count():
            if self._stop.wait(max(0.0, self._started + number * _INTERVAL_SECONDS - time.monotonic())):
                return
            self._pool.submit(self._run, *next(self._origins), f"canary-{number}")

    def _run(self, origin: str, run: RunCanary, name: str) -> None:
        started, problem = time.monotonic(), ""
        try:
            output = run(name)
            if output != {"echo": name}:
                problem = f"{name} has the output {output}"
        except Exception as error:
            problem = f"{name}: {type(error).__name__}: {error}"
        self.done.append(Canary(origin, started - self._started, time.monotonic() - started, problem))


def by_kubernetes(space: Space) -> RunCanary:
    """Create runs as kubectl does, and read their output from a watch."""

    def run(name: str) -> Any:
        space.add_run(name, SCRIPT, variables={"id": name})
        return space.end_of(name, _TIMEOUT_SECONDS).output

    return run


def by_rest(caller: Caller) -> RunCanary:
    """Create runs by the REST API, and let it hold its answer until they have ended."""

    def run(name: str) -> Any:
        reply = caller.create(SCRIPT, wait=_TIMEOUT_SECONDS / 2, variables={"id": name})
        assert reply.status == 201, reply
        return reply.body["output"]

    return run


def by_zeebe(zeebe: Zeebe, process: str) -> RunCanary:
    """Run a process of one task, and wait for its end."""

    def run(name: str) -> Any:
        variables = zeebe.run_to_end(process, {"id": name}, _TIMEOUT_SECONDS)
        return {"echo": variables.get("echo")}

    return run
