"""What the history says of a run: that it is kept. Applied with a field manager of its own."""

from datetime import datetime
from typing import Any

from scriptrun.desired.status import build_condition
from scriptrun.models.base import API_VERSION

__all__ = ["STORED", "build_stored", "is_stored"]

STORED = "Stored"
"""The condition that says so."""


def is_stored(run: dict[str, Any]) -> bool:
    """Whether the history has told that it keeps a run."""
    conditions = (run.get("status") or {}).get("conditions") or ()
    return any(item["type"] == STORED and item["status"] == "True" for item in conditions)


def build_stored(run: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Build the status patch. It fails (409) when the run has changed since, or is another one of that name.

    Args:
        run: the ScriptRun, as it was read.
        now: aware UTC.
    """
    metadata = run["metadata"]
    return {
        "apiVersion": API_VERSION,
        "kind": "ScriptRun",
        "metadata": {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion")},
        "status": {"conditions": [build_condition(run.get("status") or {}, STORED, "True", STORED, now)]},
    }
