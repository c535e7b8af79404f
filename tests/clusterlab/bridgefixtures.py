"""Fixtures of the tests that bridge: a gateway, and a Bridge to it in a namespace of the test's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clusterlab.bridgespace import BridgeSpace
from clusterlab.chart import BRIDGE
from clusterlab.process import BridgeProcess, write_kubeconfig
from clusterlab.space import Space
from clusterlab.zeebe import FakeZeebe


@pytest.fixture
def zeebe() -> Iterator[FakeZeebe]:
    """A gateway."""
    zeebe = FakeZeebe()
    yield zeebe
    zeebe.close()


@pytest.fixture(scope="session")
def bridge_kubeconfig(kubeconfig: Path, chart: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig that holds what the chart gives the bridge, and no more."""
    return write_kubeconfig(kubeconfig, BRIDGE, tmp_path_factory.mktemp("bridge") / "kubeconfig")


@pytest.fixture(scope="session")
def bridge_settings() -> dict[str, str]:
    """The settings every bridge process of the tests starts from, without their prefix."""
    return {
        "LEASE_NAMESPACE": BRIDGE[0],
        "LEASE_DURATION_SECONDS": "6",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "0",
        "LOG_FORMAT": "json",
    }


@pytest.fixture
def process(bridge_kubeconfig: Path, bridge_settings: dict[str, str]) -> Iterator[BridgeProcess]:
    """A bridge process; a test may stop or kill it."""
    process = BridgeProcess(bridge_kubeconfig, bridge_settings)
    yield process
    if process.running:
        assert process.stop(45) == 0, process.tail()
    tracebacks = [line for line in process.log if "Traceback" in line]
    assert not tracebacks, "\n".join(tracebacks)


@pytest.fixture
def idle(space: Space, zeebe: FakeZeebe, process: BridgeProcess) -> Iterator[BridgeSpace]:
    """A namespace, an operator at work, a gateway; no Bridge yet, and nobody to serve it."""
    place = BridgeSpace(space, zeebe)
    yield place
    if place.bridge().status == 200:
        if not process.running:
            process.start()
        zeebe.away, zeebe.token = False, ""
        for job in zeebe.jobs.values():
            if job.state == "open":
                zeebe.cancel(job)
        place.delete()


@pytest.fixture
def bridged(idle: BridgeSpace, process: BridgeProcess) -> BridgeSpace:
    """The same with a Bridge that is served."""
    idle.add_bridge()
    process.start_and_serve()
    return idle


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Show the bridge's log below the failure of a test."""
    outcome = yield
    report = outcome.get_result()
    process = getattr(item, "funcargs", {}).get("process")
    if not report.passed and isinstance(process, BridgeProcess):
        report.sections.append(("bridge", process.tail()))
