"""How long a finished run stays."""

from datetime import datetime

from scriptrun.models.facts import RunFacts
from scriptrun.models.script import ScriptSpec

__all__ = ["decide_expiry"]

_DEFAULT_SECONDS = 86_400


def decide_expiry(run: RunFacts, script: ScriptSpec | None, now: datetime) -> float:
    """Decide in how many seconds a finished run is to be deleted; 0 or less: now.

    Args:
        run: a finished run.
        script: its Script's spec; None when that is gone.
        now: aware UTC.
    """
    ttl = run.ttl_seconds
    if ttl is None:
        ttl = script.ttl_seconds_after_finished if script else _DEFAULT_SECONDS
    finished = run.finished_at or now
    return ttl - (now - finished).total_seconds()
