"""Probes processes as the kubelet would, restarts them when it would, and reads the lag of their event loops."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from clusterlab.process import OperatorProcess

LAG = "scriptrun_event_loop_lag_seconds"
_EVERY_SECONDS = 1.0
_ANSWER_SECONDS = 5.0  # timeoutSeconds of the chart's probes
_FAILURES = 3  # their failureThreshold

Buckets = Mapping[float, float]
"""Of a histogram: cumulative counts by upper bound."""


@dataclass
class Watched:
    """A process that is probed.

    Attributes:
        process: The process.
        url: Where it serves health and metrics.
        restarts: The reason of each restart.
        before: Its lag when the watchdog or the process was started.
        after: Its lag at the end.
        failures: How many probes in a row have failed.
        started: Whether it has answered since its last start; failures count only then.
    """

    process: OperatorProcess
    url: str
    restarts: list[str] = field(default_factory=list)
    before: Buckets = field(default_factory=dict)
    after: Buckets = field(default_factory=dict)
    failures: int = 0
    started: bool = True

    @property
    def name(self) -> str:
        """Its command."""
        return self.process.command

    @property
    def lag(self) -> Buckets:
        """Its lag between both."""
        return {limit: count - self.before.get(limit, 0.0) for limit, count in self.after.items()}


class Watchdog:
    """Probes each process every second while it is entered.

    Attributes:
        watched: The processes.
    """

    def __init__(self, watched: Sequence[Watched]) -> None:
        self.watched = tuple(watched)
        self._over = threading.Event()
        self._http = urllib3.PoolManager(maxsize=8, retries=False)
        self._thread = threading.Thread(target=self._watch, name="watchdog")

    def __enter__(self) -> Self:
        for item in self.watched:
            item.before = self.read_lag(item)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for item in self.watched:
            item.after = self.read_lag(item)

    @property
    def restarts(self) -> list[str]:
        """The reasons of all restarts."""
        return [f"{item.name}: {why}" for item in self.watched for why in item.restarts]

    def read_lag(self, item: Watched) -> Buckets:
        """Read the histogram of a process's event loop lag; empty if it does not answer."""
        try:
            text = self._http.request("GET", f"{item.url}/metrics", timeout=_ANSWER_SECONDS).data.decode()
        except urllib3.exceptions.HTTPError:
            return {}
        return parse_buckets(text, LAG)

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            for item in self.watched:
                if why := self._examine(item):
                    self._restart(item, why)

    def _examine(self, item: Watched) -> str:
        """Say why a process needs a restart; "" if it does not."""
        if not item.process.running:
            return f"it ended:\n{item.process.tail()}"
        try:
            answer = self._http.request("GET", f"{item.url}/healthz", timeout=_ANSWER_SECONDS)
            problem = "" if answer.status == 200 else f"it answers {answer.status} {answer.data.decode()}"
        except urllib3.exceptions.HTTPError as error:
            problem = f"it does not answer ({type(error).__name__})"
        item.started = item.started or not problem
        item.failures = item.failures + 1 if problem and item.started else 0
        return problem if item.failures >= _FAILURES else ""

    def _restart(self, item: Watched, why: str) -> None:
        item.restarts.append(f"{time.strftime('%H:%M:%S')} {why}")
        if item.process.running:
            item.process.kill()
        item.process.start()
        item.failures, item.started, item.before = 0, False, {}


def parse_buckets(text: str, name: str) -> dict[float, float]:
    """Read the buckets of a histogram from a page of metrics, summed over its labels."""
    buckets: dict[float, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples if family.name == name else ():
            if sample.name.endswith("_bucket"):
                limit = float(sample.labels["le"])
                buckets[limit] = buckets.get(limit, 0.0) + sample.value
    return buckets


def find_quantile(buckets: Buckets, share: float) -> float:
    """Estimate a quantile as Prometheus does, by linear interpolation within a bucket."""
    limits = sorted(buckets)
    if not limits or not buckets[limits[-1]]:
        return 0.0
    rank, lower, below = share * buckets[limits[-1]], 0.0, 0.0
    for limit in limits:
        count = buckets[limit]
        if count >= rank:
            return lower if limit == float("inf") else lower + (limit - lower) * (rank - below) / (count - below)
        lower, below = limit, count
    return lower
