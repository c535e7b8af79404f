"""What the commands need of a cluster, and the one place that chooses which it is.

``SCRIPTRUN_KUBECONFIG`` names a cluster: it is used as it is. A Docker engine answers: kind. Else: the local cluster.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from .given import GivenCluster
from .kind import KindCluster
from .local import LocalCluster
from .settings import Settings
from .shell import succeeds


class Cluster(Protocol):
    """What the commands need of a cluster."""

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""

    def up(self) -> None:
        """Makes sure the cluster runs."""

    def down(self) -> None:
        """Removes the cluster, if it is ours."""

    def is_up(self) -> bool:
        """Tells whether the cluster can be used as it is."""

    def ensure_image(self, name: str, dockerfile: Path, context: Path, build_args: Mapping[str, str]) -> None:
        """Makes sure pods can run this image, building and loading it where they can't yet."""

    def load_archive(self, archive: Path) -> None:
        """Loads an image archive under the names it carries."""

    def tag(self, name: str, alias: str) -> None:
        """Gives an image a second name."""

    def kubectl(self) -> Path:
        """A kubectl for this cluster."""

    def host_address(self) -> str:
        """An IP address of this machine that the cluster's pods reach."""


def choose_cluster(settings: Settings, docker_answers: Callable[[], bool] | None = None) -> Cluster:
    """Chooses the cluster for this machine.

    Args:
        settings: Says whether a cluster was named.
        docker_answers: Asked only when none was named; by default asks ``docker info``.
    """
    kind, local = KindCluster(settings), LocalCluster(settings)
    given = settings.given_kubeconfig
    if given is None:
        ask = docker_answers or (lambda: succeeds("docker", "info"))
        return kind if ask() else local
    # Naming the kubeconfig of a cluster of ours means that cluster, with all that can be done to it.
    for ours in (kind, local):
        if given == ours.kubeconfig:
            return ours
    return GivenCluster(settings, given)
