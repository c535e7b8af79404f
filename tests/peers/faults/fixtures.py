"""Fixtures of the tests that bring faults about."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from peers.faults.lab import Lab, open_lab
from peers.faults.orchestrators import ATTEMPTS, ConductorSide, Orchestrator, ZeebeSide
from peers.faults.world import Site, open_site

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def site(kubeconfig: Path) -> Iterator[Site]:
    """The cluster, without operator and bridge."""
    with open_site(kubeconfig, os.environ.get("SCRIPTRUN_RUNNER_IMAGE", "")) as site:
        yield site


@pytest.fixture(scope="module", params=["zeebe", "conductor"])
def orchestrator(request: pytest.FixtureRequest) -> Orchestrator:
    """Each orchestrator in turn, with a type of task of the module's own."""
    server, work = request.getfixturevalue(request.param), f"faults-{next(_NUMBERS)}"
    return ZeebeSide(server, work) if request.param == "zeebe" else ConductorSide(server, work)


@pytest.fixture(scope="module")
def _lab(request: pytest.FixtureRequest, site: Site, orchestrator: Orchestrator) -> Iterator[Lab]:
    with open_lab(site, orchestrator, getattr(request.module, "ATTEMPTS", ATTEMPTS)) as lab:
        yield lab


@pytest.fixture
def lab(_lab: Lab) -> Lab:
    """One operator, one bridge and one orchestrator, all at work, each behind a relay."""
    _lab.revive()
    return _lab


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Show the namespace and the logs below the failure of a test."""
    outcome = yield
    report, lab = outcome.get_result(), getattr(item, "funcargs", {}).get("lab")
    if not report.passed and isinstance(lab, Lab):
        report.sections.append((f"namespace {lab.world.space.name}", lab.world.space.describe()))
        report.sections.append(("operator", lab.operator.tail()))
        report.sections.append(("bridge", lab.bridge.tail()))
