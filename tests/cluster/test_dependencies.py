"""Libraries that scripts ask for, installed in real pods from an index of the tests' own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clusterlab.cachevolume import CLAIM, cache_claim
from clusterlab.process import OperatorProcess
from clusterlab.space import Space
from localcluster.driver.clusters import choose_cluster
from localcluster.driver.settings import read_settings
from packageindex import PackageIndex, build_wheel, serve_index
from peers.front import Authority

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

GREET = build_wheel("greet-lib", "1.4", {"greet_lib.py": "import tiny\n\ndef hi(): return f'hi {tiny.SIZE}'\n"})
TINY = build_wheel("tiny", "2.0", {"tiny/__init__.py": "SIZE = 3\n"})
WINDOWS = build_wheel("for-windows", "1.0", {"for_windows.py": ""}, tag="cp311-cp311-win_amd64")
SCRIPT = """
import json, os, sys, greet_lib

def can_write(folder):
    try:
        open(os.path.join(folder, "mine"), "w").close()
    except OSError as error:
        return error.strerror
    return "yes"

folder = os.path.dirname(greet_lib.__file__)
seen = dict(os.environ)
for number in filter(str.isdigit, os.listdir("/proc")):
    try:
        seen[number] = open(f"/proc/{number}/environ").read()
    except OSError:
        pass
json.dump({
    "said": greet_lib.hi(),
    "folder": os.path.dirname(folder),
    "writes": [can_write(folder), can_write(os.path.dirname(folder)), can_write("/scriptrun/installer")],
    "secret": any("s3cret" in text for text in seen.values()),
}, open(sys.argv[2], "w"))
"""


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """An index that pods reach."""
    host = choose_cluster(read_settings()).host_address()
    with serve_index(host, [GREET, TINY, WINDOWS]) as index:
        yield index


@pytest.fixture
def operate(
    operator_kubeconfig: Path, operator_settings: dict[str, str], no_operator: None
) -> Iterator[Callable[..., OperatorProcess]]:
    """Starts an operator with settings of the test's own."""
    operator = OperatorProcess(operator_kubeconfig, operator_settings)
    yield operator.start_and_lead
    if operator.running:
        assert operator.stop() == 0, operator.tail()


@pytest.fixture
def place(make_space: Callable[[], Space]) -> Iterator[Space]:
    """A namespace of the test's own."""
    space = make_space()
    yield space
    space.api.delete(f"/api/v1/namespaces/{space.name}")


