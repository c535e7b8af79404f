"""Where things live and which addresses are used: the one place that reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KUBERNETES_VERSION = "1.35.4"
NODE_NAME = "scriptrun-local"
BRIDGE = "scriptrun0"
NFT_TABLE = "scriptrun-local"

# Ranges that few networks use; nothing outside this machine ever sees them.
POD_CIDR = "10.231.0.0/16"
SERVICE_CIDR = "10.232.0.0/16"
KUBERNETES_SERVICE_IP = "10.232.0.1"
# The bridge's own address. Node, API server and kubelet listen here and not on an outside interface:
# a node address may not be loopback, and pods can reach this one.
NODE_IP = "10.231.0.1"

API_PORT = 16443
ETCD_PORT = 12379
ETCD_PEER_PORT = 12380
CONTROLLER_MANAGER_PORT = 11257
SCHEDULER_PORT = 11259
KUBELET_HEALTH_PORT = 11248
PROXY_HEALTH_PORT = 11256
PROXY_METRICS_PORT = 11249

IMAGE_VARIABLES = {"operator": "SCRIPTRUN_OPERATOR_IMAGE", "runner": "SCRIPTRUN_RUNNER_IMAGE"}
API_URL = f"https://{NODE_IP}:{API_PORT}"

ROOT = Path(__file__).resolve().parents[3]
MODULE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Settings:
    """Folders of one machine's cluster.

    Attributes:
        state: Everything the running cluster writes; gone after ``down``. Kept short, because it holds unix sockets.
        cache: Binaries, base file systems and images, kept between runs and outside the source tree.
        given_kubeconfig: A cluster somebody else runs, or None.
        images: Names of images a given cluster pulls, by short name (``operator``, ``runner``).
        debian_mirror: Where the base of locally built images comes from.
        host_address: This machine's address as pods of a given cluster reach it.
    """

    state: Path
    cache: Path
    given_kubeconfig: Path | None = None
    images: Mapping[str, str] = field(default_factory=dict)
    debian_mirror: str = ""
    host_address: str = ""

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig of the local cluster."""
        return self.state / "kubeconfig"

    @property
    def logs(self) -> Path:
        """One log file per component, and the API server's audit log."""
        return self.state / "log"

    @property
    def pki(self) -> Path:
        """Keys and certificates, made anew for every cluster."""
        return self.state / "pki"

    @property
    def containerd_socket(self) -> Path:
        """The container runtime's socket."""
        return self.state / "containerd.sock"


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads the variables that move things elsewhere.

    ``SCRIPTRUN_LOCALCLUSTER_STATE`` and ``SCRIPTRUN_CACHE`` name folders, ``SCRIPTRUN_KUBECONFIG`` a cluster to use
    as it is (with ``SCRIPTRUN_OPERATOR_IMAGE`` and ``SCRIPTRUN_RUNNER_IMAGE``), ``SCRIPTRUN_DEBIAN_MIRROR`` a mirror,
    and ``SCRIPTRUN_HOST_ADDRESS`` this machine as that cluster's pods reach it.
    """
    home = Path(environ.get("HOME") or Path.home())
    user_cache = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    given = environ.get("SCRIPTRUN_KUBECONFIG")
    return Settings(
        state=Path(environ.get("SCRIPTRUN_LOCALCLUSTER_STATE") or "/var/lib/scriptrun").absolute(),
        cache=Path(environ.get("SCRIPTRUN_CACHE") or user_cache / "scriptrun").absolute(),
        given_kubeconfig=Path(given).absolute() if given else None,
        images={name: environ[key] for name, key in IMAGE_VARIABLES.items() if environ.get(key)},
        debian_mirror=environ.get("SCRIPTRUN_DEBIAN_MIRROR", ""),
        host_address=environ.get("SCRIPTRUN_HOST_ADDRESS", ""),
    )
