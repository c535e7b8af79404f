"""Command lines and files of the container runtime, the pod network, the kubelet and kube-proxy."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .settings import (
    BRIDGE,
    KUBELET_HEALTH_PORT,
    NODE_IP,
    NODE_NAME,
    POD_CIDR,
    PROXY_HEALTH_PORT,
    PROXY_METRICS_PORT,
    Settings,
)

PAUSE_IMAGE = "scriptrun.dev/pause:1"
MAX_PODS = 250
RESOLV_CONFS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))


def render_containerd_config(settings: Settings) -> str:
    """containerd 1.6 with everything it writes inside the state folder."""
    return f"""\
version = 2
root = "{settings.state}/containerd"
state = "{settings.state}/run"
disabled_plugins = ["io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
address = "{settings.containerd_socket}"

[plugins."io.containerd.internal.v1.opt"]
path = "{settings.state}/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
stream_server_address = "127.0.0.1"
disable_tcp_service = true
# A container or a small virtual machine often lacks CAP_SYS_RESOURCE; without this line every sandbox dies there.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{settings.state}/cni/net.d"

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
Root = "{settings.state}/runc"
"""


def render_cni_config(settings: Settings) -> str:
    """Pods hang on one bridge. Masquerading is done by our own nftables table, which goes in one piece."""
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": f"{settings.state}/cni/ipam",
            "ranges": [[{"subnet": POD_CIDR}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return json.dumps({"cniVersion": "0.4.0", "name": "scriptrun", "plugins": [bridge]}, indent=2)


@dataclass(frozen=True)
class Resolver:
    """How names are looked up on this machine, and so in its pods: there is no DNS server in the cluster.

    Attributes:
        resolv_conf: The file to read.
        nameservers: The servers it names that pods can reach.
    """

    resolv_conf: Path
    nameservers: tuple[str, ...]


def find_resolver(candidates: Sequence[Path] = RESOLV_CONFS) -> Resolver:
    """Takes the first file that names a server beyond loopback (a local stub is out of a pod's reach)."""
    for path in candidates:
        if path.exists() and (nameservers := parse_nameservers(path.read_text())):
            return Resolver(path, nameservers)
    return Resolver(candidates[0], ())


def parse_nameservers(text: str) -> tuple[str, ...]:
    """Returns the servers a resolv.conf names, without those on loopback."""
    words = (line.split() for line in text.splitlines())
    servers = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
    return tuple(server for server in servers if not server.startswith("127.") and server != "::1")


def render_kubelet_config(settings: Settings, resolver: Resolver) -> str:
    """KubeletConfiguration for a small machine: no eviction before the disk is full, no image is ever collected.

    The machine's own name servers stand in for a cluster DNS: without any the kubelet warns on every pod.
    """
    return f"""\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: {NODE_IP}
healthzBindAddress: 127.0.0.1
healthzPort: {KUBELET_HEALTH_PORT}
containerRuntimeEndpoint: unix://{settings.containerd_socket}
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupsPerQOS: true
enforceNodeAllocatable: []
failSwapOn: false
authentication:
  anonymous: {{enabled: false}}
  webhook: {{enabled: true}}
  x509: {{clientCAFile: {settings.pki}/ca.crt}}
authorization: {{mode: Webhook}}
resolvConf: {resolver.resolv_conf}
clusterDNS: [{", ".join(resolver.nameservers)}]
podLogsDir: {settings.state}/pods
volumePluginDir: {settings.state}/kubelet/volume-plugins
makeIPTablesUtilChains: false
maxPods: {MAX_PODS}
kubeAPIQPS: 200
kubeAPIBurst: 400
eventRecordQPS: 100
eventBurst: 200
evictionHard:
  memory.available: 50Mi
  nodefs.available: "1%"
  imagefs.available: "1%"
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
"""


def build_containerd_args(settings: Settings) -> list[str]:
    """The container runtime; a Debian package."""
    return ["containerd", f"--config={settings.state}/containerd.toml"]


def build_kubelet_args(settings: Settings) -> list[str]:
    """The kubelet of the only node."""
    return [
        "kubelet",
        f"--config={settings.state}/kubelet.yaml",
        f"--kubeconfig={settings.pki}/kubelet.kubeconfig",
        f"--root-dir={settings.state}/kubelet",
        f"--cert-dir={settings.state}/kubelet/pki",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_IP}",
    ]


def build_proxy_args(settings: Settings) -> list[str]:
    """kube-proxy: service addresses by nftables, kernel settings left as they are."""
    return [
        "kube-proxy",
        f"--kubeconfig={settings.pki}/proxy.kubeconfig",
        f"--hostname-override={NODE_NAME}",
        f"--cluster-cidr={POD_CIDR}",
        "--proxy-mode=nftables",
        f"--healthz-bind-address=127.0.0.1:{PROXY_HEALTH_PORT}",
        f"--metrics-bind-address=127.0.0.1:{PROXY_METRICS_PORT}",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
    ]
