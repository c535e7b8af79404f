"""An operator that works in a list of namespaces, with the chart's Roles there and no right anywhere else."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clusterlab.process import OperatorProcess, write_kubeconfig
from clusterlab.space import Space
from helm import CHART, helm
from kubeapi import Api

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

RELEASE = "listed"


@pytest.fixture(scope="module")
def spaces(make_space: Callable[[], Space]) -> list[Space]:
    """Two namespaces that are worked in, one that is not, and the release's own."""
    return [make_space() for _ in range(4)]


@pytest.fixture(scope="module")
def account(spaces: list[Space], kubeconfig: Path, chart: None) -> Iterator[tuple[str, str]]:
    """The ServiceAccount of a second release of the chart, bound in the first two namespaces."""
    values = {
        "watchNamespaces": [space.name for space in spaces[:2]],
        "operator": {"replicas": 0},
        "runner": {"clusterRole": {"create": False}},
        "rbac": {"userRoles": {"create": False}},
        "admissionPolicy": {"create": False},
        "crds": {"install": False},
    }
    where = ("--namespace", spaces[3].name)
    helm("install", RELEASE, str(CHART), *where, values=values, kubeconfig=kubeconfig)
    yield spaces[3].name, f"{RELEASE}-scriptrun-operator"
    helm("uninstall", RELEASE, *where, "--wait", kubeconfig=kubeconfig)


@pytest.fixture
def listed(
    no_operator: None,
    spaces: list[Space],
    account: tuple[str, str],
    kubeconfig: Path,
    operator_settings: dict[str, str],
    tmp_path: Path,
) -> Iterator[OperatorProcess]:
    """The operator of that release."""
    config = write_kubeconfig(kubeconfig, account, tmp_path / "kubeconfig")
    settings = {
        **operator_settings,
        "LEASE_NAMESPACE": account[0],
        "WATCH_NAMESPACES": ", ".join(space.name for space in spaces[:2]),
        # Fewer than it has watches, which must not keep it from making requests.
        "MAX_CONNECTIONS": "4",
    }
    operator = OperatorProcess(config, settings).start_and_lead()
    yield operator
    assert operator.stop() == 0, operator.tail()


def test_it_works_where_it_may_and_nowhere_else(listed: OperatorProcess, spaces: list[Space], admin: Api) -> None:
    first, second, other, _own = spaces
    for space in (other, first, second):
        space.add_config_map("scripts", {"hello.sh": """echo '{"hello": "world"}' > "$2" """})
        space.add_script("hello.sh", source={"configMap": {"name": "scripts", "key": "hello.sh"}})
        space.add_run("hello", "hello.sh")
    for space in (first, second):
        run = space.end_of("hello")
        assert run.end == ("Succeeded", "Completed"), run
        assert run.output == {"hello": "world"}
    untouched = other.run("hello")
    assert untouched is not None
    assert untouched.status == {}
    assert other.owned_by(untouched) == set()
    assert admin.get(other.path("serviceaccounts", "scriptrun-runner")).status == 404
    assert not listed.events("error"), listed.tail()


def test_a_namespace_it_may_not_work_in_is_named(
    no_operator: None,
    spaces: list[Space],
    account: tuple[str, str],
    kubeconfig: Path,
    operator_settings: dict[str, str],
    tmp_path: Path,
) -> None:
    config = write_kubeconfig(kubeconfig, account, tmp_path / "kubeconfig")
    settings = {**operator_settings, "LEASE_NAMESPACE": account[0], "WATCH_NAMESPACES": spaces[2].name}
    operator = OperatorProcess(config, settings).start()
    assert operator.wait(30) == 1
    assert operator.log[-1].startswith("error: the operator may not read scripts: ")
    assert spaces[2].name in operator.log[-1]
