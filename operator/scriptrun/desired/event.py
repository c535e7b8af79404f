"""The Event that tells of a run that failed: what `kubectl describe` and `kubectl get events` show."""

from datetime import datetime
from typing import Any

from scriptrun.desired.names import MANAGED_BY
from scriptrun.models.base import API_VERSION
from scriptrun.models.facts import RunFacts
from scriptrun.policies.text import shorten
from scriptrun.policies.verdict import Verdict

__all__ = ["build_failure_event"]

_MESSAGE_LIMIT = 1024  # Kubernetes' own


def build_failure_event(run: RunFacts, verdict: Verdict, now: datetime) -> dict[str, Any]:
    """Build the Event. Its name comes from the run's uid: told twice, it is refused the second time.

    Args:
        run: the run that failed.
        verdict: why.
        now: aware UTC.
    """
    namespace, name = run.key
    instant = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{run.uid}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": "ScriptRun",
            "name": name,
            "namespace": namespace,
            "uid": run.uid,
        },
        "type": "Warning",
        "reason": str(verdict.reason),
        "message": shorten(verdict.message, _MESSAGE_LIMIT),
        "source": {"component": MANAGED_BY},
        "reportingComponent": MANAGED_BY,
        "firstTimestamp": instant,
        "lastTimestamp": instant,
        "count": 1,
    }
