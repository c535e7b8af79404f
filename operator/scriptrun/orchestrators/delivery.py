"""From what an orchestrator hands out to tasks, whatever it is and however much."""

from collections.abc import Callable, Sequence

import structlog

from scriptrun.orchestrators.adapter import Task

__all__ = ["read_tasks"]

_log = structlog.get_logger(__name__)


def read_tasks(delivered: Sequence[object], limit: int, build: Callable[[object], Task]) -> list[Task]:
    """Read tasks, and log at most once what was wrong with the others.

    Args:
        delivered: what the orchestrator handed out.
        limit: how many tasks it was asked for. The rest is left: it is handed out again when its leases have expired.
        build: builds a task of one item; raises ``ValueError`` if it is not one.
    """
    tasks, wrong = [], []
    for item in delivered[:limit]:
        try:
            tasks.append(build(item))
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        _log.error("not tasks", count=len(wrong), error=wrong[0])
    if len(delivered) > limit:
        _log.error("more tasks delivered than requested", requested=limit, delivered=len(delivered))
    return tasks
