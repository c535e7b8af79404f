"""Feeds cases to the processes that they are for."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from hostile.corpus.case import (
    AnswerCase,
    Case,
    OrderCase,
    RequestCase,
    SchemaCase,
    ScriptCase,
    TaskCase,
    VariablesCase,
)
from hostile.feed.api import feed_request
from hostile.feed.bridge import feed_answer
from hostile.feed.finding import Finding, judge
from hostile.feed.operator import feed_schema, feed_script, feed_variables
from hostile.feed.orders import feed_order
from hostile.feed.peers import feed_task
from hostile.lab import Lab

__all__ = ["Feeding", "Finding", "feed", "judge"]

_FEEDERS: dict[type[Case], tuple[Callable[[Lab, Any], Finding], int]] = {
    SchemaCase: (feed_schema, 2),
    VariablesCase: (feed_variables, 3),
    ScriptCase: (feed_script, 2),
    RequestCase: (feed_request, 3),
    OrderCase: (feed_order, 6),
    AnswerCase: (feed_answer, 10),
    TaskCase: (feed_task, 3),
}
"""What feeds cases of a kind, and how many at the same time. Most cases wait; many take a pod or two."""


def feed(lab: Lab, case: Case) -> Finding:
    """Feed a case, and wait for its outcome."""
    return _FEEDERS[type(case)][0](lab, case)


class Feeding:
    """Feeds cases of all kinds side by side.

    Args:
        lab: What they are fed to.
        cases: Those of a kind are fed in this order.
        at_once: How many of all kinds are fed at the same time; 0 for as many of each kind as there are above. The pods
            of many cases are more than a small machine can run, whatever is in them, and then a measurement tells of
            that alone.

    Attributes:
        findings: The outcome of each case, by its name.
    """

    def __init__(self, lab: Lab, cases: Iterable[Case], *, at_once: int = 0) -> None:
        self.findings: dict[str, Future[Finding]] = {}
        if at_once:
            self._pools = dict.fromkeys(_FEEDERS, ThreadPoolExecutor(at_once))
        else:
            self._pools = {kind: ThreadPoolExecutor(count) for kind, (_feed, count) in _FEEDERS.items()}
        for case in cases:
            self.findings[case.name] = self._pools[type(case)].submit(feed, lab, case)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Feed nothing more."""
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)
