"""A cluster that somebody else runs, named by SCRIPTRUN_KUBECONFIG."""

from collections.abc import Mapping
from pathlib import Path

from .errors import LocalClusterError
from .gobuild import find_kubectl
from .progress import say
from .settings import Settings
from .shell import succeeds


class GivenCluster:
    """Nothing about it is ours to change but what is applied to it."""

    def __init__(self, settings: Settings, kubeconfig: Path) -> None:
        self._settings = settings
        self._kubeconfig = kubeconfig

    @property
    def kubeconfig(self) -> Path:
        """As given."""
        return self._kubeconfig

    def up(self) -> None:
        """Only checks that it answers.

        Raises:
            LocalClusterError: When it does not.
        """
        if not self.is_up():
            raise LocalClusterError(
                f"The cluster of SCRIPTRUN_KUBECONFIG ({self._kubeconfig}) does not answer. Check the file and the "
                "cluster, or unset the variable to use a cluster of our own."
            )

    def down(self) -> None:
        """Leaves it alone."""
        say("SCRIPTRUN_KUBECONFIG names a cluster of yours: it is left as it is.")

    def is_up(self) -> bool:
        """Asks the API server."""
        return succeeds(self.kubectl(), "--kubeconfig", self._kubeconfig, "get", "--raw", "/readyz")

    def ensure_image(self, name: str, dockerfile: Path, context: Path, build_args: Mapping[str, str]) -> None:
        """Can't build into it.

        Raises:
            LocalClusterError: Always; says how to go on.
        """
        raise LocalClusterError(
            f"Image {name} cannot be loaded into the cluster of SCRIPTRUN_KUBECONFIG. Push the images to a registry it "
            "pulls from and name them in SCRIPTRUN_OPERATOR_IMAGE and SCRIPTRUN_RUNNER_IMAGE."
        )

    def load_archive(self, archive: Path) -> None:
        """Can't load into it.

        Raises:
            LocalClusterError: Always.
        """
        raise LocalClusterError(f"{archive} cannot be loaded into the cluster of SCRIPTRUN_KUBECONFIG.")

    def tag(self, name: str, alias: str) -> None:
        """Nothing to name: its images come from elsewhere."""

    def kubectl(self) -> Path:
        """The machine's kubectl, or the one we build."""
        return find_kubectl(self._settings)

    def host_address(self) -> str:
        """As given, since only its owner knows.

        Raises:
            LocalClusterError: When it is not.
        """
        if not self._settings.host_address:
            raise LocalClusterError(
                "Name an IP address of this machine that pods of your cluster reach in SCRIPTRUN_HOST_ADDRESS."
            )
        return self._settings.host_address