def test_the_pod_installs_from_the_lock(place: Space, operate: Callable[..., OperatorProcess], tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    host = choose_cluster(read_settings()).host_address()
    with serve_index(host, [GREET, TINY], authority.issue(f"IP:{host}")) as index:
        index.credentials = "robot:s3cret"
        trust = {"DEPENDENCY_CA_BUNDLE": authority.certificate, "DEPENDENCY_CREDENTIALS_SECRET": "index"}
        operate(DEPENDENCY_INDEX_URL=index.url, **trust)
        data = {"username": "robot", "password": "s3cret"}
        place.create(place.path("secrets"), {"metadata": {"name": "index"}, "stringData": data})
        lock = index.lock("greet-lib", "tiny")
        place.start("greets", SCRIPT, {"dependencies": {"requirements": ["Greet.Lib>=1"], "lock": lock}})
        run = place.end_of("greets")
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output["said"] == "hi 3"
    assert run.output["writes"] == ["Read-only file system"] * 3
    assert run.output["secret"] is False


def test_a_second_run_finds_the_cache(
    place: Space, index: PackageIndex, operate: Callable[..., OperatorProcess], operator_settings: dict[str, str]
) -> None:
    operate(DEPENDENCY_INDEX_URL=index.url, DEPENDENCY_CACHE_CLAIM=CLAIM)
    with cache_claim(place.api, place.name, operator_settings["RUNNER_IMAGE"]):
        place.start("first", SCRIPT, {"dependencies": {"lock": index.lock("greet-lib", "tiny")}})
        first = place.end_of("first")
        assert first.end == ("Succeeded", "Completed"), first
        index.status = 503
        asked = len(index.asked)
        place.add_run("second", "first")
        second = place.end_of("second")
        assert second.end == ("Succeeded", "Completed"), second
        assert len(index.asked) == asked
        # Neither a library of its own nor another's: whoever writes there runs in every script with this lock.
        assert first.output["writes"] == second.output["writes"] == ["Read-only file system"] * 3
        assert first.output["folder"] == second.output["folder"] == "/scriptrun/libraries"
        mine = [{"name": "mine", "persistentVolumeClaim": {"claimName": CLAIM}}]
        place.start("poison", "1", {"volumes": mine, "volumeMounts": [{"name": "mine", "mountPath": "/mine"}]})
        refused = place.end_of("poison")
        assert refused.end == ("Failed", "ScriptNotAllowed"), refused
        assert CLAIM in refused.message


def test_what_goes_wrong(place: Space, index: PackageIndex, operate: Callable[..., OperatorProcess]) -> None:
    operate(DEPENDENCY_INDEX_URL=index.url)
    lock = index.lock("tiny")
    retried = {"backoffLimit": 1}
    other = build_wheel("tiny", "2.0", {"tiny/__init__.py": "SIZE = 'of somebody else'\n"}).sha256
    place.start("other-file", "import tiny", {**retried, "dependencies": {"lock": lock.replace(TINY.sha256, other)}})
    place.start("other-platform", "1", {**retried, "dependencies": {"lock": index.lock("for-windows")}})
    for name, words in (("other-file", "review what changed"), ("other-platform", "win_amd64")):
        run = place.end_of(name)
        assert run.end == ("Failed", "DependencyError"), run
        assert words in run.message
        assert len(run.attempts) == 1
    block = "# /// script\n# dependencies = ['greet-lib']\n# ///\nimport greet_lib"
    place.start("no-lock", block)
    place.start("old-lock", block, {"dependencies": {"lock": lock}})
    for name, words in (("no-lock", "scriptrun scripts render"), ("old-lock", "has no greet-lib")):
        run = place.end_of(name)
        assert run.end == ("Failed", "DependencyError"), run
        assert words in run.message
        assert run.attempts == []
        ready = place.watches.scripts.wait("Ready", lambda name=name: _find_ready(place, name), 20)
        assert (ready["status"], ready["reason"]) == ("False", "DependencyError")
        assert words in ready["message"]


def _find_ready(space: Space, name: str) -> dict[str, str] | None:
    script = space.watches.scripts.get((space.name, name)) or {}
    conditions = (script.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item["type"] == "Ready" and item["status"] == "False"), None)


def test_an_index_that_comes_back(place: Space, index: PackageIndex, operate: Callable[..., OperatorProcess]) -> None:
    operate(DEPENDENCY_INDEX_URL=index.url, DEPENDENCY_CREDENTIALS_SECRET="")
    index.status = 403
    spec = {"backoffLimit": 1, "dependencies": {"lock": index.lock("tiny")}}
    place.start("patient", "import tiny", spec)
    place.wait_run("patient", "a failed attempt", lambda run: run.reason == "Retrying" or run.ended)
    index.status = 0
    run = place.end_of("patient")
    assert run.end == ("Succeeded", "Completed"), run
    assert [attempt["reason"] for attempt in run.attempts] == ["IndexUnavailable", "Completed"]


def test_no_index(place: Space, operate: Callable[..., OperatorProcess]) -> None:
    operate()
    lock = f"tiny==2.0 --hash=sha256:{TINY.sha256}\n"
    place.start("nowhere", "import tiny", {"dependencies": {"lock": lock}})
    run = place.end_of("nowhere")
    assert run.end == ("Failed", "DependencyError"), run
    assert "dependencies.indexUrl" in run.message
