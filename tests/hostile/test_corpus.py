"""Every input of the corpus comes to the end that is right for it, and nothing else in the cluster notices.

The inputs are fed a few at a time from the start of the module; each test waits for the end of its own.
"""

from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest

from hostile.corpus import CORPUS
from hostile.corpus.case import Case
from hostile.feed import Feeding, judge
from hostile.lab import Lab, Peers, open_lab
from peers.servers.conductor import Conductor
from peers.servers.zeebe import Zeebe

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]


@pytest.fixture(scope="module")
def lab(
    kubeconfig: Path, chart: None, operator_settings: dict[str, str], zeebe: Zeebe, conductor: Conductor
) -> Iterator[Lab]:
    """Operator, bridge and API at work, and canaries singing."""
    with open_lab(kubeconfig, operator_settings["RUNNER_IMAGE"], Peers(zeebe, conductor)) as lab:
        yield lab


@pytest.fixture(scope="module")
def feeding(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Feeding]:
    """The selected cases, all of them under way."""
    parameters = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    with Feeding(lab, [found.params["case"] for found in parameters if found is not None]) as feeding:
        yield feeding


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_input_comes_to_its_end(case: Case, feeding: Feeding) -> None:
    assert not judge(case, feeding.findings[case.name].result())


def test_no_canary_was_lost(lab: Lab, feeding: Feeding) -> None:
    wait(feeding.findings.values())
    lab.canaries.finish()
    assert lab.canaries.songs
    assert not lab.canaries.lost


def test_no_process_was_restarted(lab: Lab, feeding: Feeding) -> None:
    wait(feeding.findings.values())
    assert not lab.watchdog.restarts


def test_no_process_met_an_error_that_it_did_not_expect(lab: Lab, feeding: Feeding) -> None:
    wait(feeding.findings.values())
    for watched in lab.watchdog.watched:
        tracebacks = [line for line in watched.process.log if "Traceback" in line]
        assert not tracebacks, "\n".join(tracebacks)
