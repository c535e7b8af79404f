"""A thousand tasks at once on a stand-in: how fast a bridge claims, what holding costs, how soon it reports."""

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import quantiles

from bench.figures import Figure, Report
from bench.pace import go_on, read_line, run_standin, write_kubeconfig
from bench.procfs import read_cpu_seconds, read_rss_mib
from clusterlab.process import BridgeProcess

_SETTINGS = {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0", "LOG_FORMAT": "json", "LEASE_NAMESPACE": "bench"}


async def measure(quick: bool) -> Report:
    """Measure."""
    return await asyncio.to_thread(_measure, 200 if quick else 1000, 10.0 if quick else 60.0)


def _measure(jobs: int, hold_seconds: float) -> Report:
    with tempfile.TemporaryDirectory(prefix="scriptrun-bench-") as name:
        folder = Path(name)
        with run_standin(folder, "bench.standin.bridging", [str(jobs)]) as standin:
            bridge = BridgeProcess(write_kubeconfig(folder, read_line(standin)["port"]), _SETTINGS).start_and_serve()
            time.sleep(2)  # a first poll is under way
            started = read_cpu_seconds(bridge.pid)
            go_on(standin)
            claimed = read_line(standin)
            claiming = read_cpu_seconds(bridge.pid)
            time.sleep(hold_seconds)
            held, rss = read_cpu_seconds(bridge.pid), read_rss_mib(bridge.pid)
            go_on(standin)
            reported = read_line(standin)
            done = read_cpu_seconds(bridge.pid)
            bridge.stop(45)
            go_on(standin)
    delays = quantiles(reported["delays"], n=100)
    share = (held - claiming) / hold_seconds
    return Report(
        "bridge",
        [
            Figure(
                "claims_per_second", jobs / claimed["claimSeconds"], f"{jobs:,} tasks handed out at once → their runs"
            ),
            Figure("seconds_per_claim", claimed["claimSeconds"] / jobs, "the same, of one task", "s", 1 / 200),
            Figure("cpu_seconds_per_claim", (claiming - started) / jobs, "CPU of the bridge for a claim", "s"),
            Figure("lease_cpu", share, f"cores that the bridge uses with {jobs:,} tasks under lease (60 s)", "", 0.25),
            Figure("lease_rss_mib", rss, f"memory of the bridge with {jobs:,} open runs", "MiB", 200),
            Figure("report_p50_seconds", delays[49], "run's end there → reported, 50 ends a second", "s"),
            Figure("report_p99_seconds", delays[98], "the same, 99th percentile", "s", 0.5),
            Figure("cpu_seconds_per_report", (done - held) / jobs, "CPU of the bridge for a report", "s"),
        ],
        {
            "tasks": jobs,
            "claimSeconds": claimed["claimSeconds"],
            "extensions": reported["extensions"],
            "holdSeconds": hold_seconds,
        },
    )
