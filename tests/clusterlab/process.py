"""An operator as a local process, with the rights of the chart's own ServiceAccount and none of the administrator's."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from helm import ROOT
from kubeapi import Api

START_SECONDS = 60.0
STOP_SECONDS = 30.0
_TOKEN_SECONDS = 7200


def write_kubeconfig(admin: Path, account: tuple[str, str], path: Path, server: str = "") -> Path:
    """Write a kubeconfig that holds a token of a ServiceAccount (namespace, name), by TokenRequest.

    Args:
        admin: The administrator's kubeconfig; its cluster is taken.
        account: Namespace and name.
        path: Where to write it.
        server: Another address than the cluster's own.
    """
    namespace, name = account
    api = Api.from_kubeconfig(admin)
    ask = {"spec": {"expirationSeconds": _TOKEN_SECONDS}}
    answer = api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", ask)
    assert answer.status == 201, answer
    document = yaml.safe_load(admin.read_text())
    current = next(item for item in document["contexts"] if item["name"] == document["current-context"])
    cluster = next(item for item in document["clusters"] if item["name"] == current["context"]["cluster"])
    context = {"cluster": cluster["name"], "user": name, "namespace": namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster["name"], "cluster": {"server": server} if server else cluster["cluster"]}],
        "users": [{"name": name, "user": {"token": answer.body["status"]["token"]}}],
        "contexts": [{"name": name, "context": context}],
        "current-context": name,
    }
    path.touch(0o600)
    path.write_text(yaml.safe_dump(config))
    return path


def find_free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class OperatorProcess:
    """One operator process: started, stopped, killed, and its log read as it comes.

    Attributes:
        log: Every line it wrote, of all its lives.
    """

    command = "operator"

    def __init__(self, kubeconfig: Path, settings: Mapping[str, str]) -> None:
        self.log: list[str] = []
        self._kubeconfig = kubeconfig
        self._settings = dict(settings)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._news = threading.Condition()
        self._since = 0

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, **settings: str) -> Self:
        """Start it; settings given here hold for this life only."""
        assert not self.running, "runs already"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SCRIPTRUN_")}
        environment |= {f"SCRIPTRUN_{name}": value for name, value in {**self._settings, **settings}.items()}
        environment |= {"KUBECONFIG": str(self._kubeconfig), "HOME": "/nonexistent"}
        self._since = len(self.log)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scriptrun", self.command],
            env=environment,
            cwd=ROOT,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        return self

    def start_and_lead(self, **settings: str) -> Self:
        """Start it and wait until it works."""
        self.start(**settings)
        self.wait_for_log("leading")
        return self

    def wait_for_log(self, event: str, seconds: float = START_SECONDS) -> dict[str, Any]:
        """Wait for a line of this life's log whose event contains this; returns its fields."""

        def look() -> dict[str, Any] | None:
            return next((line for line in self.events() if event in line.get("event", "")), None)

        with self._news:
            found = self._news.wait_for(lambda: look() or (not self.running and not self._reading()), seconds)
            if found is True or not found:
                raise AssertionError(f"the {self.command} never logged {event!r}:\n{self.tail()}")
            assert isinstance(found, dict)
            return found

    def events(self, level: str = "") -> list[dict[str, Any]]:
        """This life's log lines, parsed, and of one level where one is given."""
        parsed = (_parse(line) for line in self.log[self._since :])
        return [line for line in parsed if level in ("", line.get("level"))]

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """Ask it to stop (SIGTERM) and wait; returns its exit code."""
        return self._end(signal.SIGTERM, seconds)

    def kill(self) -> int:
        """Kill it (SIGKILL)."""
        return self._end(signal.SIGKILL, STOP_SECONDS)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait until it ends by itself; returns its exit code."""
        assert self._process is not None, "not started"
        code = self._process.wait(seconds)
        if self._reader is not None:
            self._reader.join(5)
        return code

    def tail(self, lines: int = 40) -> str:
        """The end of its log."""
        return "\n".join(self.log[-lines:])

    def _end(self, number: signal.Signals, seconds: float) -> int:
        assert self._process is not None, "not started"
        self._process.send_signal(number)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self.wait()
            raise AssertionError(f"the {self.command} did not stop within {seconds:g} s:\n{self.tail()}") from error

    def _reading(self) -> bool:
        return self._reader is not None and self._reader.is_alive()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        with process.stderr as stream:
            for line in stream:
                with self._news:
                    self.log.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()


class BridgeProcess(OperatorProcess):
    """A bridge process. Orchestrators of tests are on loopback, which Bridges may not connect to by default."""

    command = "bridge"

    def __init__(self, kubeconfig: Path, settings: Mapping[str, str]) -> None:
        super().__init__(kubeconfig, {"ALLOWED_ADDRESSES": "127.0.0.0/8,::1/128", **settings})

    def start_and_serve(self, **settings: str) -> Self:
        """Start it and wait until it serves a Bridge; there must be one."""
        self.start(**settings)
        self.wait_for_log("serving")
        return self


def _parse(line: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError:
        return {"event": line}
    return document if isinstance(document, dict) else {"event": line}
