"""Conductor OSS 3.32: one server on SQLite, which keeps state, queues and index in one file.

Apache License 2.0. Each test uses task types of its own, so that all share one server.
"""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from localcluster.driver.errors import LocalClusterError
from localcluster.driver.settings import Settings, read_settings

from .artifacts import Artifact, ensure_artifact
from .java import ensure_java
from .process import JavaServer, take_free_ports

ARTIFACT = Artifact(
    "org.conductoross:conductor-server:3.32.3:jar:boot",
    sha256="6b1615a5beb82bbbfa05219d0f1b84440aa8c0bef1371662803ef5588d7d507b",
    megabytes=458,
)


def ensure_conductor(settings: Settings) -> Path:
    """Returns the server's jar, unpacked with its libraries beside it: it starts in half the time."""
    java = ensure_java(settings)

    def unpack(archive: Path, folder: Path) -> None:
        command = [java, "-Djarmode=tools", "-jar", archive, "extract", "--destination", folder / "server"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LocalClusterError(f"{archive.name} can't be unpacked: {done.stderr.strip() or done.stdout.strip()}")
        (jar,) = (folder / "server").glob("*.jar")
        jar.rename(folder / "server" / "conductor.jar")

    return ensure_artifact(settings, ARTIFACT, unpack) / "server" / "conductor.jar"


class Conductor(JavaServer):
    """A server; what it knows is in one SQLite file and outlives it.

    Attributes:
        address: base URL, without ``/api``.
    """

    name = "conductor"
    memory_megabytes = 512

    def __init__(self, folder: Path, settings: Settings | None = None, host: str = "127.0.0.1") -> None:
        settings = settings or read_settings()
        super().__init__(ensure_java(settings), folder, host)
        self._jar = ensure_conductor(settings)
        (self._port,) = take_free_ports(1, host)
        self.address = f"http://{host}:{self._port}"

    def build_java_arguments(self) -> Sequence[str | Path]:
        """The server, without what these tests don't need."""
        database = f"{self.folder / 'conductor.db'}?busy_timeout=15000&journal_mode=WAL"
        return [
            f"-Djava.io.tmpdir={self.folder}",  # where it keeps large payloads
            # Written at the end of its first life; from then on it starts two to three times as fast.
            *("-XX:+AutoCreateSharedArchive", f"-XX:SharedArchiveFile={self._jar.with_name('classes.jsa')}"),
            *("-jar", self._jar),
            f"--server.address={self.host}",
            f"--server.port={self._port}",
            f"--spring.datasource.url=jdbc:sqlite:{database}",
            "--conductor.grpc-server.enabled=false",
            "--conductor.integrations.ai.enabled=false",
            "--conductor.scheduler.enabled=false",
            "--conductor.system-task-workers.enabled=false",
            "--logging.level.root=WARN",
        ]

    def is_ready(self) -> bool:
        """Whether it answers."""
        return self.answers(f"{self.address}/health")

    def call(
        self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None, seconds: float = 30.0
    ) -> tuple[int, Any]:
        """Ask its REST API, below ``/api``; returns status and body."""
        asked = f"?{urlencode(query)}" if query else ""
        return self.request(method, f"{self.address}/api{path}{asked}", body, seconds)

    def define_task(self, name: str, **changes: Any) -> None:
        """Define a task type: one retry, at once; a response timeout of 60 s."""
        definition = {
            "name": name,
            "ownerEmail": "tests@example.com",
            "retryCount": 1,
            "retryLogic": "FIXED",
            "retryDelaySeconds": 0,
            "timeoutSeconds": 0,
            "responseTimeoutSeconds": 60,
            **changes,
        }
        status, body = self.call("POST", "/metadata/taskdefs", [definition])
        assert status == 200, (status, body)

    def define_workflow(self, name: str, task: str, inputs: Mapping[str, Any] | None = None) -> None:
        """Define a workflow of one task, which gets the workflow's own input unless told otherwise."""
        task_input = {"name": "${workflow.input.name}"} if inputs is None else dict(inputs)
        step = {"name": task, "taskReferenceName": "step", "type": "SIMPLE", "inputParameters": task_input}
        definition = {
            "name": name,
            "version": 1,
            "schemaVersion": 2,
            "ownerEmail": "tests@example.com",
            "tasks": [step],
            "outputParameters": {"result": "${step.output}"},
        }
        status, body = self.call("PUT", "/metadata/workflow", [definition])
        assert status == 200, (status, body)

    def start_workflow(self, name: str, variables: Mapping[str, Any] | None = None, **more: Any) -> str:
        """Start a workflow; returns its id."""
        ask = {"name": name, "version": 1, "input": dict(variables or {}), **more}
        status, body = self.call("POST", "/workflow", ask)
        assert status == 200, (status, body)
        return str(body)

    def read_workflow(self, workflow_id: str) -> dict[str, Any]:
        """A workflow with its tasks, oldest first."""
        status, body = self.call("GET", f"/workflow/{workflow_id}")
        assert status == 200, (status, body)
        found: dict[str, Any] = body
        return found

    def read_task(self, task_id: str) -> dict[str, Any]:
        """A task."""
        status, body = self.call("GET", f"/tasks/{task_id}")
        assert status == 200, (status, body)
        found: dict[str, Any] = body
        return found

    def read_log(self, task_id: str) -> list[str]:
        """What a task's log says; its order is not kept."""
        status, body = self.call("GET", f"/tasks/{task_id}/log")
        assert status in (200, 204), (status, body)
        return [entry["log"] for entry in body or ()]

    def terminate_workflow(self, workflow_id: str, reason: str) -> None:
        """Terminate a workflow, as an operator does."""
        status, body = self.call("DELETE", f"/workflow/{workflow_id}", query={"reason": reason})
        assert status == 200, (status, body)

    def requeue(self, task_type: str) -> None:
        """Put the unfinished tasks of a type into their queue again: they are handed out twice."""
        status, body = self.call("POST", f"/tasks/queue/requeue/{task_type}")
        assert status == 200, (status, body)
