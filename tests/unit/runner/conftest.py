"""Fixtures of the runner's tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from unit.runner.api_server import ApiServer, make_certificate
from unit.runner.harness import Execution, Input, MakePod, Pod, RunScript


@pytest.fixture
def run_script(tmp_path: Path) -> RunScript:
    """Execute a script in this process: source, then variables, environ and fields of run.json by name."""

    def run(source: str | bytes | None, /, **fields: Any) -> Execution:
        environ = fields.pop("environ", None)
        Input(tmp_path / "input", source, fields.pop("variables", {}), **fields)
        return Execution(tmp_path, environ).run()

    return run


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    assert shutil.which("openssl"), "install openssl: the runner's tests make a certificate with it"
    return make_certificate(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def api(certificate: tuple[Path, Path]) -> Iterator[ApiServer]:
    server = ApiServer(*certificate)
    yield server
    server.stop()


@pytest.fixture
def make_pod(tmp_path: Path, certificate: tuple[Path, Path], request: pytest.FixtureRequest) -> Iterator[MakePod]:
    """Make a pod: source, then variables and fields of run.json by name; with the `api` of the test, if it has one."""
    pods: list[Pod] = []

    def make(source: str | bytes | None, /, **fields: Any) -> Pod:
        address = request.getfixturevalue("api").address if "api" in request.fixturenames else ""
        pods.append(Pod(tmp_path, source, address, **fields))
        (tmp_path / "token").mkdir()
        shutil.copy(certificate[0], tmp_path / "token" / "ca.crt")
        (tmp_path / "token" / "token").write_text("token-1\n")
        return pods[-1]

    yield make
    for pod in pods:
        pod.end()
