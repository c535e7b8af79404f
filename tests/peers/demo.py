"""``python3 tests/peers/demo.py``: a process of Zeebe and a workflow of Conductor whose tasks are scripts.

Applies ``examples/gitops`` and ``examples/bridges`` to the cluster, where the chart with its bridge is; the two servers
are processes of this machine, for as long as it takes.
"""

import json
import re
import shlex
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from localcluster.driver.clusters import choose_cluster
from localcluster.driver.errors import LocalClusterError
from localcluster.driver.kubectl import PATIENCE_SECONDS, Kubectl
from localcluster.driver.progress import announce, say, step
from localcluster.driver.settings import ROOT, read_settings
from peers.servers.conductor import Conductor
from peers.servers.zeebe import Zeebe

EXAMPLES = "examples/bridges"
NAME = "welcome"
VARIABLES = {"name": "Ada"}
WANTED = {"greeting": "Hello, Ada!", "words": 2}
# Nobody else's: what is in it is deleted.
NAMESPACE = "scriptrun-demo"
WATCHED = r'jsonpath={.metadata.name}|{.spec.scriptRef.name}|{.spec.task.id}|{.status.phase}|{.status.reason}{"\n"}'
ENDED = ("COMPLETED", "FAILED", "TERMINATED", "TIMED_OUT")
LOOK_SECONDS = 0.2

NEXT = f"""\
Both servers are stopped, and their Bridges deleted. Where to go next:
  {EXAMPLES}/README.md        the same with an orchestrator of your own
  docs/zeebe.md, docs/conductor.md  what each is told, and what is promised
  make down                         removes the cluster and all it left
"""


@dataclass(frozen=True)
class Sight:
    """A run as one watch event shows it."""

    name: str
    script: str
    task: str
    phase: str
    reason: str


def parse_sight(line: str) -> Sight | None:
    """Reads one line of the watch; None for one that is not about a run that began."""
    fields = line.strip().split("|")
    return Sight(*fields) if len(fields) == len(Sight.__annotations__) and fields[3] else None


def render_sight(sight: Sight, elapsed_seconds: float) -> str:
    """Renders a change: when, the task's script, its run, what it is now."""
    reason = f" ({sight.reason})" if sight.reason else ""
    return f"{elapsed_seconds:7.1f} s  {sight.script:<14} task {sight.task}  run {sight.name}  {sight.phase}{reason}"


def point(manifest: str, address: str) -> str:
    """Makes a Bridge's manifest claim from another server."""
    return re.sub(r"(?m)^( +address:) \S+$", rf"\1 {address}", manifest)


def check(engine: str, found: Any, describe: Callable[[], str]) -> None:
    """Raises an error when an orchestrator's result is not what the two scripts give.

    Args:
        engine: Its name.
        found: The result.
        describe: Says how things stand; asked only then.
    """
    if not isinstance(found, dict) or not WANTED.items() <= found.items():
        raise LocalClusterError(
            f"{engine} should have got {json.dumps(WANTED)}, but: {json.dumps(found)}\n{describe()}"
            "More in `kubectl --namespace scriptrun-system logs deployments/scriptrun-bridge`."
        )


def run_process(zeebe: Zeebe) -> Any:
    """Starts an instance of the process; returns its variables when it has completed."""
    return zeebe.run_to_end(NAME, VARIABLES, seconds=PATIENCE_SECONDS)


def run_workflow(conductor: Conductor) -> Any:
    """Starts the workflow; returns its output when it has completed, else what it says of itself."""
    workflow = conductor.start_workflow(NAME, VARIABLES)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (seen := conductor.read_workflow(workflow))["status"] not in ENDED and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return seen["output"] if seen["status"] == "COMPLETED" else f"{seen['status']} {seen.get('reasonForIncompletion')}"


def deploy_process(zeebe: Zeebe) -> None:
    """Hands the process to Zeebe."""
    _show_request("POST", f"{zeebe.address}/v2/deployments", "welcome.bpmn")
    zeebe.deploy("welcome.bpmn", (ROOT / EXAMPLES / "welcome.bpmn").read_text())


def deploy_workflow(conductor: Conductor) -> None:
    """Hands the task definition and the workflow to Conductor."""
    for path, file in (("/metadata/taskdefs", "task.json"), ("/metadata/workflow", "workflow.json")):
        _show_request("POST", f"{conductor.address}/api{path}", file)
        document = json.loads((ROOT / EXAMPLES / file).read_text())
        status, answer = conductor.call("POST", path, [document] if file == "task.json" else document)
        if status != 200:
            raise LocalClusterError(f"Conductor refused {file}: {status} {answer}")


