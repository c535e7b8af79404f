"""Which runs of each Script hold a slot of its ``maxConcurrentRuns``, which wait for one, and which come next.

Kept up to date run by run, so that a decision about one of thousands of waiting runs does not look at the others.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from scriptrun.models.facts import Key, RunFacts

__all__ = ["ConcurrencySlots"]

_Turn = tuple[datetime, Key]
"""When a run was created, and its key: runs get their turn in this order."""


class _Stage(Enum):
    """Where an unfinished run stands with regard to its Script's slots."""

    OUTSIDE = "neither waits nor holds a slot"
    WAITING = "waits for its turn"
    STARTING = "was given its turn, has no Job yet, and holds a slot"
    STARTED = "has its Job, and holds a slot"


_HOLDING = (_Stage.STARTING, _Stage.STARTED)


@dataclass(slots=True)
class _Entry:
    uid: str
    script: Key
    turn: _Turn
    stage: _Stage = _Stage.OUTSIDE


class ConcurrencySlots:
    """The unfinished runs of each Script and their stages.

    A stage changes by ``see``, ``queue``, ``leave_queue``, ``begin``, ``hold`` and ``remove`` only; what is said of a
    run that is not entered, or of a namesake of one that is, changes nothing. Each change and each question costs a
    binary search at most.
    """

    def __init__(self) -> None:
        self._entries: dict[Key, _Entry] = {}
        self._runs: defaultdict[Key, set[Key]] = defaultdict(set)
        self._holders: defaultdict[Key, int] = defaultdict(int)
        self._waiting: defaultdict[Key, list[_Turn]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._entries)

    def see(self, run: RunFacts) -> None:
        """Enter an unfinished run as the API server shows it."""
        if run.key not in self._entries:
            script = run.key[0], run.script
            self._entries[run.key] = _Entry(run.uid, script, (run.created, run.key))
            self._runs[script].add(run.key)
        if run.deleting:
            self.leave_queue(run)
        elif run.status.get("phase") == "Queued":
            self.queue(run)

    def queue(self, run: RunFacts) -> None:
        """Let a run wait for its turn, unless it was given its turn already."""
        entry = self._find(run)
        if entry and entry.stage is _Stage.OUTSIDE:
            self._move(entry, _Stage.WAITING)

    def leave_queue(self, run: RunFacts) -> None:
        """Let a run wait no more: it can't start, and must not hold up the others."""
        entry = self._find(run)
        if entry and entry.stage is _Stage.WAITING:
            self._move(entry, _Stage.OUTSIDE)

    def begin(self, run: RunFacts) -> None:
        """Give a run its turn. It counts from now on, not from when its Job is seen: no slot is given away twice."""
        entry = self._find(run)
        if entry and entry.stage is not _Stage.STARTED:
            self._move(entry, _Stage.STARTING)

    def hold(self, run: RunFacts) -> None:
        """Note that a run has its Job."""
        if entry := self._find(run):
            self._move(entry, _Stage.STARTED)

    def remove(self, key: Key) -> None:
        """Remove a run that has ended or is gone."""
        if not (entry := self._entries.pop(key, None)):
            return
        self._move(entry, _Stage.OUTSIDE)
        self._runs[entry.script].discard(key)
        if not self._runs[entry.script]:
            del self._runs[entry.script]

    def is_waiting(self, run: RunFacts) -> bool:
        """Whether a run waits for its turn."""
        entry = self._find(run)
        return entry is not None and entry.stage is _Stage.WAITING

    def is_starting(self, run: RunFacts) -> bool:
        """Whether a run was given its turn and has no Job yet."""
        entry = self._find(run)
        return entry is not None and entry.stage is _Stage.STARTING

    def is_holding(self, run: RunFacts) -> bool:
        """Whether a run has its Job, or is just being given it."""
        entry = self._find(run)
        return entry is not None and entry.stage in _HOLDING

    def count_turn(self, run: RunFacts) -> tuple[int, int]:
        """Count the other runs of the same Script that hold a slot, and those that wait and come first."""
        script = run.key[0], run.script
        holders = self._holders.get(script, 0) - self.is_holding(run)
        return holders, bisect_left(self._waiting.get(script, []), (run.created, run.key))

    def list_next(self, script: Key, limit: int) -> list[Key]:
        """List the waiting runs for which there is a free slot now, oldest first."""
        free = max(0, limit - self._holders.get(script, 0))
        return [key for _created, key in self._waiting.get(script, [])[:free]]

    def list_runs(self, script: Key) -> Iterable[Key]:
        """List the unfinished runs of a Script."""
        return self._runs.get(script, ())

    def _find(self, run: RunFacts) -> _Entry | None:
        entry = self._entries.get(run.key)
        return entry if entry is not None and entry.uid == run.uid else None

    def _move(self, entry: _Entry, stage: _Stage) -> None:
        before, entry.stage = entry.stage, stage
        if before is _Stage.WAITING and stage is not _Stage.WAITING:
            waiting = self._waiting[entry.script]
            del waiting[bisect_left(waiting, entry.turn)]
            if not waiting:
                del self._waiting[entry.script]
        elif stage is _Stage.WAITING and before is not _Stage.WAITING:
            insort(self._waiting[entry.script], entry.turn)
        self._holders[entry.script] += (stage in _HOLDING) - (before in _HOLDING)
        if not self._holders[entry.script]:
            del self._holders[entry.script]
