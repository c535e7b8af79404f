"""The fault suite, shorter than ``make faults`` runs it."""

import random

import pytest

from peers.faults.orchestrators import Orchestrator
from peers.faults.suite import run_suite
from peers.faults.world import Site

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterfixtures", "peers.faults.fixtures"]

TASKS = 24
STORM_SECONDS = 24.0


def test_a_storm_loses_nothing_and_does_nothing_twice(site: Site, orchestrator: Orchestrator) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    result = run_suite(site, orchestrator, TASKS, STORM_SECONDS, seed)
    assert not result.findings, f"seed {seed}: {result}"
    assert sum(result.kills.values()) >= STORM_SECONDS / 2, result
    assert result.kills["orchestrator"] == 1
    assert result.faults, "the line was never disturbed"
