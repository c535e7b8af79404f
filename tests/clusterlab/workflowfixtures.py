"""Fixtures: the process that runs workflows, with the rights of the chart's own account."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterlab.chart import NAMESPACE, WORKFLOWS
from clusterlab.process import write_kubeconfig
from clusterlab.workflowprocess import WorkflowProcess


@pytest.fixture(scope="module")
def workflows(kubeconfig: Path, chart: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkflowProcess]:
    """One at work."""
    account = write_kubeconfig(kubeconfig, WORKFLOWS, tmp_path_factory.mktemp("workflows") / "kubeconfig")
    settings = {
        "LEASE_NAMESPACE": NAMESPACE,
        "LEASE_DURATION_SECONDS": "3",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "0",
        "LOG_FORMAT": "json",
    }
    process = WorkflowProcess(account, settings)
    process.start()
    process.wait_for_log("working")
    yield process
    if process.running:
        assert process.stop() == 0, process.tail()
    tracebacks = [line for line in process.log if "Traceback" in line]
    assert not tracebacks, "\n".join(tracebacks)
