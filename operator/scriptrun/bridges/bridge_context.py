"""What those who work for one Bridge share."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from scriptrun import metrics
from scriptrun.bridges.connection import OrchestratorConnection
from scriptrun.bridges.open_runs import OpenRuns
from scriptrun.kube.client import Client
from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.facts import Key

__all__ = ["BridgeContext", "Totals", "wait_until"]


@dataclass(slots=True)
class Totals:
    """Tasks since the Bridge was made, as its status counts them."""

    claimed: int = 0
    completed: int = 0
    failed: int = 0


@dataclass(slots=True)
class BridgeContext:
    """One Bridge at work.

    Attributes:
        bridge: namespace and name.
        spec: as it is now.
        client: to the API server.
        connection: to the orchestrator.
        open_runs: of all Bridges, by key.
        clock: aware UTC.
        totals: counted on.
    """

    bridge: Key
    spec: BridgeSpec
    client: Client
    connection: OrchestratorConnection
    open_runs: OpenRuns
    clock: Callable[[], datetime]
    totals: Totals = field(default_factory=Totals)

    def third_of_lease(self, lease_seconds: float | None) -> float:
        """Seconds after which a claim is extended; a little less each time, so that many don't come at once.

        Args:
            lease_seconds: what the orchestrator says of this claim; None when it lasts as long as was asked for.
        """
        lasts = min(self.spec.lease_seconds, lease_seconds or self.spec.lease_seconds)
        return lasts / 3 * random.uniform(0.8, 1.0)  # noqa: S311 - no secret

    def count_claim(self, outcome: str) -> None:
        """Count a task that was handed out: created, adopted, refused or gone."""
        metrics.BRIDGE_CLAIMS.labels(*self.bridge, outcome).inc()
        self.totals.claimed += outcome in ("created", "refused")

    def count_report(self, outcome: str, finished_at: datetime | None = None) -> None:
        """Count a report that is done: completed, failed, in_progress or dropped."""
        metrics.BRIDGE_REPORTS.labels(*self.bridge, outcome).inc()
        self.totals.completed += outcome == "completed"
        self.totals.failed += outcome == "failed"
        if finished_at is not None:
            delay = (self.clock() - finished_at).total_seconds()
            metrics.BRIDGE_REPORT_DELAY.labels(*self.bridge).observe(max(0.0, delay))

    def count_extension(self, outcome: str) -> None:
        """Count an extension: extended, gone or failed."""
        metrics.BRIDGE_EXTENSIONS.labels(*self.bridge, outcome).inc()


async def wait_until(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait for an event at most so long (None: for ever); says whether it came, and clears it."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True
