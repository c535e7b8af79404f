"""What the processes measure, as Prometheus metrics. The names here are the ones docs/operations.md lists."""

from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from scriptrun.models.facts import RunFacts
from scriptrun.policies.attempts import parse_instant
from scriptrun.runtime.metrics import register_runtime

__all__ = [
    "API_REQUESTS",
    "API_SECONDS",
    "BRIDGE_CLAIMS",
    "BRIDGE_CONNECTED",
    "BRIDGE_EXTENSIONS",
    "BRIDGE_OPEN_RUNS",
    "BRIDGE_POLL_SECONDS",
    "BRIDGE_REPORTS",
    "BRIDGE_REPORT_DELAY",
    "INTERRUPTIONS",
    "LEADER",
    "QUEUE_DEPTH",
    "QUEUE_WAIT",
    "RECONCILE_ERRORS",
    "RECONCILE_SECONDS",
    "REGISTRY",
    "RUNS",
    "RUNS_UNFINISHED",
    "RUN_DURATION",
    "START_LATENCY",
    "observe_end",
    "observe_request",
]

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_POLL = (0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60)
_SLOW = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400)

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)
register_runtime(REGISTRY)

RUNS = Counter("scriptrun_runs", "Runs that ended.", ["namespace", "script", "phase", "reason"], registry=REGISTRY)
RUNS_UNFINISHED = Gauge("scriptrun_runs_unfinished", "Runs that have not ended.", registry=REGISTRY)
QUEUE_WAIT = Histogram(
    "scriptrun_queue_wait_seconds",
    "From the moment a run began to wait for its turn (status Queued) to its first start.",
    buckets=_SLOW,
    registry=REGISTRY,
)
START_LATENCY = Histogram(
    "scriptrun_start_latency_seconds",
    "From a run's creation (whole seconds: Kubernetes keeps no finer) to its Job.",
    buckets=_SLOW,
    registry=REGISTRY,
)
RUN_DURATION = Histogram(
    "scriptrun_run_duration_seconds",
    "From the start of a run's first attempt to its end.",
    ["script"],
    buckets=_SLOW,
    registry=REGISTRY,
)
QUEUE_DEPTH = Gauge("scriptrun_workqueue_depth", "Keys that wait to be reconciled.", registry=REGISTRY)
RECONCILE_SECONDS = Histogram(
    "scriptrun_reconcile_seconds", "One pass over one run or Script.", ["kind"], buckets=_FAST, registry=REGISTRY
)
RECONCILE_ERRORS = Counter(
    "scriptrun_reconcile_errors", "Passes that failed and are tried again.", ["kind"], registry=REGISTRY
)
API_REQUESTS = Counter(
    "scriptrun_api_requests", "Requests to the API server.", ["verb", "resource", "code"], registry=REGISTRY
)
API_SECONDS = Histogram(
    "scriptrun_api_request_seconds", "Time to the API server's answer.", ["verb"], buckets=_FAST, registry=REGISTRY
)
LEADER = Gauge("scriptrun_leader", "1 while this replica is the leader.", registry=REGISTRY)

INTERRUPTIONS = Counter(
    "scriptrun_interruptions",
    "Deaths of this process's previous life in the middle of a pass over a run or Script.",
    ["kind"],
    registry=REGISTRY,
)

BRIDGE_CLAIMS = Counter(
    "scriptrun_bridge_claims",
    "Tasks that were handed out: created, adopted, refused, or gone before they had a run.",
    ["namespace", "bridge", "outcome"],
    registry=REGISTRY,
)
BRIDGE_REPORTS = Counter(
    "scriptrun_bridge_reports",
    "Tasks whose report is done: completed, failed, in_progress, or dropped since nobody waits for it any more.",
    ["namespace", "bridge", "outcome"],
    registry=REGISTRY,
)
BRIDGE_EXTENSIONS = Counter(
    "scriptrun_bridge_extensions",
    "Leases extended, refused because the task is gone, or failed and tried again.",
    ["namespace", "bridge", "outcome"],
    registry=REGISTRY,
)
BRIDGE_POLL_SECONDS = Histogram(
    "scriptrun_bridge_poll_seconds",
    "One poll, its waiting included.",
    ["namespace", "bridge"],
    buckets=_POLL,
    registry=REGISTRY,
)
BRIDGE_REPORT_DELAY = Histogram(
    "scriptrun_bridge_report_delay_seconds",
    "From a run's end to the orchestrator's confirmation.",
    ["namespace", "bridge"],
    buckets=_FAST,
    registry=REGISTRY,
)
BRIDGE_CONNECTED = Gauge(
    "scriptrun_bridge_connected", "1 while the orchestrator answers.", ["namespace", "bridge"], registry=REGISTRY
)
BRIDGE_OPEN_RUNS = Gauge(
    "scriptrun_bridge_open_runs", "Runs that are not reported yet.", ["namespace", "bridge"], registry=REGISTRY
)


def observe_request(verb: str, resource: str, code: int, seconds: float) -> None:
    """Count one request; code 0 means there was no answer."""
    API_REQUESTS.labels(verb, resource, str(code)).inc()
    API_SECONDS.labels(verb).observe(seconds)


def observe_end(run: RunFacts, status: dict[str, Any], now: datetime) -> None:
    """Count a run that ended, by the status just written."""
    RUNS.labels(run.key[0], run.script, status["phase"], status["reason"]).inc()
    if "durationSeconds" in status:
        RUN_DURATION.labels(run.script).observe(status["durationSeconds"])
    queued, started = parse_instant(run.status.get("queuedAt")), parse_instant(status.get("startedAt"))
    if queued:
        QUEUE_WAIT.observe(max(0.0, ((started or now) - queued).total_seconds()))
