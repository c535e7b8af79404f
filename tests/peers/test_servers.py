"""What starts the servers: it says why one does not come up, and leaves nothing behind. Python stands in for Java."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import urllib3

from localcluster.driver.errors import LocalClusterError
from localcluster.driver.settings import Settings
from peers.servers import artifacts
from peers.servers.artifacts import Artifact, ensure_artifact
from peers.servers.java import find_java
from peers.servers.process import Server, take_free_ports


class Files(Server):
    """Serves the names in its folder."""

    name = "files"

    def __init__(self, folder: Path, *arguments: str) -> None:
        super().__init__(folder)
        (self.port,) = take_free_ports(1)
        self._arguments = arguments or ("-m", "http.server", "--bind", self.host, str(self.port))

    def build_command(self) -> Sequence[str | Path]:
        return [sys.executable, "-u", *self._arguments]

    def is_ready(self) -> bool:
        return self.answers(f"http://{self.host}:{self.port}/")


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_server_is_started_killed_and_started_again_at_its_address(tmp_path: Path) -> None:
    with Files(tmp_path) as server:
        first = server.pid
        server.kill()
        assert not server.running
        server.start()
        assert server.is_ready()
        assert server.pid != first
        server.restart()
        last = server.pid
    assert not is_alive(last)
    server.stop()  # again: nothing to do


def test_a_paused_server_does_not_answer(tmp_path: Path) -> None:
    with Files(tmp_path) as server:
        server.pause()
        with pytest.raises(urllib3.exceptions.HTTPError):
            server.request("GET", f"http://{server.host}:{server.port}/", seconds=0.2)
        server.resume()
        assert server.is_ready()
        server.pause()  # stopped all the same


def test_a_server_that_ends_at_once_is_explained_by_its_log(tmp_path: Path) -> None:
    server = Files(tmp_path, "-c", "print('no license'); raise SystemExit(3)")
    with pytest.raises(AssertionError, match=r"files ended with exit code 3:\s+no license"):
        server.start()


def test_a_server_that_never_is_ready_is_explained_and_ended(tmp_path: Path) -> None:
    server = Files(tmp_path, "-c", "print('thinking', flush=True); __import__('time').sleep(60)")
    with pytest.raises(AssertionError, match=r"files was not ready within 0\.5 s:\s+thinking"):
        server.start(seconds=0.5)
    assert not server.running
    assert not is_alive(server.pid)


def test_ports_are_not_those_of_outgoing_connections() -> None:
    ports = take_free_ports(20)
    assert len(set(ports)) == 20
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(ports) < lowest


def test_a_file_of_another_checksum_is_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy(_settings: Settings, _artifact: Artifact, target: Path) -> None:
        target.mkdir(parents=True)
        (target / "thing.jar").write_bytes(b"hello")

    unpacked: list[Path] = []
    monkeypatch.setattr(artifacts, "_copy", copy)
    monkeypatch.setattr(artifacts, "PACKAGES", {})
    settings = Settings(state=tmp_path / "state", cache=tmp_path / "cache")
    wrong = Artifact("org.example:thing:1.0:jar", sha256="0" * 64, megabytes=1)
    with pytest.raises(LocalClusterError, match="is not the file these tests were written with"):
        ensure_artifact(settings, wrong, lambda archive, _: unpacked.append(archive))
    assert unpacked == []
    assert os.listdir(tmp_path / "cache" / "peers") == []
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    right = Artifact("org.example:thing:1.0:jar", sha256=digest, megabytes=1)

    def keep(archive: Path, folder: Path) -> None:
        archive.rename(folder / "thing.jar")

    for _ in range(2):
        folder = ensure_artifact(settings, right, keep)
    assert (folder / "thing.jar").read_bytes() == b"hello"
    assert folder.name == "thing-1.0-2cf24dba5fb0a30e"


def test_the_newest_java_is_taken_and_an_old_one_is_none(tmp_path: Path) -> None:
    for name, version in (("a", "17.0.15"), ("b", "25"), ("c", "21.0.1")):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "java").touch()
        (tmp_path / name / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    assert find_java(tmp_path) == tmp_path / "b" / "bin" / "java"
    (tmp_path / "b" / "release").unlink()
    assert find_java(tmp_path) == tmp_path / "c" / "bin" / "java"
    (tmp_path / "c" / "release").write_text("")
    assert find_java(tmp_path) is None
