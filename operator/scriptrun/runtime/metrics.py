"""What every process measures of itself. Each process registers these with its own registry."""

from prometheus_client import CollectorRegistry, Counter, Histogram

__all__ = ["LOOP_LAG", "WORKER_SECONDS", "WORKER_TASKS", "register_runtime"]

LOOP_LAG = Histogram(
    "scriptrun_event_loop_lag_seconds",
    "How late the event loop gets to its work, sampled 20 times a second.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    registry=None,
)

WORKER_TASKS = Counter(
    "scriptrun_worker_tasks",
    "Computations given to worker processes: done, abandoned (nobody waits any more), failed (a defect); over the "
    "limit of cpu or memory, or a crash; to be tried again: busy, starved, killed.",
    ["function", "outcome"],
    registry=None,
)
WORKER_SECONDS = Histogram(
    "scriptrun_worker_task_seconds",
    "Time that a worker process takes for a computation.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=None,
)


def register_runtime(registry: CollectorRegistry) -> None:
    """Have these shown beside what a process measures otherwise."""
    for collector in (LOOP_LAG, WORKER_TASKS, WORKER_SECONDS):
        registry.register(collector)
