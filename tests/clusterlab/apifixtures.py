"""Fixtures: the REST API as a process of the tests' own, with a history in SQLite, and a caller who may run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clusterlab.apiprocess import API, HELLO, ApiProcess, Caller, log_in
from clusterlab.chart import NAMESPACE
from clusterlab.process import write_kubeconfig
from clusterlab.space import Space


@pytest.fixture(scope="session")
def api_kubeconfig(kubeconfig: Path, chart: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig that holds what the chart gives the API, and no more."""
    return write_kubeconfig(kubeconfig, API, tmp_path_factory.mktemp("api") / "kubeconfig")


@pytest.fixture(scope="module")
def make_api(api_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ApiProcess]]:
    """Makes an API process, not started yet; FOLDER in HISTORY_URL is one of its own.

    They all end with the module: one that went on would write its condition to the runs of tests that count writes.
    """
    made: list[ApiProcess] = []

    def make(**settings: str) -> ApiProcess:
        folder = tmp_path_factory.mktemp("history")
        common = {
            "LEASE_NAMESPACE": NAMESPACE,
            "LEASE_NAME": "scriptrun-history",
            "LEASE_DURATION_SECONDS": "3",
            "LOG_FORMAT": "json",
            "TOKENS_DIR": str(folder),
            # One whose Lease another test's process holds would store nothing.
            "LEADER_ELECTION": "false",
            **settings,
        }
        url = common.get("HISTORY_URL", "").replace("FOLDER", str(folder))
        process = ApiProcess(api_kubeconfig, {**common, "HISTORY_URL": url}, folder, made)
        made.append(process)
        return process

    yield make
    for process in made:
        if process.running:
            assert process.stop() == 0, process.tail()
        tracebacks = [line for line in process.log if "Traceback" in line]
        assert not tracebacks, "\n".join(tracebacks)


@pytest.fixture(scope="module")
def _module_api(make_api: Callable[..., ApiProcess]) -> ApiProcess:
    return make_api(HISTORY_URL="sqlite:///FOLDER/history.db")


@pytest.fixture
def rest(_module_api: ApiProcess) -> ApiProcess:
    """The API, at work, with a history."""
    return _module_api if _module_api.running else _module_api.start_and_serve()


@pytest.fixture
def caller(rest: ApiProcess, space: Space) -> Caller:
    """Somebody with the role edit in the test's namespace, where there is a Script ``hello.py``."""
    space.add_script("hello.py", HELLO, handler="python")
    return Caller(rest.url, space.name, log_in(space, "edit"))
