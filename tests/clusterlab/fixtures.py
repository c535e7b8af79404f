"""Fixtures of the tests that run scripts: one operator for all of them, a namespace for each."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clusterlab.chart import NAMESPACE, OPERATOR, ensure_runner_image, install_without_operator
from clusterlab.process import OperatorProcess, write_kubeconfig
from clusterlab.space import Space, Watches, create_space
from helm import ROOT
from kubeapi import Api

pytest_plugins = ["clusterfixtures"]


@pytest.fixture(scope="session")
def chart(kubeconfig: Path) -> Iterator[None]:
    """CRDs, RBAC and admission policies of the chart, as Helm installs them; no operator."""
    with install_without_operator(kubeconfig):
        yield


@pytest.fixture(scope="session")
def admin(kubeconfig: Path, chart: None) -> Api:
    """The cluster's administrator."""
    return Api.from_kubeconfig(kubeconfig)


@pytest.fixture(scope="session")
def kubectl(kubeconfig: Path) -> Callable[..., str]:
    """Runs kubectl and returns what it printed."""
    find = [sys.executable, str(ROOT / "tests" / "localcluster"), "tool", "kubectl"]
    program = subprocess.run(find, check=True, capture_output=True, text=True).stdout.strip()

    def run(*arguments: str) -> str:
        command = [program, "--kubeconfig", str(kubeconfig), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def watches(kubeconfig: Path, chart: None) -> Iterator[Watches]:
    """What tests wait by."""
    with Watches.open(kubeconfig) as watches:
        yield watches


@pytest.fixture(scope="session")
def operator_settings(kubeconfig: Path) -> dict[str, str]:
    """The settings every operator of the tests starts from, without their prefix."""
    return {
        "RUNNER_IMAGE": os.environ.get("SCRIPTRUN_RUNNER_IMAGE") or ensure_runner_image(),
        "LEASE_NAMESPACE": NAMESPACE,
        "LEASE_DURATION_SECONDS": "6",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "0",
        "LOG_FORMAT": "json",
    }


@pytest.fixture(scope="session")
def operator_kubeconfig(kubeconfig: Path, chart: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig that holds what the chart gives the operator, and no more."""
    return write_kubeconfig(kubeconfig, OPERATOR, tmp_path_factory.mktemp("operator") / "kubeconfig")


@pytest.fixture(scope="session")
def _session_operator(operator_kubeconfig: Path, operator_settings: dict[str, str]) -> Iterator[OperatorProcess]:
    operator = OperatorProcess(operator_kubeconfig, operator_settings)
    yield operator
    if operator.running:
        assert operator.stop() == 0, operator.tail()
    tracebacks = [line for line in operator.log if "Traceback" in line]
    assert not tracebacks, "\n".join(tracebacks)


@pytest.fixture
def operator(_session_operator: OperatorProcess) -> OperatorProcess:
    """The operator, at work. A test may stop or kill it: the next one finds it started again."""
    if not _session_operator.running:
        _session_operator.start_and_lead()
    return _session_operator


@pytest.fixture
def no_operator(_session_operator: OperatorProcess) -> None:
    """Nobody works in the cluster but whom the test starts itself."""
    if _session_operator.running:
        assert _session_operator.stop() == 0, _session_operator.tail()


@pytest.fixture(scope="session")
def make_space(admin: Api, watches: Watches) -> Iterator[Callable[[], Space]]:
    """Makes a namespace; all go in the end, in the background."""
    made: list[str] = []

    def make() -> Space:
        space = create_space(admin, watches)
        made.append(space.name)
        return space

    yield make
    for name in made:
        admin.delete(f"/api/v1/namespaces/{name}")


def _borrow(make_space: Callable[[], Space], operator: OperatorProcess) -> Iterator[Space]:
    space = make_space()
    yield space
    space.api.delete(f"/api/v1/namespaces/{space.name}")


@pytest.fixture
def space(make_space: Callable[[], Space], operator: OperatorProcess) -> Iterator[Space]:
    """A namespace of the test's own, with an operator at work."""
    yield from _borrow(make_space, operator)


@pytest.fixture(scope="module")
def shared(make_space: Callable[[], Space], _session_operator: OperatorProcess) -> Iterator[Space]:
    """A namespace of the module's tests, whose runs go on beside each other."""
    if not _session_operator.running:
        _session_operator.start_and_lead()
    yield from _borrow(make_space, _session_operator)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Show the namespace and the operator's log below the failure of a test."""
    outcome = yield
    report = outcome.get_result()
    if report.passed:
        return
    known = getattr(item, "funcargs", {})
    for name in ("space", "shared"):
        if isinstance(known.get(name), Space):
            report.sections.append((f"namespace {known[name].name}", known[name].describe()))
    if isinstance(known.get("_session_operator"), OperatorProcess):
        report.sections.append(("operator", known["_session_operator"].tail()))
