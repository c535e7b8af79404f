"""From the seconds that tasks took to figures."""

from statistics import quantiles
from typing import Literal

from bench.figures import Figure

Way = Literal["bridge", "jobs", "worker"]
Taken = dict[Way, list[float]]
"""Seconds of each task, by who did it."""

IN_PODS: tuple[Way, ...] = ("bridge", "jobs")
WAYS: tuple[Way, ...] = (*IN_PODS, "worker")


def build_figures(key: str, what: str, taken: Taken, limit: float) -> list[Figure]:
    """Build the figures of one orchestrator and one load.

    Args:
        key: what they are called after, such as ``zeebe.single``.
        what: the same in words.
        taken: at least two of each way.
        limit: the most that the median may be beside that of raw Jobs.
    """
    bridge, jobs, worker = (_find_percentiles(taken[way]) for way in WAYS)
    return [
        Figure(
            f"{key}.ratio_to_jobs",
            bridge[0] / jobs[0],
            f"{what}, created → workflow completed: by operator and bridge, beside a worker that makes raw Jobs",
            limit=limit,
        ),
        Figure(f"{key}.p99_ratio_to_jobs", bridge[1] / jobs[1], "the same, of the 99th percentiles"),
        Figure(f"{key}.p50_seconds", bridge[0], f"{what}, by operator and bridge", "s"),
        Figure(f"{key}.p99_seconds", bridge[1], "the same, 99th percentile", "s"),
        Figure(f"{key}.jobs_p50_seconds", jobs[0], f"{what}, by a worker that makes a raw Job of each", "s"),
        Figure(f"{key}.jobs_p99_seconds", jobs[1], "the same, 99th percentile", "s"),
        Figure(f"{key}.worker_p50_seconds", worker[0], f"{what}, by a worker that starts a process for each", "s"),
        Figure(f"{key}.worker_p99_seconds", worker[1], "the same, 99th percentile", "s"),
    ]


def _find_percentiles(seconds: list[float]) -> tuple[float, float]:
    """Find median and 99th percentile; with a few values the latter is close to the largest, and never above it."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return cuts[49], cuts[98]
