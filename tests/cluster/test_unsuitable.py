"""An operator that can't work in a cluster says why in one line and ends with exit code 1."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.frontserver import serve_front
from clusterlab.process import OperatorProcess, find_free_port, write_kubeconfig
from clusterlab.space import Space

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]


@pytest.fixture
def write_front_config(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a kubeconfig for a server that asks for no credentials."""

    def write(server: str) -> Path:
        path = tmp_path / "kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "front", "cluster": {"server": server}}],
            "users": [{"name": "nobody", "user": {}}],
            "contexts": [{"name": "front", "context": {"cluster": "front", "user": "nobody"}}],
            "current-context": "front",
        }
        path.write_text(json.dumps(config))
        return path

    return write


def _end(kubeconfig: Path, settings: dict[str, str]) -> str:
    """Start an operator that must end by itself; returns its one line."""
    operator = OperatorProcess(kubeconfig, settings).start()
    code = operator.wait(30)
    assert code == 1, operator.tail()
    assert len(operator.log) == 1, operator.tail()
    return operator.log[0]


def test_without_the_crds(
    kubeconfig: Path, operator_settings: dict[str, str], write_front_config: Callable[[str], Path]
) -> None:
    hide = lambda path: path.replace("/scriptrun.dev/", "/not-installed.scriptrun.dev/")  # noqa: E731
    with serve_front(kubeconfig, path=hide) as server:
        line = _end(write_front_config(server), operator_settings)
    assert line.startswith("error: the cluster has no scripts.scriptrun.dev: install the CRDs first")
    assert "scriptrun crds" in line


def test_an_old_kubernetes(
    kubeconfig: Path, operator_settings: dict[str, str], write_front_config: Callable[[str], Path]
) -> None:
    def age(text: str) -> str:
        return re.sub(
            r'("gitVersion": *)"[^"]*"', r'\1"v1.29.14-gke"', re.sub(r'("minor": *)"[^"]*"', r'\1"29+"', text)
        )

    with serve_front(kubeconfig, text=age) as server:
        line = _end(write_front_config(server), operator_settings)
    assert line.startswith("error: Kubernetes v1.29.14-gke is too old: 1.30 is the oldest")


def test_without_rights(space: Space, kubeconfig: Path, operator_settings: dict[str, str], tmp_path: Path) -> None:
    space.create(space.path("serviceaccounts"), {"metadata": {"name": "nobody"}})
    config = write_kubeconfig(kubeconfig, (space.name, "nobody"), tmp_path / "kubeconfig")
    line = _end(config, operator_settings)
    assert line.startswith("error: the operator may not read scripts: ")
    assert f"system:serviceaccount:{space.name}:nobody" in line
    assert "Install the chart's RBAC" in line


def test_with_a_token_that_is_none(
    kubeconfig: Path, operator_kubeconfig: Path, operator_settings: dict[str, str], tmp_path: Path
) -> None:
    broken = tmp_path / "kubeconfig"
    broken.write_text(re.sub(r"token: \S+", "token: not-a-token", operator_kubeconfig.read_text()))
    line = _end(broken, operator_settings)
    assert line.startswith("error: ")
    assert "Unauthorized" in line
    assert "not-a-token" not in line


def test_nobody_answers(operator_settings: dict[str, str], write_front_config: Callable[[str], Path]) -> None:
    address = f"http://127.0.0.1:{find_free_port()}"
    line = _end(write_front_config(address), operator_settings)
    assert line.startswith("error: the API server can't be asked for its version: ")


def test_no_cluster_at_all(operator_settings: dict[str, str], tmp_path: Path) -> None:
    line = _end(tmp_path / "absent", operator_settings)
    assert line.startswith("error: no cluster to talk to: ")
    assert "Set KUBECONFIG" in line
