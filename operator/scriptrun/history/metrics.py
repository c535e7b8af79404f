"""What the history measures, in a registry of its own: the process that keeps it shows it."""

from prometheus_client import CollectorRegistry, Counter, Gauge

__all__ = ["ERRORS", "OLDEST_UNSTORED", "PRUNED", "REGISTRY", "STORED", "UNSTORED"]

REGISTRY = CollectorRegistry()

STORED = Counter("scriptrun_history_stored", "Runs stored.", registry=REGISTRY)
ERRORS = Counter(
    "scriptrun_history_errors", "Tries to store a run or to delete old ones that failed.", registry=REGISTRY
)
PRUNED = Counter("scriptrun_history_pruned", "Runs deleted for their age.", registry=REGISTRY)
UNSTORED = Gauge("scriptrun_history_unstored", "Finished runs that are not stored yet.", registry=REGISTRY)
OLDEST_UNSTORED = Gauge(
    "scriptrun_history_lag_seconds", "How long the longest waiting of them has been finished.", registry=REGISTRY
)
