"""Operator, bridge and API as processes, a hostile server, and canaries in a namespace of their own."""

import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from clusterlab.apiprocess import API, ApiProcess, Caller, log_in, write_token
from clusterlab.chart import BRIDGE, NAMESPACE, OPERATOR
from clusterlab.pipeline import build_settings, prepare_pipeline
from clusterlab.process import BridgeProcess, OperatorProcess, find_free_port, write_kubeconfig
from clusterlab.space import GROUP, Space, Watches, create_space
from hostile import canary
from hostile.canary import Canaries, RunCanary
from hostile.corpus import CORPUS, requests, tasks
from hostile.corpus.case import RequestCase
from hostile.server import HostileServer, serve_hostile_answers
from hostile.watchdog import Watchdog, Watched
from kubeapi import Api
from peers.servers.bpmn import build_process
from peers.servers.conductor import Conductor
from peers.servers.zeebe import Zeebe

NOWHERE = {"nodeSelector": {"hostile": "nowhere"}, "startDeadlineSeconds": 1}
"""Of a Script whose pods fit no node: an accepted run shows by its Job, and costs no container."""

_SCRIPT_SECONDS = 60
_HASTE = {
    "BODY_SECONDS": "4",
    "HEADER_SECONDS": "4",
    "SCHEDULER_DOWNLOAD_SECONDS": "4",
    "SCHEDULER_TIME_LIMIT_SECONDS": str(_SCRIPT_SECONDS),
}
"""Limits that some cases run into."""


@dataclass(frozen=True)
class Peers:
    """Real orchestrators, started."""

    zeebe: Zeebe
    conductor: Conductor


@dataclass
class Lab:
    """Everything that cases are fed to.

    Attributes:
        space: The namespace of the cases.
        canaries: What runs beside them.
        bridge: The bridge.
        api: The REST API.
        caller: Somebody with the role edit in the hostile namespace.
        server: The hostile server.
        peers: Real orchestrators.
        tokens: API tokens, by the case that each is for.
        watchdog: Probes the processes.
    """

    space: Space
    bridge: OperatorProcess
    api: ApiProcess
    caller: Caller
    server: HostileServer
    peers: Peers
    tokens: Mapping[str, str]
    watchdog: Watchdog
    canaries: Canaries


@contextmanager
def open_lab(kubeconfig: Path, image: str, peers: Peers) -> Iterator[Lab]:
    """Start everything; it works while this is open, and canaries run.

    Args:
        kubeconfig: The administrator's, of a cluster with the chart and none of its processes.
        image: The runner's.
        peers: Real orchestrators.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hostile-")))
        watches = stack.enter_context(Watches.open(kubeconfig))
        server = stack.enter_context(serve_hostile_answers())
        admin = Api.from_kubeconfig(kubeconfig)
        space, canary_space = (stack.enter_context(_open_space(admin, watches)) for _ in range(2))
        _prepare(space, canary_space, peers)
        common = {
            "WATCH_NAMESPACES": f"{space.name},{canary_space.name}",
            "LEADER_ELECTION": "false",
            "LEASE_NAMESPACE": NAMESPACE,
            "HTTP_HOST": "127.0.0.1",
            "LOG_FORMAT": "json",
        }
        watched = [
            _build(kubeconfig, folder, OperatorProcess, OPERATOR, {**common, "RUNNER_IMAGE": image}),
            _build(kubeconfig, folder, BridgeProcess, BRIDGE, common),
        ]
        api = _build_api(kubeconfig, folder, {**common, **_HASTE, **build_settings(space, server.port)})
        tokens = {
            case.name: write_token(api.folder, case.name, space.name, *case.token_scripts)
            for case in CORPUS
            if isinstance(case, RequestCase) and case.token_scripts
        }
        watched.append(Watched(api, api.url))
        stack.callback(_stop, [item.process for item in watched])
        watched[0].process.start_and_lead()
        watched[1].process.start_and_serve()
        api.start_and_serve()
        caller = Caller(api.url, space.name, log_in(space, "edit"))
        watchdog = stack.enter_context(Watchdog(watched))
        origins = _build_origins(canary_space, api, peers)
        canaries = stack.enter_context(Canaries(origins))
        yield Lab(space, watched[1].process, api, caller, server, peers, tokens, watchdog, canaries)


def _build_origins(space: Space, api: ApiProcess, peers: Peers) -> dict[str, RunCanary]:
    return {
        "kubernetes": canary.by_kubernetes(space),
        "rest": canary.by_rest(Caller(api.url, space.name, log_in(space, "edit"))),
        "zeebe": canary.by_zeebe(peers.zeebe, space.name),
    }


def _prepare(space: Space, canary_space: Space, peers: Peers) -> None:
    """Create what cases and canaries need."""
    prepare_pipeline(space, activeDeadlineSeconds=_SCRIPT_SECONDS)
    space.add_script(requests.SCRIPT, "pass", handler="python", **NOWHERE)
    schema = {"properties": {"s": {"type": "string", "pattern": "^(a+)+$"}}}
    space.add_script(tasks.SCRIPT, "pass", handler="python", variablesSchema=schema, **NOWHERE)
    canary_space.add_script(canary.SCRIPT, canary.SOURCE)
    peers.zeebe.deploy("canary.bpmn", build_process(canary_space.name, canary_space.name, {"script": canary.SCRIPT}))
    where = {"address": peers.zeebe.address, "taskType": canary_space.name, "fetchVariables": ["id"]}
    body = {"apiVersion": GROUP, "kind": "Bridge", "metadata": {"name": "canary"}, "spec": {"zeebe": where}}
    canary_space.create(canary_space.path("bridges", group=GROUP), body)


@contextmanager
def _open_space(admin: Api, watches: Watches) -> Iterator[Space]:
    """Create a namespace; afterwards delete it, with what only a bridge would release."""
    space = create_space(admin, watches)
    try:
        yield space
    finally:
        for path in (space.path("bridges", group=GROUP), space.run_path()):
            for item in admin.get(path).body["items"]:
                if item["metadata"].get("finalizers"):
                    admin.patch(f"{path}/{item['metadata']['name']}", {"metadata": {"finalizers": None}})
        admin.delete(f"/api/v1/namespaces/{space.name}")


def _build(
    kubeconfig: Path,
    folder: Path,
    kind: type[OperatorProcess],
    account: tuple[str, str],
    settings: Mapping[str, str],
) -> Watched:
    port = find_free_port()
    path = write_kubeconfig(kubeconfig, account, folder / f"{kind.command}.kubeconfig")
    return Watched(kind(path, {**settings, "HTTP_PORT": str(port)}), f"http://127.0.0.1:{port}")


def _build_api(kubeconfig: Path, folder: Path, settings: dict[str, str]) -> ApiProcess:
    own = folder / "api"
    own.mkdir()
    url = settings["HISTORY_URL"].replace("FOLDER", str(folder))
    path = write_kubeconfig(kubeconfig, API, folder / "api.kubeconfig")
    return ApiProcess(path, {**settings, "TOKENS_DIR": str(own), "HISTORY_URL": url}, own)


def _stop(processes: list[OperatorProcess]) -> None:
    """Stop them all at once: the bridge waits for its polls, the API for its requests."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda process: process.stop(45), [process for process in processes if process.running]))
