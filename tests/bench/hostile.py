"""The corpus of hostile input, fed to operator, bridge and API: what do tiny runs beside it notice?"""

import asyncio
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from statistics import quantiles

from bench.figures import Figure, Report
from bench.site import Site
from hostile.canary import Song
from hostile.corpus import CORPUS
from hostile.corpus.case import Case
from hostile.feed import Feeding, Finding, judge
from hostile.lab import Lab, Peers, open_lab
from hostile.watchdog import Watched, find_quantile
from peers.servers.conductor import Conductor
from peers.servers.zeebe import Zeebe

_QUICK_STEP = 8


async def measure(site: Site, quick: bool) -> Report:
    """Measure; in short, with every eighth input."""
    return await asyncio.to_thread(_measure, site, CORPUS[::_QUICK_STEP] if quick else CORPUS)


def _measure(site: Site, cases: Sequence[Case]) -> Report:
    with tempfile.TemporaryDirectory(prefix="scriptrun-bench-") as name:
        folder = Path(name)
        with Zeebe(folder / "zeebe") as zeebe, Conductor(folder / "conductor") as conductor:
            with open_lab(site.kubeconfig, site.image, Peers(zeebe, conductor)) as lab:
                wrong = _feed_all(lab, cases)
            return _report(lab, len(cases), wrong)


def _feed_all(lab: Lab, cases: Sequence[Case]) -> list[str]:
    """Feed them; returns what is wrong with their ends."""
    with Feeding(lab, cases) as feeding:
        return [wrong for case in cases if (wrong := _judge(case, feeding.findings[case.name]))]


def _judge(case: Case, finding: "Future[Finding]") -> str:
    try:
        return judge(case, finding.result())
    except Exception as error:
        return f"{case.name}: {type(error).__name__}: {error}"


def _report(lab: Lab, inputs: int, wrong: list[str]) -> Report:
    songs, watched = lab.canaries.songs, lab.watchdog.watched
    p50, p99 = _find_percentiles(songs)
    return Report(
        "hostile",
        [
            Figure(
                "canary_p99_seconds", p99, "a tiny run every second beside hostile input: asked for → output", "s", 2
            ),
            Figure("canary_p50_seconds", p50, "the same, median", "s"),
            Figure("canaries", len(songs), "how many there were"),
            Figure("canaries_lost", len(lab.canaries.lost), "how many did not come through", limit=0),
            Figure(
                "loop_lag_p99_ms",
                max(_find_lag(item) for item in watched),
                "delay of an event loop, p99, of operator, bridge or API, whichever is larger",
                "ms",
                50,
            ),
            Figure("inputs", inputs, "hostile inputs"),
            Figure("wrong_ends", len(wrong), "how many came to another end than the right one", limit=0),
            Figure(
                "restarts", len(lab.watchdog.restarts), "processes that ended or were ended by their probe", limit=0
            ),
        ],
        {
            "waysP50P99Seconds": {
                way: _find_percentiles([song for song in songs if song.way == way])
                for way in sorted({song.way for song in songs})
            },
            "lagP99Ms": {item.name: _find_lag(item) for item in watched},
            "lost": [song.lost for song in lab.canaries.lost],
            "wrong": wrong,
            "restarts": lab.watchdog.restarts,
        },
    )


def _find_lag(item: Watched) -> float:
    return find_quantile(item.lag, 0.99) * 1000


def _find_percentiles(songs: Sequence[Song]) -> tuple[float, float]:
    cuts = quantiles([song.seconds for song in songs], n=100, method="inclusive")
    return round(cuts[49], 3), round(cuts[98], 3)
