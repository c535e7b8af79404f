"""Command lines and files of etcd, API server, controller manager and scheduler."""

from pathlib import Path

from .settings import (
    API_PORT,
    CONTROLLER_MANAGER_PORT,
    ETCD_PEER_PORT,
    ETCD_PORT,
    NODE_IP,
    SCHEDULER_PORT,
    SERVICE_CIDR,
    Settings,
)

ETCD_URL = f"http://127.0.0.1:{ETCD_PORT}"
ETCD_PEER_URL = f"http://127.0.0.1:{ETCD_PEER_PORT}"

# Writes alone, and who made them: what the write budget is counted from.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  verbs: [get, list, watch]
- level: Metadata
"""


def build_etcd_args(settings: Settings) -> list[str]:
    """etcd without fsync: the data lives as long as the cluster, and a power cut may have it."""
    return [
        "etcd",
        f"--data-dir={settings.state}/etcd",
        "--unsafe-no-fsync",
        f"--listen-client-urls={ETCD_URL}",
        f"--advertise-client-urls={ETCD_URL}",
        f"--listen-peer-urls={ETCD_PEER_URL}",
        f"--initial-advertise-peer-urls={ETCD_PEER_URL}",
        f"--initial-cluster=default={ETCD_PEER_URL}",
        "--log-level=warn",
    ]


def build_apiserver_args(settings: Settings) -> list[str]:
    """The API server, on the bridge's address alone; writes are audited."""
    pki = settings.pki
    return [
        "kube-apiserver",
        f"--etcd-servers={ETCD_URL}",
        f"--bind-address={NODE_IP}",
        f"--advertise-address={NODE_IP}",
        f"--secure-port={API_PORT}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
        "--endpoint-reconciler-type=lease",
        f"--audit-policy-file={settings.state}/audit-policy.yaml",
        f"--audit-log-path={settings.logs}/audit.log",
        "--audit-log-mode=batch",
        "--audit-log-maxsize=64",
        "--audit-log-maxbackup=2",
    ]


def build_controller_manager_args(settings: Settings) -> list[str]:
    """Controllers with room to work: the stock client limits (20 requests a second) would be what tests measure."""
    kubeconfig = settings.pki / "controller-manager.kubeconfig"
    return [
        "kube-controller-manager",
        *_build_kubeconfig_args(kubeconfig),
        "--bind-address=127.0.0.1",
        f"--secure-port={CONTROLLER_MANAGER_PORT}",
        "--leader-elect=false",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={settings.pki}/sa.key",
        f"--root-ca-file={settings.pki}/ca.crt",
        f"--cluster-signing-cert-file={settings.pki}/ca.crt",
        f"--cluster-signing-key-file={settings.pki}/ca.key",
        f"--flex-volume-plugin-dir={settings.state}/kubelet/volume-plugins",
        "--controllers=*,-cloud-node-lifecycle-controller",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--concurrent-job-syncs=20",
    ]


def build_scheduler_args(settings: Settings) -> list[str]:
    """The scheduler; the rest of its settings stand in its configuration file."""
    return [
        "kube-scheduler",
        f"--config={settings.state}/scheduler.yaml",
        *_build_kubeconfig_args(settings.pki / "scheduler.kubeconfig")[1:],
        "--bind-address=127.0.0.1",
        f"--secure-port={SCHEDULER_PORT}",
    ]


def render_scheduler_config(settings: Settings) -> str:
    """KubeSchedulerConfiguration: one replica, and a client as fast as the controllers'."""
    return f"""\
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection:
  leaderElect: false
clientConnection:
  kubeconfig: {settings.pki}/scheduler.kubeconfig
  qps: 500
  burst: 1000
"""


def _build_kubeconfig_args(kubeconfig: Path) -> list[str]:
    """The component's own client, and the two with which it checks who asks it for metrics."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
    ]
