"""Each input of the corpus has its expected outcome, and nothing else in the cluster is affected.

All inputs are fed from the start of the module, several at a time; each test waits for the outcome of one.
"""

from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest

from clusterlab.process import OperatorProcess
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
    kubeconfig: Path,
    operator_settings: dict[str, str],
    _session_operator: OperatorProcess,
    zeebe: Zeebe,
    conductor: Conductor,
) -> Iterator[Lab]:
    """Operator, bridge and API at work, with canaries; no other operator is."""
    if _session_operator.running:
        assert _session_operator.stop() == 0, _session_operator.tail()
    with open_lab(kubeconfig, operator_settings["RUNNER_IMAGE"], Peers(zeebe, conductor)) as lab:
        yield lab


@pytest.fixture(scope="module")
def feeding(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Feeding]:
    """The selected cases, being fed."""
    parameters = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    with Feeding(lab, [found.params["case"] for found in parameters if found is not None]) as feeding:
        yield feeding


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_input_has_its_expected_outcome(case: Case, feeding: Feeding) -> None:
    assert not judge(case, feeding.findings[case.name].result())


def test_every_canary_succeeds(lab: Lab, feeding: Feeding) -> None:
    wait(feeding.findings.values())
    lab.canaries.finish()
    assert lab.canaries.done
    assert not lab.canaries.problems


def test_no_process_is_restarted(lab: Lab, feeding: Feeding) -> None:
    wait(feeding.findings.values())
    assert not lab.watchdog.restarts


def test_no_process_logs_a_traceback(lab: Lab, feeding: Feeding) -> None:
    wait(feeding.findings.values())
    for watched in lab.watchdog.watched:
        tracebacks = [line for line in watched.process.log if "Traceback" in line]
        assert not tracebacks, "\n".join(tracebacks)
