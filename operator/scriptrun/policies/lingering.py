"""How long a pod may go on once its script has ended: containers that others added don't end with it."""

from datetime import datetime, timedelta

from scriptrun.models.facts import PodFacts, RunFacts

__all__ = ["decide_job_stop", "decide_pod_end", "is_lingering"]


def is_lingering(run: RunFacts, pod: PodFacts, *, known: bool) -> bool:
    """Whether a pod of a finished run has to be looked after.

    Three kinds: one that was made after the run's end (its predecessor was lost once the output was written), one with
    containers beside the script's, and one of the latter that has failed though its script ended well, which the Job
    is about to replace.

    Args:
        run: a finished run.
        pod: one of its pods.
        known: whether the pod was lingering when it was last seen.
    """
    if pod.deleting:
        return False
    if pod.ended:
        return known and pod.phase == "Failed" and pod.exit_code == 0
    return not pod.alone or _is_late(run, pod)


def _is_late(run: RunFacts, pod: PodFacts) -> bool:
    return run.finished_at is not None and pod.created > run.finished_at


def decide_job_stop(run: RunFacts, pod: PodFacts, grace_seconds: float, now: datetime) -> float:
    """Decide in how many seconds the Job of a finished run is to be stopped for a lingering pod; 0 or less: now.

    Args:
        run: a finished run.
        pod: one of its pods that is lingering.
        grace_seconds: how long other containers may go on.
        now: aware UTC.
    """
    if run.finished_at is None or pod.ended or _is_late(run, pod):
        return 0.0
    return (run.finished_at + timedelta(seconds=grace_seconds) - now).total_seconds()


def decide_pod_end(pod: PodFacts, grace_seconds: float, now: datetime) -> float | None:
    """Decide in how many seconds a pod of an unfinished run is to be ended; None: not at all, it ends by itself.

    The Job retries an attempt only when its pod has ended.

    Args:
        pod: one of the run's pods.
        grace_seconds: how long other containers may go on.
        now: aware UTC.
    """
    if not pod.goes_on:
        return None
    return ((pod.finished_at or pod.created) + timedelta(seconds=grace_seconds) - now).total_seconds()
