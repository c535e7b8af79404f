"""Up, down and status of the local cluster."""

import os
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from . import controlplane, node
from .api import Api, wait_until
from .cleanup import MARKER, remove_everything
from .errors import LocalClusterError
from .gobuild import KUBE, PAUSE, compute_key, compute_program_key, ensure_program
from .locks import locked
from .network import MASQUERADE, create_network
from .oci import import_pause_image
from .packages import CLUSTER_PACKAGES, ensure_packages
from .pki import ADMIN, create_pki, write_kubeconfig
from .processes import Processes
from .progress import say, step
from .settings import KUBERNETES_VERSION, NODE_NAME, Settings
from .shell import succeeds

COMPONENTS = ("etcd", "apiserver", "controller-manager", "scheduler", "containerd", "kubelet", "proxy")
# Nothing is restarted by something that still runs.
STOP_ORDER = (("kubelet", "controller-manager", "scheduler", "proxy"), ("apiserver", "containerd"), ("etcd",))

API_SECONDS = 60.0
NODE_SECONDS = 90.0
UNHEALTHY_SECONDS = 30.0


@dataclass(frozen=True)
class Status:
    """What can be seen of the cluster.

    Attributes:
        running: Components whose process runs.
        serving: The API server answers and the node takes pods.
        current: It was started with the settings this driver would use.
    """

    running: tuple[str, ...]
    serving: bool
    current: bool

    @property
    def up(self) -> bool:
        """Whether the cluster can be used as it is."""
        return self.serving and self.current and len(self.running) == len(COMPONENTS)


def own_cluster(settings: Settings) -> AbstractContextManager[None]:
    """Lets one driver at a time change the cluster; others wait."""
    return locked(settings.cache / "localcluster.lock")


def observe(settings: Settings) -> Status:
    """Looks at processes, API server and node."""
    processes = Processes(settings)
    running = tuple(name for name in COMPONENTS if processes.is_running(name))
    current = _read_fingerprint(settings) == compute_fingerprint(settings)
    if "apiserver" not in running or not settings.kubeconfig.exists():
        return Status(running, serving=False, current=current)
    api = Api(settings)
    return Status(running, serving=api.is_ready() and api.is_node_ready(), current=current)


def up(settings: Settings) -> None:
    """Makes sure the cluster runs. A dead, half-dead or outdated one is cleared away first."""
    _require_root()
    status = _observe_patiently(settings)
    if status.up:
        return
    ensure_packages(settings, CLUSTER_PACKAGES)
    kube = ensure_program(settings, KUBE)
    pause = ensure_program(settings, PAUSE)
    if settings.state.exists() and any(settings.state.iterdir()):
        say(f"Clearing away a cluster that {_describe(status)}.")
    _clear(settings)
    try:
        with step(f"Starting Kubernetes {KUBERNETES_VERSION}"):
            _start(settings, kube, pause)
    except LocalClusterError as error:
        raise LocalClusterError(
            f"{error}\nThe components' logs are in {settings.logs}. `make down` clears everything away; then try again."
        ) from error


def down(settings: Settings) -> None:
    """Stops the cluster and removes every trace of it. Caches stay."""
    _require_root()
    if not settings.state.exists():
        return
    with step("Removing the local cluster"):
        _clear(settings)


def compute_fingerprint(settings: Settings) -> str:
    """Names the exact cluster this driver would start: binary, flags and files."""
    parts = [compute_program_key(KUBE), MASQUERADE, *(" ".join(argv) for argv in _build_commands(settings).values())]
    # Name servers come and go with the network a laptop is in; that is no reason for a new cluster.
    parts += _render_files(settings, node.Resolver(Path("/etc/resolv.conf"), ())).values()
    return compute_key(part.encode() for part in parts)


def _observe_patiently(settings: Settings) -> Status:
    """A busy machine may answer late: gives a cluster whose processes all run some time before it counts as dead."""
    deadline = time.monotonic() + UNHEALTHY_SECONDS
    while True:
        status = observe(settings)
        whole = len(status.running) == len(COMPONENTS) and status.current
        if status.serving or not whole or time.monotonic() > deadline:
            return status
        time.sleep(0.5)


def _describe(status: Status) -> str:
    if not status.running:
        return "no longer runs"
    if len(status.running) < len(COMPONENTS):
        return f"runs only in part (without {', '.join(sorted(set(COMPONENTS) - set(status.running)))})"
    return "was started with other settings" if not status.current else "does not answer"


def _start(settings: Settings, kube: Path, pause: Path) -> None:
    settings.state.mkdir(parents=True, exist_ok=True)
    (settings.state / MARKER).touch()
    settings.logs.mkdir()
    create_pki(settings)
    write_kubeconfig(settings, ADMIN, settings.kubeconfig)
    for name, text in _render_files(settings, node.find_resolver()).items():
        path = settings.state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    create_network(settings)
    processes = Processes(settings)

    def start(name: str) -> None:
        program: list[str | Path] = [] if name == "containerd" else [kube]
        processes.start(name, [*program, *_build_commands(settings)[name]])

    def alive() -> bool:
        return all(processes.is_running(name) for name in COMPONENTS if processes.recall(name))

    for name in ("etcd", "apiserver", "containerd"):
        start(name)
    import_pause_image(settings, pause, alive)
    api = Api(settings)
    wait_until("the API server to be ready", api.is_ready, alive, API_SECONDS)
    for name in ("controller-manager", "scheduler", "kubelet", "proxy"):
        start(name)
    wait_until(f"node {NODE_NAME} to be Ready", api.is_node_ready, alive, NODE_SECONDS)
    wait_until("the controllers to prepare namespace default", api.can_start_pods, alive, NODE_SECONDS)
    (settings.state / "fingerprint").write_text(compute_fingerprint(settings))


def _clear(settings: Settings) -> None:
    processes = Processes(settings)
    for names in STOP_ORDER:
        processes.stop(names)
    remove_everything(settings)


def _build_commands(settings: Settings) -> dict[str, list[str]]:
    return {
        "etcd": controlplane.build_etcd_args(settings),
        "apiserver": controlplane.build_apiserver_args(settings),
        "controller-manager": controlplane.build_controller_manager_args(settings),
        "scheduler": controlplane.build_scheduler_args(settings),
        "containerd": node.build_containerd_args(settings),
        "kubelet": node.build_kubelet_args(settings),
        "proxy": node.build_proxy_args(settings),
    }


def _render_files(settings: Settings, resolver: node.Resolver) -> dict[str, str]:
    return {
        "audit-policy.yaml": controlplane.AUDIT_POLICY,
        "scheduler.yaml": controlplane.render_scheduler_config(settings),
        "containerd.toml": node.render_containerd_config(settings),
        "kubelet.yaml": node.render_kubelet_config(settings, resolver),
        "cni/net.d/10-scriptrun.conflist": node.render_cni_config(settings),
    }


def _read_fingerprint(settings: Settings) -> str:
    try:
        return (settings.state / "fingerprint").read_text()
    except OSError:
        return ""


def _require_root() -> None:
    if os.geteuid() != 0 and not succeeds("test", "-w", "/proc/sys/net/ipv4/ip_forward"):
        raise LocalClusterError(
            "The local cluster needs root. Run the command with sudo, start a Docker engine (then kind is used), "
            "or set SCRIPTRUN_KUBECONFIG to a cluster you already have."
        )
