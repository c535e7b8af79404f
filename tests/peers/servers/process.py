"""A server as a process of its own: started, waited for, paused, killed, started again on the same data and ports."""

import os
import random
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import urllib3

from localcluster.driver.errors import read_tail

START_SECONDS = 120.0
STOP_SECONDS = 20.0
_LOOK_SECONDS = 0.1
_LOG_LINES = 60
# Below the range from which the kernel takes ports of outgoing connections: a server that is down for a while
# finds its own free again.
_PORTS = range(20_000, 29_000)


def take_free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports of an address that were free a moment ago."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        if len(found) == count:
            break
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
        found.append(port)
    return found


class Server(ABC):
    """One server: a folder for its data and log, ports that stay the same through all its lives.

    Attributes:
        name: for people and for the log's name.
        folder: where it keeps everything; the working folder of the process.
        host: the address it listens on.
    """

    name: str

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.folder = folder
        self.host = host
        self._process: subprocess.Popen[bytes] | None = None
        self._http = urllib3.PoolManager(maxsize=128, retries=False)

    @abstractmethod
    def build_command(self) -> Sequence[str | Path]:
        """What to run."""

    def build_environment(self) -> Mapping[str, str]:
        """Variables to add to the present ones."""
        return {}

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it can be used; a connection error counts as no."""

    @property
    def log(self) -> Path:
        """What it printed, in all its lives."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self, seconds: float = START_SECONDS) -> Self:
        """Start it and wait until it is ready.

        Raises:
            AssertionError: it ended or was not ready in time; the message has the end of its log.
        """
        assert not self.running, f"{self.name} runs already"
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(part) for part in self.build_command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, **self.build_environment()},
                start_new_session=True,
            )
        try:
            self._wait_until_ready(seconds)
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to end (SIGTERM) and kill what is left after a while; nothing when it does not run."""
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill it (SIGKILL), as a machine that loses power would."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def restart(self) -> Self:
        """Stop it, and start it on the same data and ports."""
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Let it stand still (SIGSTOP): connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._signal(signal.SIGCONT)

    def tail(self) -> str:
        """The end of its log."""
        return read_tail(self.log, _LOG_LINES)

    def request(self, method: str, url: str, body: object = None, seconds: float = 30.0) -> tuple[int, Any]:
        """Ask it over HTTP; returns the status and the parsed body (text where it is no JSON, None where empty).

        Raises:
            urllib3.exceptions.HTTPError: no answer.
        """
        answer = self._http.request(method, url, json=body, timeout=seconds)
        try:
            return answer.status, answer.json() if answer.data else None
        except ValueError:
            return answer.status, answer.data.decode(errors="replace")

    def answers(self, url: str) -> bool:
        """Whether a GET of this address gets a 200; for ``is_ready``."""
        try:
            return self.request("GET", url, seconds=5)[0] == 200
        except urllib3.exceptions.HTTPError:
            return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._http.clear()

    def _wait_until_ready(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            assert self.running, f"{self.name} ended with exit code {self._exit_code()}:\n{self.tail()}"
            assert time.monotonic() < deadline, f"{self.name} was not ready within {seconds:g} s:\n{self.tail()}"
            time.sleep(_LOOK_SECONDS)

    def _exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def _signal(self, number: signal.Signals) -> None:
        # It leads a group of its own, and its number is not given to another before it has been waited for.
        if self.running:
            os.killpg(self.pid, number)


class JavaServer(Server):
    """A server that runs on Java, small: one collector thread, the quick compiler, little memory."""

    memory_megabytes = 384
    _java_options = ("-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8")

    def __init__(self, java: Path, folder: Path, host: str = "127.0.0.1") -> None:
        super().__init__(folder, host)
        self._java = java

    def build_command(self) -> Sequence[str | Path]:
        """What to run."""
        return [self._java, *self._java_options, f"-Xmx{self.memory_megabytes}m", *self.build_java_arguments()]

    @abstractmethod
    def build_java_arguments(self) -> Sequence[str | Path]:
        """Further options of Java, the program, and its arguments."""
