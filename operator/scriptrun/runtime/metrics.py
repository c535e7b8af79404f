"""What every process measures of itself. Each process registers these with its own registry."""

from prometheus_client import CollectorRegistry, Histogram

__all__ = ["LOOP_LAG", "register_runtime"]

LOOP_LAG = Histogram(
    "scriptrun_event_loop_lag_seconds",
    "How late the event loop gets to its work, sampled 20 times a second.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    registry=None,
)


def register_runtime(registry: CollectorRegistry) -> None:
    """Have these shown beside what a process measures otherwise."""
    registry.register(LOOP_LAG)
