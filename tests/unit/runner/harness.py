"""What the runner's tests stand on: a run's folders, and a pod around the runner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scriptrun_runner.execute import execute
from scriptrun_runner.paths import Paths
from scriptrun_runner.result import Result
from scriptrun_runner.spec import RunSpec
from scriptrun_runner.stop import Stop

RUNNER_IMAGE = Path(__file__).parents[3] / "runner-image"
EXAMPLES = Path(__file__).parents[3] / "examples" / "scripts"
_LONGEST_SECONDS = 20.0
_DRIVER = (
    f"import os, sys; sys.path.insert(0, {str(RUNNER_IMAGE)!r});"
    "from scriptrun_runner.main import Layout, run; os._exit(run(Layout(sys.argv[1], sys.argv[2])))"
)


class Input:
    """A folder with the files of a run's input ConfigMap."""

    def __init__(self, folder: Path, source: str | bytes | None, variables: dict[str, Any], /, **fields: Any) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        task = {"taskType": "greet", "taskId": "task-7", "workflowInstanceId": "flow-3", "inputData": variables}
        self.run = {
            "schema": 1,
            "namespace": "team",
            "name": "hello-1",
            "uid": "11111111-2222-3333-4444-555555555555",
            "script": "hello",
            "fileName": "hello",
            "handler": "shell",
            "command": [],
            "contract": "files",
            "attemptDeadlineSeconds": None,
            "outputLimitBytes": 900_000,
            "outputTransport": "ConfigMap",
            "gracePeriodSeconds": 30,
            "task": {"type": "greet", "id": "task-7", "workflowId": "flow-3", "domain": ""},
            **{key: value for key, value in fields.items() if key != "config"},
        }
        self.write("run.json", self.run)
        self.write("variables.json", variables)
        self.write("task.json", task)
        self.write("config.json", fields.get("config", {}))
        if source is not None:
            (folder / "script").write_bytes(source.encode() if isinstance(source, str) else source)

    def write(self, name: str, document: object) -> None:
        (self.folder / name).write_text(json.dumps(document))


class Execution:
    """One script executed in this process.

    Attributes:
        result: how it ended.
        shown: what came to the sink, by stream.
    """

    def __init__(self, root: Path, environ: dict[str, str] | None = None) -> None:
        self.paths = Paths(*(str(root / name) for name in ("input", "work", "run")))
        self.spec = RunSpec.load(str(root / "input" / "run.json"))
        self.environ = environ or {"PATH": os.environ["PATH"]}  # nothing else that this machine may have set
        self.stop = Stop()
        self.shown = {1: b"", 2: b""}
        self.started = threading.Event()
        self.result: Result
        (root / "work").mkdir(exist_ok=True)

    def run(self) -> Execution:
        watchdog = threading.Timer(_LONGEST_SECONDS, self.stop.request)
        watchdog.start()
        try:
            self.result = execute(self.spec, self.paths, self.environ, self._show, self.stop, self.started.set)
        finally:
            watchdog.cancel()
        return self

    def output(self) -> Any:
        assert self.result.output is not None
        return json.loads(self.result.output)

    def _show(self, stream: int, data: bytes) -> None:
        self.shown[stream] += data


class Pod:
    """The runner as a process of its own, in a folder that stands for the container's file system."""

    def __init__(self, root: Path, source: str | bytes | None, api: str = "", /, **fields: Any) -> None:
        self.root = root
        self.log = root / "termination-log"
        self._started: list[subprocess.Popen[bytes]] = []
        variables = fields.pop("variables", {})
        self.input = Input(root / "input", source, variables, **fields)
        (root / "work").mkdir()
        host, _, port = api.partition(":")
        self.environ = {
            "PATH": os.environ["PATH"],
            "SCRIPTRUN_POD": "hello-1-0-abcde",
            "SCRIPTRUN_FAILED_ATTEMPTS": "",
            "SCRIPTRUN_IGNORED_ATTEMPTS": "",
            **({"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port} if api else {}),
        }

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", "-c", _DRIVER, str(self.root), str(self.log)]
        process = subprocess.Popen(
            command, env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        """Leave no process behind, however the test went."""
        for process in self._started:
            process.kill()

    def run(self, seconds: float = 30) -> subprocess.CompletedProcess[bytes]:
        process = self.start()
        try:
            stdout, stderr = process.communicate(timeout=seconds)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def result(self) -> dict[str, Any]:
        """The termination message."""
        data = self.log.read_bytes()
        assert len(data) <= 4096
        document: dict[str, Any] = json.loads(data)
        return document


RunScript = Callable[..., Execution]
MakePod = Callable[..., Pod]
