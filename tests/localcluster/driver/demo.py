"""The demonstration: applies ``examples/`` and shows three runs to their end."""

import shutil
import time
from dataclasses import dataclass

from .clusters import Cluster
from .errors import LocalClusterError
from .kubectl import PATIENCE_SECONDS, Kubectl
from .progress import announce, step

# Every run of the examples, what it shows, and how it must end.
RUNS = {
    "greeting": ("takes variables from a ConfigMap and from the run", "Succeeded"),
    "retry": ("fails once and is tried again, 10 s later", "Succeeded"),
    "timeout": ("never ends by itself and has 5 s", "Failed"),
}
ENDED = ("Succeeded", "Failed", "Canceled")
WATCHED = r'jsonpath={.metadata.name}|{.status.phase}|{.status.reason}|{.status.attempts[*].number}{"\n"}'

NEXT = """\
Where to go next:
  export KUBECONFIG=$(make kubeconfig)
  {scriptrun} run greeting.py --var salutation=Hi --var name=you --follow
  {scriptrun} list
  {scriptrun} logs retry
  {kubectl} explain scriptrun.spec
  {kubectl} -n scriptrun-system port-forward service/scriptrun-api 8080:80
                     the REST API, with its reference on http://localhost:8080/docs; docs/api.md says how to call it
  docs/index.md      every kind and field, contracts of scripts, security, operations
  make down          removes the cluster and all it left
"""


@dataclass(frozen=True)
class Sight:
    """A run as one watch event shows it."""

    name: str
    phase: str
    reason: str
    attempts: int

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the run."""
        return self.phase in ENDED


def parse_sight(line: str) -> Sight | None:
    """Reads one line of the watch; None for a line that is not about a run of the examples."""
    name, _, rest = line.strip().partition("|")
    if name not in RUNS:
        return None
    phase, reason, numbers = rest.split("|")
    return Sight(name, phase, reason, len(numbers.split()))


def render_sight(sight: Sight, elapsed_seconds: float) -> str:
    """Renders a change: when, which run, what it is now."""
    attempts = f", {sight.attempts} attempts" if sight.attempts > 1 else ""
    reason = f" ({sight.reason}{attempts})" if sight.reason else ""
    return f"{elapsed_seconds:7.1f} s  {sight.name:<10}{sight.phase}{reason}"


def show(cluster: Cluster) -> None:
    """Runs the demonstration.

    Raises:
        LocalClusterError: When a run does not end as it should.
    """
    kubectl = Kubectl(cluster)
    kubectl.quiet("delete", "scriptruns", *RUNS, "--ignore-not-found")
    kubectl.show("apply", "--filename", "examples")
    print("Three runs are on their way:")
    for name, (what, _) in RUNS.items():
        print(f"  {name:<10}{what}")
    print(flush=True)
    with step("Watching the runs"):
        ends = _watch(kubectl)
    print(flush=True)
    kubectl.show("get", "scriptruns", *RUNS)
    kubectl.show("get", "scriptrun", "greeting", "--output", "jsonpath={.status.output}")
    kubectl.show("get", "scriptrun", "timeout", "--output", "jsonpath={.status.message}")
    _check(ends)
    print(
        NEXT.format(
            scriptrun=".venv/bin/scriptrun", kubectl="kubectl" if shutil.which("kubectl") else cluster.kubectl()
        ),
        end="",
    )


def _check(ends: dict[str, Sight]) -> None:
    for name, (_, wanted) in RUNS.items():
        end = ends.get(name)
        if end is None or end.phase != wanted:
            seen = f"{end.phase} ({end.reason})" if end else f"nothing within {PATIENCE_SECONDS:.0f} s"
            raise LocalClusterError(
                f"Run {name} should have ended {wanted}, but: {seen}. "
                f"See `kubectl describe scriptrun {name}` and the operator's logs in namespace scriptrun-system."
            )


def _watch(kubectl: Kubectl) -> dict[str, Sight]:
    """Prints every change until all runs have ended; returns how they ended."""
    started = time.monotonic()
    shown: dict[str, str] = {}
    ends: dict[str, Sight] = {}
    with kubectl.lines("get", "scriptruns", "--watch", "--output", WATCHED) as lines:
        for sight in filter(None, map(parse_sight, lines)):
            text = render_sight(sight, time.monotonic() - started)
            if sight.phase and shown.get(sight.name) != text[10:]:
                shown[sight.name] = text[10:]
                announce(text)
            if sight.ended:
                ends[sight.name] = sight
            if len(ends) == len(RUNS):
                break
    return ends
