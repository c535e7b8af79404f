"""What an API process measures besides its history, as Prometheus metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from scriptrun.runtime.metrics import register_runtime

__all__ = ["KUBE_REQUESTS", "REGISTRY", "REQUESTS", "REQUEST_SECONDS", "STREAMS", "observe_kube"]

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)
register_runtime(REGISTRY)

REQUESTS = Counter("scriptrun_http_requests", "Requests answered.", ["operation", "method", "code"], registry=REGISTRY)
REQUEST_SECONDS = Histogram(
    "scriptrun_http_request_seconds",
    "Time to the first byte of an answer; without requests that were asked to wait.",
    ["operation"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
STREAMS = Gauge("scriptrun_http_streams", "Logs that are being followed.", registry=REGISTRY)
KUBE_REQUESTS = Counter(
    "scriptrun_http_kube_requests", "Requests to the API server.", ["verb", "resource", "code"], registry=REGISTRY
)


def observe_kube(verb: str, resource: str, code: int, _seconds: float) -> None:
    """Count one request to the API server; code 0 means there was no answer."""
    KUBE_REQUESTS.labels(verb, resource, str(code)).inc()
