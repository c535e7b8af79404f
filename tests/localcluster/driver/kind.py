"""kind, where a Docker engine answers; images by Docker."""

from collections.abc import Mapping
from pathlib import Path

from .buildah import log_name
from .errors import LocalClusterError
from .gobuild import KIND, ensure_program, find_kubectl
from .progress import step
from .settings import Settings
from .shell import read_output, run_logged, succeeds

KIND_NAME = "scriptrun"
KIND_WAIT = "180s"


class KindCluster:
    """A kind cluster of our own name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; not the user's own, which stays untouched."""
        return self._settings.cache / "kind.kubeconfig"

    def up(self) -> None:
        """Creates the kind cluster unless it exists and answers."""
        if self.is_up():
            return
        with step("Creating the kind cluster", note="(the first time pulls the node image)"):
            succeeds(self._kind(), "delete", "cluster", "--name", KIND_NAME)
            self._run(
                "create", "cluster", "--name", KIND_NAME, "--kubeconfig", str(self.kubeconfig), "--wait", KIND_WAIT
            )

    def down(self) -> None:
        """Deletes the kind cluster."""
        self._run("delete", "cluster", "--name", KIND_NAME)
        self.kubeconfig.unlink(missing_ok=True)

    def is_up(self) -> bool:
        """Asks kind and the API server."""
        if KIND_NAME not in read_output(self._kind(), "get", "clusters").split() or not self.kubeconfig.exists():
            return False
        return succeeds(self.kubectl(), "--kubeconfig", self.kubeconfig, "get", "--raw", "/readyz")

    def ensure_image(self, name: str, dockerfile: Path, context: Path, build_args: Mapping[str, str]) -> None:
        """Builds with Docker and loads into the kind node, each unless done before."""
        if not succeeds("docker", "image", "inspect", name):
            arguments = [f"--build-arg={key}={value}" for key, value in build_args.items()]
            command: list[str | Path] = ["docker", "build", *arguments, "--file", dockerfile, "--tag", name, context]
            with step(f"Building image {name}"):
                run_logged(command, self._log(f"image-{log_name(name)}"))
        if not self._node_has(name):
            with step(f"Loading image {name}"):
                self._run("load", "docker-image", name, "--name", KIND_NAME)

    def load_archive(self, archive: Path) -> None:
        """Loads into the kind node."""
        with step(f"Loading image {archive.stem}"):
            self._run("load", "image-archive", str(archive), "--name", KIND_NAME)

    def tag(self, name: str, alias: str) -> None:
        """Tags in Docker and in the node."""
        run_logged(["docker", "tag", name, alias], self._log("kind"))
        self._run("load", "docker-image", alias, "--name", KIND_NAME)

    def kubectl(self) -> Path:
        """The machine's kubectl, or the one we build."""
        return find_kubectl(self._settings)

    def host_address(self) -> str:
        """The gateway of the node's network."""
        template = "{{range .IPAM.Config}}{{.Gateway}} {{end}}"
        gateways = read_output("docker", "network", "inspect", "kind", "--format", template).split()
        address = next((found for found in gateways if ":" not in found), "")
        if not address:
            raise LocalClusterError("Docker's network kind has no IPv4 gateway: see `docker network inspect kind`.")
        return address

    def _kind(self) -> Path:
        return ensure_program(self._settings, KIND)

    def _node_has(self, name: str) -> bool:
        node = f"{KIND_NAME}-control-plane"
        return succeeds("docker", "exec", node, "crictl", "inspecti", "--quiet", name)

    def _run(self, *arguments: str) -> None:
        run_logged([self._kind(), *arguments], self._log("kind"), advice="Check `docker info`, then try again.")

    def _log(self, name: str) -> Path:
        return self._settings.cache / "log" / f"{name}.log"
