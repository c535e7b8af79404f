"""Zeebe 8.6: one broker with its gateway, without Elasticsearch (so nothing can be searched: assert outcomes).

Camunda License 1.0, which is free outside production: for tests alone.
"""

import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import urllib3

from localcluster.driver.settings import Settings, read_settings

from .artifacts import Artifact, ensure_artifact
from .java import ensure_java
from .process import JavaServer, take_free_ports

ARTIFACT = Artifact(
    "io.camunda:camunda-zeebe:8.6.0:tar.gz",
    sha256="5c699e86a6c9d290dd7b1f0b2ea648fb57fd1dacf1cab22c874219e58827ea45",
    megabytes=299,
)


def ensure_zeebe(settings: Settings) -> Path:
    """Returns the folder of the unpacked broker."""

    def unpack(archive: Path, folder: Path) -> None:
        with tarfile.open(archive) as content:
            content.extractall(folder, filter="data")

    return ensure_artifact(settings, ARTIFACT, unpack) / "camunda-zeebe-8.6.0"


AWAIT_SECONDS = 300.0
"""How long at most a request may await the end of a process."""


class Zeebe(JavaServer):
    """A broker whose clock can be moved ahead.

    Attributes:
        address: base URL of its REST API.
        management: base URL of its health and metrics.
        grpc_address: where its gRPC API listens, as if it were HTTP.
    """

    name = "zeebe"

    def __init__(self, folder: Path, settings: Settings | None = None, host: str = "127.0.0.1") -> None:
        settings = settings or read_settings()
        super().__init__(ensure_java(settings), folder, host)
        self._home = ensure_zeebe(settings)
        self._ports = take_free_ports(5, host)
        self.address = f"http://{host}:{self._ports[0]}"
        self.management = f"http://{host}:{self._ports[1]}"
        self.grpc_address = f"http://{host}:{self._ports[2]}"

    def build_java_arguments(self) -> Sequence[str | Path]:
        """The broker."""
        return [
            *("-XX:MaxDirectMemorySize=256m", "--enable-native-access=ALL-UNNAMED"),
            *("-cp", f"{self._home}/lib/*", f"-Dapp.home={self._home}", f"-Dbasedir={self.folder}"),
            "io.camunda.application.StandaloneBroker",
        ]

    def build_environment(self) -> Mapping[str, str]:
        """One partition on little disk and memory, a clock that can be moved, and patience with who awaits an end.

        Whatever a request says, 8.6 answers 504 after its gateway's own 15 s, and its web server 503 after 30.
        """
        rest, management, gateway, command, internal = (str(port) for port in self._ports)
        return {
            "SERVER_ADDRESS": self.host,
            "SERVER_PORT": rest,
            "MANAGEMENT_SERVER_ADDRESS": self.host,
            "MANAGEMENT_SERVER_PORT": management,
            "ZEEBE_BROKER_GATEWAY_ENABLE": "true",
            "ZEEBE_BROKER_GATEWAY_NETWORK_HOST": self.host,
            "ZEEBE_BROKER_GATEWAY_NETWORK_PORT": gateway,
            "ZEEBE_BROKER_NETWORK_HOST": self.host,
            "ZEEBE_BROKER_NETWORK_COMMANDAPI_PORT": command,
            "ZEEBE_BROKER_NETWORK_INTERNALAPI_PORT": internal,
            "ZEEBE_BROKER_DATA_DIRECTORY": str(self.folder / "data"),
            "ZEEBE_BROKER_DATA_LOGSEGMENTSIZE": "16MB",
            "ZEEBE_BROKER_DATA_DISK_FREESPACE_REPLICATION": "64MB",
            "ZEEBE_BROKER_DATA_DISK_FREESPACE_PROCESSING": "128MB",
            "ZEEBE_BROKER_THREADS_CPUTHREADCOUNT": "1",
            "ZEEBE_BROKER_THREADS_IOTHREADCOUNT": "1",
            "ZEEBE_BROKER_EXPERIMENTAL_ROCKSDB_MEMORYLIMIT": "64MB",
            "ZEEBE_CLOCK_CONTROLLED": "true",
            "ZEEBE_BROKER_GATEWAY_CLUSTER_REQUESTTIMEOUT": f"{AWAIT_SECONDS:.0f}s",
            "SPRING_MVC_ASYNC_REQUESTTIMEOUT": f"{AWAIT_SECONDS:.0f}s",
            "LOGGING_LEVEL_ROOT": "WARN",
        }

    def is_ready(self) -> bool:
        """Whether the broker takes commands: its gateway has to know who leads the partition, too."""
        if not self.answers(f"{self.management}/actuator/health/readiness"):
            return False
        try:
            status, body = self.call("GET", "/topology", seconds=5)
        except urllib3.exceptions.HTTPError:
            return False
        partitions = [part for broker in body["brokers"] for part in broker["partitions"]] if status == 200 else []
        return any(part["role"] == "leader" for part in partitions)

    def call(self, method: str, path: str, body: object = None, seconds: float = 30.0) -> tuple[int, Any]:
        """Ask its REST API, below ``/v2``; returns status and body."""
        return self.request(method, f"{self.address}/v2{path}", body, seconds)

    def deploy(self, name: str, document: str) -> None:
        """Deploy a process."""
        url = f"{self.address}/v2/deployments"
        answer = self._http.request("POST", url, fields={"resources": (name, document)})
        assert answer.status == 200, (answer.status, answer.data)

    def create_instance(self, process: str, variables: Mapping[str, Any] | None = None) -> int:
        """Start an instance of a process; returns its key."""
        ask = {"processDefinitionId": process, "variables": dict(variables or {})}
        status, body = self.call("POST", "/process-instances", ask)
        assert status == 200, (status, body)
        return int(body["processInstanceKey"])

    def run_to_end(self, process: str, variables: Mapping[str, Any] | None = None, seconds: float = 60.0) -> Any:
        """Start an instance and wait until it has completed; returns its variables."""
        ask = {
            "processDefinitionId": process,
            "variables": dict(variables or {}),
            "awaitCompletion": True,
            "requestTimeout": int(seconds * 1000),
        }
        status, body = self.call("POST", "/process-instances", ask, seconds + 10)
        assert status == 200, (status, body)
        return body["variables"]

    def cancel_instance(self, key: int) -> None:
        """Cancel an instance."""
        status, body = self.call("POST", f"/process-instances/{key}/cancellation")
        assert status == 204, (status, body)

    def move_clock(self, seconds: float) -> None:
        """Move its clock ahead, for as long as it lives."""
        status, body = self.request(
            "POST", f"{self.management}/actuator/clock/add", {"offsetMilli": int(seconds * 1000)}
        )
        assert status == 200, (status, body)
