"""Where faults happen: the chart without its processes, which are ours, a namespace, a journal."""

import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from kubernetes import client, config

from chaos.journal import Journal
from clusterlab.chart import BRIDGE, NAMESPACE, OPERATOR, ensure_runner_image, install_without_operator
from clusterlab.process import BridgeProcess, OperatorProcess, write_kubeconfig
from clusterlab.space import GROUP, Space, Watches, create_space
from clusterlab.watch import Watch
from kubeapi import Api, wait_for
from peers.faults.orchestrators import LEASE_SECONDS
from peers.faults.relay import Relay

P = TypeVar("P", bound=OperatorProcess)

BRIDGE_NAME = "main"
_LEADER_SECONDS = "3"


@dataclass(frozen=True)
class Site:
    """A cluster that is set up for faults.

    Attributes:
        kubeconfig: The administrator's.
        api: The administrator.
        watches: What is followed.
        image: The runner's.
        folder: For files.
        processes: All that were made here.
    """

    kubeconfig: Path
    api: Api
    watches: Watches
    image: str
    folder: Path
    processes: list[OperatorProcess] = field(default_factory=list)

    def make_operator(self, server: str = "", **more: str) -> OperatorProcess:
        """Make a replica of the operator, with the chart's rights.

        Args:
            server: Address of the API server; empty for the cluster's own.
            more: Further settings.
        """
        return self._make(OperatorProcess, OPERATOR, server, more)

    def make_bridge(self, server: str = "", **more: str) -> BridgeProcess:
        """Make a replica of the bridge, with the chart's rights; arguments as for the operator."""
        return self._make(BridgeProcess, BRIDGE, server, more)

    def _make(
        self,
        kind: Callable[[Path, dict[str, str]], P],
        account: tuple[str, str],
        server: str,
        more: Mapping[str, str],
    ) -> P:
        path = self.folder / f"kubeconfig-{len(self.processes)}"
        settings = {
            "RUNNER_IMAGE": self.image,
            "LEASE_NAMESPACE": NAMESPACE,
            "LEASE_DURATION_SECONDS": _LEADER_SECONDS,
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": "0",
            "LOG_FORMAT": "json",
            **more,
        }
        process = kind(write_kubeconfig(self.kubeconfig, account, path, server), settings)
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """Stop every process, for good."""
        for process in self.processes:
            if process.running:
                process.kill()
        self.processes.clear()


@contextmanager
def open_site(kubeconfig: Path, image: str = "") -> Iterator[Site]:
    """Install the chart without operator and bridge: those are processes of ours."""
    image = image or ensure_runner_image()
    with ExitStack() as stack:
        stack.enter_context(install_without_operator(kubeconfig))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield Site(kubeconfig, Api.from_kubeconfig(kubeconfig), _follow(kubeconfig, stack), image, folder)


def _follow(kubeconfig: Path, stack: ExitStack) -> Watches:
    paths = (f"/apis/{GROUP}/scriptruns", f"/apis/{GROUP}/scripts", "/apis/batch/v1/jobs", "/api/v1/pods")
    followed = [Watch(kubeconfig, path) for path in paths]
    for watch in followed:
        stack.callback(watch.close)
    return Watches(*followed)


def open_api_relay(kubeconfig: Path) -> Relay:
    """Make a relay before the API server, for a process that is to be killed at a certain request."""
    configuration = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    return Relay(configuration.host, ssl.create_default_context(cafile=configuration.ssl_ca_cert))


@dataclass(frozen=True)
class World:
    """One namespace of a site, with a journal that the scripts write.

    Attributes:
        site: The cluster.
        space: The namespace.
        journal: What the scripts did.
    """

    site: Site
    space: Space
    journal: Journal

    @property
    def bridge_path(self) -> str:
        """URL path of the Bridge."""
        return self.space.path("bridges", BRIDGE_NAME, GROUP)

    def add_bridge(self, name: str = BRIDGE_NAME, **spec: Any) -> None:
        """Create a Bridge."""
        fast = {"leaseSeconds": LEASE_SECONDS, "longPollSeconds": 5, "retryBackOffSeconds": 0}
        body = {
            "apiVersion": GROUP,
            "kind": "Bridge",
            "metadata": {"name": name},
            "spec": {**fast, **spec},
        }
        self.space.create(self.space.path("bridges", group=GROUP), body)

    def runs(self) -> list[dict[str, Any]]:
        """Every run there is, as the API server has it."""
        answer = self.space.api.get(self.space.run_path())
        assert answer.status == 200, answer
        items: list[dict[str, Any]] = answer.body["items"]
        return items

    def jobs(self) -> list[dict[str, Any]]:
        """Every Job there is."""
        answer = self.space.api.get(self.space.job_path())
        assert answer.status == 200, answer
        items: list[dict[str, Any]] = answer.body["items"]
        return items


@contextmanager
def open_world(site: Site) -> Iterator[World]:
    """Make a namespace with a journal; both are gone afterwards, and nobody works any more."""
    space, records = create_space(site.api, site.watches), create_space(site.api, site.watches)
    world = World(site, space, Journal(records, site.image))
    try:
        yield world
    finally:
        site.stop()
        _let_go(world)
        for made in (space, records):
            made.api.delete(f"/api/v1/namespaces/{made.name}")


def _let_go(world: World) -> None:
    """Take the finalizers of what a failed suite left, that the namespace can go."""
    with suppress(TimeoutError):
        for path in (world.bridge_path, *(world.space.run_path(run["metadata"]["name"]) for run in world.runs())):
            world.space.api.patch(path, {"metadata": {"finalizers": None}})
        world.space.api.delete(world.bridge_path)
        wait_for("the Bridge to be gone", lambda: world.space.api.get(world.bridge_path).status == 404, 10)
