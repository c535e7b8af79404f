"""The corpus of hostile input, fed to operator, bridge and API: how much it delays tiny runs beside it."""

import asyncio
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from statistics import quantiles

from bench.figures import Figure, Report
from bench.site import Site
from hostile.canary import Canary
from hostile.corpus import CORPUS
from hostile.corpus.case import Case
from hostile.feed import Feeding, Finding, judge
from hostile.lab import Lab, Peers, open_lab
from hostile.watchdog import Watched, find_quantile
from peers.servers.conductor import Conductor
from peers.servers.zeebe import Zeebe

_QUICK_STEP = 8
_AT_ONCE = 1
"""With three, two cores were at a load average of 7: a delay told as much of the machine as of an input."""
_SLOWEST = 10


async def measure(site: Site, quick: bool) -> Report:
    """Measure; with ``quick`` only every eighth input."""
    return await asyncio.to_thread(_measure, site, CORPUS[::_QUICK_STEP] if quick else CORPUS)


def _measure(site: Site, cases: Sequence[Case]) -> Report:
    with tempfile.TemporaryDirectory(prefix="scriptrun-bench-") as name:
        folder = Path(name)
        with Zeebe(folder / "zeebe") as zeebe, Conductor(folder / "conductor") as conductor:
            with open_lab(site.kubeconfig, site.image, Peers(zeebe, conductor)) as lab:
                wrong = _feed_all(lab, cases)
            return _report(lab, len(cases), wrong)


def _feed_all(lab: Lab, cases: Sequence[Case]) -> list[str]:
    """Feed them; returns what is wrong with their outcomes."""
    with Feeding(lab, cases, at_once=_AT_ONCE) as feeding:
        return [wrong for case in cases if (wrong := _judge(case, feeding.findings[case.name]))]


def _judge(case: Case, finding: "Future[Finding]") -> str:
    try:
        return judge(case, finding.result())
    except Exception as error:
        return f"{case.name}: {type(error).__name__}: {error}"


def _report(lab: Lab, inputs: int, wrong: list[str]) -> Report:
    done, watched = lab.canaries.done, lab.watchdog.watched
    p50, p99 = _find_percentiles(done)
    return Report(
        "hostile",
        [
            Figure("canary_p99_seconds", p99, "a tiny run each second beside hostile input: created → output", "s", 2),
            Figure("canary_p50_seconds", p50, "the same, median", "s"),
            Figure("canaries", len(done), "number of these runs"),
            Figure("canaries_failed", len(lab.canaries.problems), "how many of them failed", limit=0),
            Figure(
                "loop_lag_p99_ms",
                max(_find_lag(item) for item in watched),
                "delay of an event loop, p99: the largest of operator, bridge and API",
                "ms",
                50,
            ),
            Figure("inputs", inputs, "number of hostile inputs"),
            Figure("wrong_outcomes", len(wrong), "inputs with another outcome than expected", limit=0),
            Figure("restarts", len(lab.watchdog.restarts), "processes that ended or failed their probes", limit=0),
        ],
        {
            "canaryP50P99Seconds": {
                origin: _find_percentiles([canary for canary in done if canary.origin == origin])
                for origin in sorted({canary.origin for canary in done})
            },
            "slowestCanaries": [
                [round(canary.started), canary.origin, round(canary.seconds, 2)]
                for canary in sorted(done, key=lambda canary: canary.seconds)[-_SLOWEST:]
            ],
            "lagP99Ms": {item.name: _find_lag(item) for item in watched},
            "failed": lab.canaries.problems,
            "wrong": wrong,
            "restarts": lab.watchdog.restarts,
        },
    )


def _find_lag(item: Watched) -> float:
    return find_quantile(item.lag, 0.99) * 1000


def _find_percentiles(canaries: Sequence[Canary]) -> tuple[float, float]:
    cuts = quantiles([canary.seconds for canary in canaries], n=100, method="inclusive")
    return round(cuts[49], 3), round(cuts[98], 3)
