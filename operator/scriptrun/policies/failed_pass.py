"""What to say of a run when a pass over it fails: the run goes on, and people should know what holds it up."""

from scriptrun.errors import Conflict, ScriptRunError, Unavailable, WorkersBusy
from scriptrun.policies.verdict import Wait

__all__ = ["RECONCILE_ERROR", "decide_failed_pass"]

RECONCILE_ERROR = "ReconcileError"

_PASSING = (Conflict, Unavailable, WorkersBusy)
_PASSING_SECONDS = 5.0


def decide_failed_pass(error: Exception, failing_seconds: float) -> Wait | None:
    """Decide what the status says of a run whose pass has failed; None: nothing yet.

    What passes by itself as a rule is told once it lasts. It costs a status write, which would be one more request to
    an API server that has too many.

    Args:
        error: what ended the pass.
        failing_seconds: since the first failure in a row.
    """
    if isinstance(error, _PASSING) and failing_seconds < _PASSING_SECONDS:
        return None
    # A defect's own words are for the log: they may quote anything.
    said = str(error) if isinstance(error, ScriptRunError) else f"a defect ({type(error).__name__}), see its log"
    return Wait(RECONCILE_ERROR, f"the operator can't reconcile this run and will retry: {said}")
