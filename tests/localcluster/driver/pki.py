"""Keys and certificates of the cluster, one identity per component as in any other cluster."""

import base64
from dataclasses import dataclass
from pathlib import Path

from .settings import API_URL, KUBERNETES_SERVICE_IP, NODE_IP, NODE_NAME, Settings
from .shell import run_logged

VALID_DAYS = "3650"


@dataclass(frozen=True)
class Identity:
    """A certificate to make.

    Attributes:
        name: File name without ending.
        subject: OpenSSL subject; O is the Kubernetes group, CN the user.
        extension: OpenSSL extension line.
    """

    name: str
    subject: str
    extension: str = "extendedKeyUsage=clientAuth"


API_SERVER = Identity(
    "apiserver",
    "/CN=kube-apiserver",
    "subjectAltName=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,"
    f"IP:127.0.0.1,IP:{NODE_IP},IP:{KUBERNETES_SERVICE_IP}",
)
ADMIN = Identity("admin", "/O=system:masters/CN=admin")
KUBELET_CLIENT = Identity("apiserver-kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client")
CONTROLLER_MANAGER = Identity("controller-manager", "/CN=system:kube-controller-manager")
SCHEDULER = Identity("scheduler", "/CN=system:kube-scheduler")
KUBELET = Identity("kubelet", f"/O=system:nodes/CN=system:node:{NODE_NAME}")
PROXY = Identity("proxy", "/CN=system:kube-proxy")

IDENTITIES = (API_SERVER, ADMIN, KUBELET_CLIENT, CONTROLLER_MANAGER, SCHEDULER, KUBELET, PROXY)
WITH_KUBECONFIG = (CONTROLLER_MANAGER, SCHEDULER, KUBELET, PROXY)


def create_pki(settings: Settings) -> None:
    """Makes the authority, every identity, the ServiceAccount signing key and the kubeconfigs."""
    settings.pki.mkdir(mode=0o700, parents=True)
    openssl = _OpenSsl(settings)
    openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "ca.key")
    openssl(
        "req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=scriptrun-local", "-days", VALID_DAYS, "-out", "ca.crt"
    )
    openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "sa.key")
    openssl("ec", "-in", "sa.key", "-pubout", "-out", "sa.pub")
    for identity in IDENTITIES:
        _sign(settings, openssl, identity)
    for identity in WITH_KUBECONFIG:
        write_kubeconfig(settings, identity, settings.pki / f"{identity.name}.kubeconfig")


def write_kubeconfig(settings: Settings, identity: Identity, path: Path) -> None:
    """Writes a kubeconfig that carries its own certificates; readable by its owner alone."""
    path.touch(mode=0o600)
    path.write_text(
        render_kubeconfig(
            authority=(settings.pki / "ca.crt").read_bytes(),
            certificate=(settings.pki / f"{identity.name}.crt").read_bytes(),
            key=(settings.pki / f"{identity.name}.key").read_bytes(),
        )
    )


def render_kubeconfig(authority: bytes, certificate: bytes, key: bytes) -> str:
    """Renders a kubeconfig for the local cluster."""

    def encode(data: bytes) -> str:
        return base64.b64encode(data).decode()

    return f"""\
apiVersion: v1
kind: Config
clusters:
- name: scriptrun-local
  cluster:
    server: {API_URL}
    certificate-authority-data: {encode(authority)}
users:
- name: user
  user:
    client-certificate-data: {encode(certificate)}
    client-key-data: {encode(key)}
contexts:
- name: scriptrun-local
  context:
    cluster: scriptrun-local
    user: user
current-context: scriptrun-local
"""


class _OpenSsl:
    """Runs openssl inside the pki folder."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.pki
        self._log = settings.logs / "openssl.log"

    def __call__(self, *arguments: str) -> None:
        run_logged(["openssl", *arguments], self._log, cwd=self._folder)


def _sign(settings: Settings, openssl: _OpenSsl, identity: Identity) -> None:
    name = identity.name
    (settings.pki / f"{name}.ext").write_text(identity.extension + "\n")
    openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", f"{name}.key")
    openssl("req", "-new", "-key", f"{name}.key", "-subj", identity.subject, "-out", f"{name}.csr")
    openssl(
        *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"),
        *("-days", VALID_DAYS, "-extfile", f"{name}.ext", "-out", f"{name}.crt"),
    )
