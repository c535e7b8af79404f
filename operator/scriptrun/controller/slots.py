"""Who holds and who waits for the slots of each Script's ``maxConcurrentRuns``.

Kept up to date run by run, so that a decision about one of thousands of waiting runs does not look at the others.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from datetime import datetime

from scriptrun.models.facts import Key, RunFacts

__all__ = ["ConcurrencySlots"]

_Turn = tuple[datetime, Key]
"""When a run was created, and its key: runs get their turn in this order."""


class ConcurrencySlots:
    """The unfinished runs of each Script that have a Job, and those that wait for their turn, oldest first.

    A run is in at most one of the two. Each change and each question costs a binary search at most.
    """

    def __init__(self) -> None:
        self._holders: defaultdict[Key, set[Key]] = defaultdict(set)
        self._waiting: defaultdict[Key, list[_Turn]] = defaultdict(list)
        self._places: dict[Key, tuple[Key, _Turn | None]] = {}

    def hold(self, run: RunFacts) -> None:
        """Note that a run has its Job, or is just being given it."""
        if self._places.get(run.key) != (script := _script_of(run), None):
            self.leave(run.key)
            self._places[run.key] = script, None
            self._holders[script].add(run.key)

    def wait(self, run: RunFacts) -> None:
        """Note that a run waits for its turn."""
        script, turn = _script_of(run), _turn_of(run)
        if self._places.get(run.key) != (script, turn):
            self.leave(run.key)
            self._places[run.key] = script, turn
            insort(self._waiting[script], turn)

    def leave(self, key: Key) -> None:
        """Note that a run neither holds a slot nor waits for one."""
        script, turn = self._places.pop(key, (None, None))
        if script is None:
            return
        if turn is None:
            self._holders[script].discard(key)
            if not self._holders[script]:
                del self._holders[script]
            return
        waiting = self._waiting[script]
        del waiting[bisect_left(waiting, turn)]
        if not waiting:
            del self._waiting[script]

    def count_holders(self, script: Key) -> int:
        """Count the runs of a Script that have a Job."""
        return len(self._holders.get(script, ()))

    def count_before(self, run: RunFacts) -> int:
        """Count the waiting runs of the same Script whose turn comes before this run's."""
        return bisect_left(self._waiting.get(_script_of(run), []), _turn_of(run))

    def list_next(self, script: Key, limit: int) -> list[Key]:
        """List the waiting runs for which there is a free slot now, oldest first."""
        free = max(0, limit - self.count_holders(script))
        return [key for _created, key in self._waiting.get(script, [])[:free]]


def _script_of(run: RunFacts) -> Key:
    return run.key[0], run.script


def _turn_of(run: RunFacts) -> _Turn:
    return run.created, run.key
