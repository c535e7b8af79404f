"""A control plane of the benchmark's own: etcd, API server, Job controller and scheduler on loopback, and no kubelet.

Ten thousand runs would weigh on the cluster that people and tests use, long after the benchmark; this one is thrown
away whole. The binaries are the local cluster's.
"""

import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from clusterlab.process import find_free_port
from helm import ROOT

_TOKENS = {"admin": "system:masters", "system:kube-controller-manager": "system:masters", "system:kube-scheduler": ""}
# Those a run needs, and those that Helm waits for when it installs the chart.
_CONTROLLERS = (
    "job",
    "namespace",
    "serviceaccount",
    "root-ca-cert-publisher",
    "deployment",
    "replicaset",
    "disruption",
)
_READY_SECONDS = 60.0
_STOP_SECONDS = 10.0
# What settle delays are read from: nothing else is logged, since a log of every request would be part of the load.
_AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [create, patch]
  resources:
  - {group: "", resources: [configmaps]}
  - {group: batch, resources: [jobs]}
  - {group: scriptrun.dev, resources: [scriptruns, scriptruns/status]}
- level: None
"""


@dataclass(frozen=True)
class ControlPlane:
    """A control plane that runs.

    Attributes:
        folder: Its state and logs.
        kubeconfig: The administrator's.
        pids: Of its components, by name.
    """

    folder: Path
    kubeconfig: Path
    pids: dict[str, int]

    @property
    def audit(self) -> Path:
        """The API server's audit log."""
        return self.folder / "audit.log"


@contextmanager
def run_control_plane(folder: Path) -> Iterator[ControlPlane]:
    """Start it in an empty folder; afterwards nothing of it runs."""
    command = [sys.executable, str(ROOT / "tests" / "localcluster"), "tool", "kube"]
    kube = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    etcd, peer, api = find_free_port(), find_free_port(), find_free_port()
    _write_files(folder, api)
    processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(name: str, arguments: Sequence[str]) -> None:
        with (folder / f"{name}.log").open("wb") as log:
            processes[name] = subprocess.Popen([kube, name, *arguments], stdout=log, stderr=log, cwd=folder)

    try:
        start("etcd", _build_etcd_args(folder, etcd, peer))
        start("kube-apiserver", _build_apiserver_args(folder, etcd, api))
        _wait_ready(api, folder, processes["kube-apiserver"])
        _write_kubeconfigs(folder, api)
        start("kube-controller-manager", _build_controller_manager_args(folder))
        start("kube-scheduler", _build_scheduler_args(folder))
        yield ControlPlane(
            folder, folder / "admin.kubeconfig", {name: process.pid for name, process in processes.items()}
        )
    finally:
        for process in reversed(processes.values()):
            _end(process)


def _write_files(folder: Path, api: int) -> None:
    key = ["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", str(folder / "sa.key")]
    subprocess.run(key, check=True, capture_output=True)
    (folder / "audit.yaml").write_text(_AUDIT_POLICY)
    (folder / "tokens.csv").touch(0o600)
    lines = [f"{os.urandom(16).hex()},{user},{user},{group}\n" for user, group in _TOKENS.items()]
    (folder / "tokens.csv").write_text("".join(lines))


def _write_kubeconfigs(folder: Path, api: int) -> None:
    # The API server made its own certificate, and appended the authority that signed it.
    cluster = {"server": f"https://127.0.0.1:{api}", "certificate-authority": str(folder / "pki" / "apiserver.crt")}
    for line in (folder / "tokens.csv").read_text().splitlines():
        token, user, *_ = line.split(",")
        name = user.removeprefix("system:kube-")
        path = folder / f"{name}.kubeconfig"
        path.touch(0o600)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "bench", "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": name}}],
            "current-context": "bench",
        }
        path.write_text(yaml.safe_dump(config))


def _build_etcd_args(folder: Path, etcd: int, peer: int) -> list[str]:
    return [
        f"--data-dir={folder}/etcd",
        "--unsafe-no-fsync",
        f"--listen-client-urls=http://127.0.0.1:{etcd}",
        f"--advertise-client-urls=http://127.0.0.1:{etcd}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
        "--log-level=warn",
    ]


def _build_apiserver_args(folder: Path, etcd: int, api: int) -> list[str]:
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        f"--secure-port={api}",
        f"--cert-dir={folder}/pki",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.233.0.0/24",
        f"--service-account-key-file={folder}/sa.key",
        f"--service-account-signing-key-file={folder}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=RBAC",
        f"--audit-policy-file={folder}/audit.yaml",
        f"--audit-log-path={folder}/audit.log",
        "--audit-log-mode=batch",
    ]


def _build_controller_manager_args(folder: Path) -> list[str]:
    return [
        f"--kubeconfig={folder}/controller-manager.kubeconfig",
        "--secure-port=0",
        "--leader-elect=false",
        f"--controllers={','.join(_CONTROLLERS)}",
        f"--service-account-private-key-file={folder}/sa.key",
        f"--root-ca-file={folder}/pki/apiserver.crt",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        "--concurrent-job-syncs=20",
    ]


def _build_scheduler_args(folder: Path) -> list[str]:
    config = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {"leaderElect": False},
        "clientConnection": {"kubeconfig": f"{folder}/scheduler.kubeconfig", "qps": 1000, "burst": 2000},
    }
    (folder / "scheduler.yaml").write_text(yaml.safe_dump(config))
    return [f"--config={folder}/scheduler.yaml", "--secure-port=0"]


def _wait_ready(api: int, folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not _is_ready(api, folder):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = (folder / "kube-apiserver.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"the benchmark's API server did not become ready:\n{tail}")
        time.sleep(0.1)


def _is_ready(api: int, folder: Path) -> bool:
    try:
        trust = ssl.create_default_context(cafile=str(folder / "pki" / "apiserver.crt"))
        with urllib.request.urlopen(f"https://127.0.0.1:{api}/readyz", context=trust, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
