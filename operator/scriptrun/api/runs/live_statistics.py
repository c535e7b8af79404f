"""Figures of finished runs where no history is kept: of those that are in the cluster. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC

from scriptrun.history.records import Group, Summary
from scriptrun.history.statistics import GroupBy

__all__ = ["count_live_runs"]


def count_live_runs(runs: Iterable[Summary], by: GroupBy) -> list[Group]:
    """Count runs in groups, as the history's database would."""
    groups: defaultdict[str, list[Summary]] = defaultdict(list)
    for run in runs:
        if run.finished_at is not None:
            groups[str(run.created_at.astimezone(UTC).date()) if by == "day" else getattr(run, by)].append(run)
    counted = [_count(key, members) for key, members in groups.items()]
    return sorted(counted, key=lambda group: group.key, reverse=by == "day")


def _count(key: str, runs: list[Summary]) -> Group:
    reasons = Counter(run.reason for run in runs)
    seconds = sorted(run.duration_seconds for run in runs if run.duration_seconds is not None)
    return Group(key, dict(sorted(reasons.items())), _rank(seconds, 50), _rank(seconds, 95))


def _rank(seconds: list[float], hundredths: int) -> float | None:
    """The smallest that at least so many hundredths don't exceed (nearest rank)."""
    return seconds[math.ceil(len(seconds) * hundredths / 100) - 1] if seconds else None
