"""Fixtures of the tests that bring faults about."""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from peers.faults.lab import Lab, open_lab
from peers.faults.orchestrators import ATTEMPTS, ConductorSide, Orchestrator, ZeebeSide
from peers.faults.world import Site, open_site
from peers.servers.conductor import Conductor
from peers.servers.zeebe import Zeebe

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
def labs(site: Site, zeebe: Zeebe, conductor: Conductor) -> Iterator[list[Lab]]:
    """A lab with each orchestrator, both in one cluster."""
    with ExitStack() as stack:
        sides = (ZeebeSide(zeebe, f"faults-{next(_NUMBERS)}"), ConductorSide(conductor, f"faults-{next(_NUMBERS)}"))
        yield [stack.enter_context(open_lab(site, side, ATTEMPTS)) for side in sides]


@pytest.fixture(scope="module")
def shared_lab(request: pytest.FixtureRequest, site: Site, orchestrator: Orchestrator) -> Iterator[Lab]:
    """One lab of all tests of a module, with each orchestrator in turn."""
    with open_lab(site, orchestrator, getattr(request.module, "ATTEMPTS", ATTEMPTS)) as lab:
        yield lab


@pytest.fixture
def lab(shared_lab: Lab) -> Lab:
    """One operator, one bridge and one orchestrator, all at work, each behind a relay."""
    shared_lab.revive()
    return shared_lab


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Show the namespace and the logs below the failure of a test."""
    outcome = yield
    report, known = outcome.get_result(), getattr(item, "funcargs", {})
    if report.passed:
        return
    for lab in (*known.get("labs", ()), *(known[name] for name in ("shared_lab",) if name in known)):
        report.sections.append((f"{lab.orchestrator.name}: namespace", lab.world.space.describe()))
        report.sections.append((f"{lab.orchestrator.name}: operator", lab.operator.tail()))
        report.sections.append((f"{lab.orchestrator.name}: bridge", lab.bridge.tail()))
