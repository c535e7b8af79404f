"""Installs the Debian packages the cluster and the image builds stand on, when they are missing."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import LocalClusterError
from .locks import locked
from .progress import step
from .settings import Settings
from .shell import run_logged, succeeds

# What a package is needed for is told by the file it brings.
CLUSTER_PACKAGES: Mapping[str, str] = {
    "containerd": "containerd",
    "runc": "runc",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "iproute2": "ip",
    "nftables": "nft",
    "openssl": "openssl",
}
IMAGE_PACKAGES: Mapping[str, str] = {"debootstrap": "debootstrap", "buildah": "buildah"}

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find_program(name: str) -> str | None:
    """Finds a program also in the system folders that an ordinary user's PATH lacks."""
    return shutil.which(name) or shutil.which(name, path=SEARCH_PATH)


def list_missing(packages: Mapping[str, str]) -> list[str]:
    """Returns the packages whose program or file is absent."""

    def present(evidence: str) -> bool:
        return Path(evidence).exists() if evidence.startswith("/") else find_program(evidence) is not None

    return [name for name, evidence in packages.items() if not present(evidence)]


def ensure_packages(settings: Settings, packages: Mapping[str, str]) -> None:
    """Installs what is missing; one process at a time, as apt-get would refuse the others."""
    if not list_missing(packages):
        return
    with locked(settings.cache / "packages.lock"):
        if missing := list_missing(packages):
            install_packages(settings, missing)


def install_packages(settings: Settings, missing: Sequence[str]) -> None:
    """Installs packages with apt-get.

    Raises:
        LocalClusterError: On a machine without apt-get; names what to install.
    """
    if find_program("apt-get") is None:
        raise LocalClusterError(
            f"Missing on this machine: {', '.join(missing)}. There is no apt-get to install them with: "
            "install them by hand, or set SCRIPTRUN_KUBECONFIG to a cluster you already have."
        )
    with step(f"Installing Debian packages: {' '.join(missing)}"):
        _install(settings, missing)


def _install(settings: Settings, names: Sequence[str]) -> None:
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", *names]
    # The lists of a long-lived machine may be old or empty: try once as is, then with fresh ones.
    if succeeds("env", "DEBIAN_FRONTEND=noninteractive", *install):
        return
    log = settings.cache / "log" / "apt.log"
    advice = "Check that this machine reaches a Debian mirror, then try again."
    run_logged(["apt-get", "update"], log, environ=quiet, advice=advice)
    run_logged(install, log, environ=quiet, advice=advice)
