"""The command line of the fault suite."""

import argparse
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from helm import ROOT
from peers.faults.orchestrators import ConductorSide, Orchestrator, ZeebeSide
from peers.faults.record import DOCUMENT, read_document, show_results, write_page, write_result
from peers.faults.suite import run_suite
from peers.faults.world import Site, open_site
from peers.servers.conductor import Conductor
from peers.servers.zeebe import Zeebe

TASKS = 200
STORM_SECONDS = 200.0

console = Console(stderr=True)


def _open_zeebe(folder: Path, stack: ExitStack) -> Orchestrator:
    return ZeebeSide(stack.enter_context(Zeebe(folder)), "faults")


def _open_conductor(folder: Path, stack: ExitStack) -> Orchestrator:
    return ConductorSide(stack.enter_context(Conductor(folder)), "faults")


ORCHESTRATORS: dict[str, Callable[[Path, ExitStack], Orchestrator]] = {
    "zeebe": _open_zeebe,
    "conductor": _open_conductor,
}


def main() -> None:
    """Run what was asked for; exit code 1 when anything was lost, done twice, or left behind."""
    arguments = _build_parser().parse_args()
    if arguments.docs:
        write_page(read_document())
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if unknown := set(arguments.names) - ORCHESTRATORS.keys():
        sys.exit(f"error: no orchestrator {', '.join(sorted(unknown))}: choose of {', '.join(ORCHESTRATORS)}")
    kubeconfig = os.environ.get("SCRIPTRUN_KUBECONFIG")
    if not kubeconfig:
        sys.exit("error: set SCRIPTRUN_KUBECONFIG to a cluster's kubeconfig, or use `make faults`")
    with open_site(Path(kubeconfig), os.environ.get("SCRIPTRUN_RUNNER_IMAGE", "")) as site:
        bad = [name for name in arguments.names or ORCHESTRATORS if not _run(site, name, arguments)]
    output = Console()
    show_results(read_document(), output)
    output.print(f"All of it, with the seeds to run it again: {DOCUMENT.relative_to(ROOT)}")
    if bad:
        sys.exit(f"faults were not survived: {', '.join(bad)}")


def _run(site: Site, name: str, arguments: argparse.Namespace) -> bool:
    """Run one orchestrator's part and keep it; says whether nothing is wrong."""
    seed = random.SystemRandom().randrange(1_000_000) if arguments.seed is None else arguments.seed
    console.print(f"{name}: {arguments.tasks} tasks, seed {seed} …")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        orchestrator = ORCHESTRATORS[name](Path(folder), stack)
        result = run_suite(site, orchestrator, arguments.tasks, arguments.seconds, seed)
    write_result(name, result)
    for kind, texts in vars(result.findings).items():
        for text in texts:
            console.print(f"  {kind}: {text}", markup=False, highlight=False)
    console.print(f"{name}: done in {result.seconds:.0f} s")
    return not result.findings


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python tests/peers/faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ORCHESTRATORS)}; default: all")
    parser.add_argument("--tasks", type=int, default=TASKS, help=f"how many, of each orchestrator; default {TASKS}")
    parser.add_argument(
        "--seconds",
        type=float,
        default=STORM_SECONDS,
        help=f"how long something is killed each second on average; default {STORM_SECONDS:g}",
    )
    parser.add_argument("--seed", type=int, help="of the dice, to run the same again; default: drawn, and printed")
    parser.add_argument(
        "--docs", action="store_true", help="write build/faults.json into docs/guarantees.md, run nothing"
    )
    return parser
