"""Whose turn is it? The concurrency limit of a Script and its queue, oldest first."""

from collections.abc import Iterable
from dataclasses import dataclass

from scriptrun.models.facts import RunFacts
from scriptrun.policies.verdict import Wait

__all__ = ["Place", "decide_admission"]


@dataclass(frozen=True, slots=True)
class Place:
    """An unfinished run of the Script: itself, and whether it has its Job already."""

    run: RunFacts
    started: bool


def _order(run: RunFacts) -> tuple[object, ...]:
    return (run.created, run.key)


def decide_admission(run: RunFacts, unfinished: Iterable[Place], limit: int | None) -> Wait | None:
    """Decide whether a run may start now.

    Args:
        run: the run that has no Job yet.
        unfinished: every unfinished run of the same Script, this one may be among them.
        limit: how many may have a Job at one time; None for any number.

    Returns:
        None when it may start, else the place it waits in.
    """
    if limit is None:
        return None
    others = [place for place in unfinished if place.run.uid != run.uid]
    started = sum(place.started for place in others)
    before = sum(not place.started and _order(place.run) < _order(run) for place in others)
    if started + before < limit:
        return None
    position = before + 1
    return Wait("ConcurrencyLimit", f"place {position} in the queue: {started} of at most {limit} runs are under way")
