"""Whose turn is it? The concurrency limit of a Script and its queue, oldest first."""

from scriptrun.policies.verdict import Wait

__all__ = ["decide_admission"]


def decide_admission(started: int, before: int, limit: int | None) -> Wait | None:
    """Decide whether a run may start now.

    Args:
        started: how many other runs of the same Script have their Job.
        before: how many runs of it wait whose turn comes first.
        limit: how many may have a Job at the same time; None for any number.

    Returns:
        None when it may start, else the place it waits in.
    """
    if limit is None or started + before < limit:
        return None
    return Wait("ConcurrencyLimit", f"place {before + 1} in the queue: {started} of at most {limit} runs are under way")
