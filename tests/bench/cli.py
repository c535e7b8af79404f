"""The command line of the benchmarks."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from rich.console import Console

from bench import api, bridge, burst, dependencies, fairness, hostile, latency, scale, writes
from bench.engine.measure import measure as measure_engine
from bench.figures import DOCUMENT, Report, read_quotable, write_reports
from bench.readme import write_readme
from bench.site import Site, open_site
from bench.table import show_reports, write_page
from clusterlab.chart import ensure_runner_image
from helm import ROOT

Measure = Callable[[Site, bool], Awaitable[Report]]

ON_CLUSTER: dict[str, Measure] = {
    "latency": latency.measure,
    "burst": burst.measure,
    "writes": writes.measure,
    "streams": api.measure_streams,
    "engine": measure_engine,
    "fairness": fairness.measure,
    "hostile": hostile.measure,
    "dependencies": dependencies.measure,
}
ALONE: dict[str, Callable[[bool], Awaitable[Report]]] = {
    "scale": scale.measure,
    "bridge": bridge.measure,
    "api": api.measure,
}
"""Those that bring their own cluster, or a stand-in for one."""
NAMES = (*ON_CLUSTER, *ALONE)

console = Console(stderr=True)


def main() -> None:
    """Run what was asked for; exit code 1 when a figure is over its limit."""
    arguments = _build_parser().parse_args()
    if arguments.docs:
        write_page(read_quotable())
        write_readme(read_quotable())
        return
    # As Ctrl-C does, so that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    reports = asyncio.run(_run(arguments.names or NAMES, arguments.quick))
    show_reports(reports, Console())
    print(f"All figures, with what they were computed from: {DOCUMENT.relative_to(ROOT)}")
    if missed := [f"{report.name}.{figure.key}" for report in reports for figure in report.figures if not figure.met]:
        sys.exit(f"over the limit: {', '.join(missed)}")


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python tests/bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="few runs: to try the benchmarks out, not to quote")
    parser.add_argument(
        "--docs", action="store_true", help="write build/bench.json into docs/benchmarks.md and README.md, run nothing"
    )
    return parser


async def _run(names: Sequence[str], quick: bool) -> list[Report]:
    if unknown := set(names) - set(NAMES):
        sys.exit(f"error: no benchmark {', '.join(sorted(unknown))}: choose of {', '.join(NAMES)}")
    reports = []
    with ExitStack() as stack:
        site = stack.enter_context(_open_cluster()) if set(names) & ON_CLUSTER.keys() else None
        for name in names:
            started = time.monotonic()
            with console.status(f"{name} …"):
                reports.append(
                    await (ON_CLUSTER[name](site, quick) if site and name in ON_CLUSTER else ALONE[name](quick))
                )
            write_reports(reports[-1:], quick)
            console.print(f"{name}: done in {time.monotonic() - started:.0f} s")
    return reports


def _open_cluster() -> AbstractContextManager[Site]:
    kubeconfig = os.environ.get("SCRIPTRUN_KUBECONFIG")
    if not kubeconfig:
        sys.exit("error: set SCRIPTRUN_KUBECONFIG to a cluster's kubeconfig, or use `make bench`")
    image = os.environ.get("SCRIPTRUN_RUNNER_IMAGE") or ensure_runner_image()
    return open_site(Path(kubeconfig), {"RUNNER_IMAGE": image})