def _show_request(method: str, url: str, file: str) -> None:
    announce(f"{method} {url} ← {EXAMPLES}/{file}")


def show() -> None:
    """Runs the demonstration.

    Raises:
        LocalClusterError: When a result is not what it should be.
    """
    settings = read_settings()
    cluster = choose_cluster(settings)
    kubectl, host = Kubectl(cluster, NAMESPACE), cluster.host_address()
    with tempfile.TemporaryDirectory(prefix="scriptrun-demo-") as folder:
        # Here they are fetched, one after the other, each with its progress.
        zeebe = Zeebe(Path(folder) / "zeebe", settings, host)
        conductor = Conductor(Path(folder) / "conductor", settings, host)
        _clear(kubectl)
        kubectl.show("apply", "--server-side", "--kustomize", "examples/gitops")
        try:
            with step("Starting Zeebe and Conductor"), ThreadPoolExecutor() as pool:
                for starting in (pool.submit(zeebe.start), pool.submit(conductor.start)):
                    starting.result()
            deploy_process(zeebe)
            _show_engine(kubectl, "zeebe", zeebe.address, lambda: run_process(zeebe))
            deploy_workflow(conductor)
            _show_engine(kubectl, "conductor", conductor.address, lambda: run_workflow(conductor))
            # They count now and then, not at each task.
            kubectl.quiet("wait", "--for", "jsonpath={.status.completed}=2", "bridges", "--all", "--timeout", "30s")
            kubectl.show("get", "bridges")
        finally:
            # Before their servers go: a Bridge stays until its runs are reported.
            kubectl.quiet("delete", "bridges", "--all", "--timeout", "30s")
            zeebe.stop()
            conductor.stop()
    announce(NEXT.rstrip())


def _clear(kubectl: Kubectl) -> None:
    """Removes what an earlier demonstration left; runs that nobody reports any more go after one lease."""
    kubectl.quiet("create", "namespace", NAMESPACE)
    kubectl.ask("delete", "scriptruns", "--all", "--wait=false")
    with step("Clearing the namespace"):
        kubectl.ask("delete", "bridges,scriptruns", "--all", "--timeout", f"{PATIENCE_SECONDS:.0f}s")


def _show_engine(kubectl: Kubectl, name: str, address: str, run: Callable[[], Any]) -> None:
    """Shows one orchestrator: its Bridge, the runs that its tasks become, what it says in the end."""
    path = f"{EXAMPLES}/{name}.yaml"
    script = f"s#address: .*#address: {address}#"
    announce(f"$ sed {shlex.quote(script)} {path} | {kubectl.shown} apply --filename -")
    announce(kubectl.ask("apply", "--filename", "-", text=point((ROOT / path).read_text(), address)))
    announce(f"An instance of {NAME} begins with {json.dumps(VARIABLES)}:")
    with ThreadPoolExecutor() as pool, _watching(kubectl, name), step(f"Waiting for {name}"):
        result: Future[Any] = pool.submit(run)
        failure = result.exception()
        found = str(failure) if failure else result.result()
    check(name, found, lambda: kubectl.ask("get", "bridges,scriptruns", "--output", "wide"))
    announce(f"{name.capitalize()} has completed it, with {json.dumps(found)}\n")
    by_age = ("--sort-by", ".metadata.creationTimestamp")
    kubectl.show("get", "scriptruns", "--selector", f"scriptrun.dev/bridge={name}", *by_age)


@contextmanager
def _watching(kubectl: Kubectl, bridge: str) -> Iterator[None]:
    """Prints every change of a Bridge's runs meanwhile."""
    started = time.monotonic()

    def follow(lines: Iterable[str]) -> None:
        shown = set()
        for sight in filter(None, map(parse_sight, lines)):
            if sight not in shown:
                announce(render_sight(sight, time.monotonic() - started))
            shown.add(sight)

    selector = f"scriptrun.dev/bridge={bridge}"
    with kubectl.lines("get", "scriptruns", "--watch", "--selector", selector, "--output", WATCHED) as lines:
        reader = threading.Thread(target=follow, args=[lines])
        reader.start()
        yield
    reader.join()


def main() -> int:
    """Runs the demonstration; returns the exit code."""
    # As Ctrl-C does: servers are stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        show()
    except (LocalClusterError, AssertionError) as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
