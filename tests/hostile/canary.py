"""Canaries: a tiny run every second, in turn by each way there is; each must come through, and none may notice."""

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
    json.dump({"heard": variables["song"]}, file)
"""
_EVERY_SECONDS = 1.0
_PATIENCE_SECONDS = 120.0
_AT_ONCE = 64

Sing = Callable[[str], Any]
"""Has a run of the Script made with this as its variable ``song``; returns its output once it can be read."""


@dataclass(frozen=True)
class Song:
    """One canary.

    Attributes:
        way: By which it went.
        seconds: From its request to its output; to the failure of one that is lost.
        lost: Why it did not come through; "" for one that did.
    """

    way: str
    seconds: float
    lost: str = ""


class Canaries:
    """Sings every second while it is entered, whether or not the songs before are over.

    Attributes:
        songs: Those that are over.
    """

    def __init__(self, ways: Mapping[str, Sing]) -> None:
        self.songs: list[Song] = []
        self._ways = itertools.cycle(ways.items())
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(_AT_ONCE, "canary")
        self._clock = threading.Thread(target=self._sing_on, name="canaries")

    def __enter__(self) -> Self:
        self._clock.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def finish(self) -> None:
        """Start no more, and wait for those under way."""
        self._over.set()
        self._clock.join()
        self._pool.shutdown(wait=True)

    @property
    def lost(self) -> list[Song]:
        """Those that did not come through."""
        return [song for song in self.songs if song.lost]

    def _sing_on(self) -> None:
        started = time.monotonic()
        for number in itertools.count():
            if self._over.wait(max(0.0, started + number * _EVERY_SECONDS - time.monotonic())):
                return
            self._pool.submit(self._sing, *next(self._ways), f"canary-{number}")

    def _sing(self, way: str, sing: Sing, song: str) -> None:
        started, lost = time.monotonic(), ""
        try:
            heard = sing(song)
            if heard != {"heard": song}:
                lost = f"{song} came back as {heard}"
        except Exception as error:
            lost = f"{song}: {type(error).__name__}: {error}"
        self.songs.append(Song(way, time.monotonic() - started, lost))


def by_kubernetes(space: Space) -> Sing:
    """Make runs as kubectl does, and see their output in a watch."""

    def sing(song: str) -> Any:
        space.add_run(song, SCRIPT, variables={"song": song})
        return space.end_of(song, _PATIENCE_SECONDS).output

    return sing


def by_rest(caller: Caller) -> Sing:
    """Make runs by the REST API, which holds its answer until they are over."""

    def sing(song: str) -> Any:
        reply = caller.create(SCRIPT, wait=_PATIENCE_SECONDS / 2, variables={"song": song})
        assert reply.status == 201, reply
        return reply.body["output"]

    return sing


def by_zeebe(zeebe: Zeebe, process: str) -> Sing:
    """Run a process of one task to its end."""

    def sing(song: str) -> Any:
        variables = zeebe.run_to_end(process, {"song": song}, _PATIENCE_SECONDS)
        return {"heard": variables.get("heard")}

    return sing
