"""A release's life: replicas, the notes' first script, an upgrade and a lost leader with runs in flight, the end."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterlab.space import Run, Space
from e2e.release import NAMESPACE, SETTINGS, Release, find_kubectl
from helm import CHART, ROOT, read_notes
from kubeapi import wait_for

pytestmark = pytest.mark.e2e
pytest_plugins = ["e2e.fixtures"]

WORK = """
import json, sys, time
variables = json.load(open(sys.argv[1]))
time.sleep(variables["seconds"])
json.dump({"number": variables["number"]}, open(sys.argv[2], "w"))
"""
COLUMN = "Exit"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/scriptruns.scriptrun.dev"


@pytest.fixture(autouse=True)
def _describe_operator(installed: Release, request: pytest.FixtureRequest) -> Iterator[None]:
    """Show the operator's state below a failure."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        print(installed.describe())  # noqa: T201


def _check_all_ran_once(space: Space, numbers: dict[str, int]) -> list[Run]:
    """Every run succeeded, with its own output, by one pod."""
    ended = [space.end_of(name, 120) for name in numbers]
    assert {run.name: run.end for run in ended} == dict.fromkeys(numbers, ("Succeeded", "Completed"))
    assert {run.name: run.output for run in ended} == {name: {"number": number} for name, number in numbers.items()}
    assert {run.name: len(run.attempts) for run in ended} == dict.fromkeys(numbers, 1)
    assert {name: len(space.pods_seen(name)) for name in numbers} == dict.fromkeys(numbers, 1)
    return ended


def _add_run(space: Space, script: str, number: int, seconds: float) -> dict[str, int]:
    name = f"{script}-{number}"
    space.add_run(name, script, variables={"number": number, "seconds": seconds})
    return {name: number}


def _measure_seconds(run: Run) -> float:
    created, finished = run.body["metadata"]["creationTimestamp"], run.status["finishedAt"]
    return (datetime.fromisoformat(finished) - datetime.fromisoformat(created)).total_seconds()


def test_two_replicas_are_ready_and_one_leads(installed: Release) -> None:
    leader = wait_for("a leader", installed.find_leader)
    pods = {pod["metadata"]["name"]: pod for pod in installed.find_pods()}
    assert len(pods) == 2
    wait_for("its metric", lambda: "scriptrun_leader 1.0" in installed.ask_pod(leader, "/metrics"))
    for name, pod in pods.items():
        assert pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
        assert installed.ask_pod(name, "/healthz") == "ok\n"
        assert installed.ask_pod(name, "/readyz") == "ok\n"
        assert ("scriptrun_leader 1.0" in installed.ask_pod(name, "/metrics")) == (name == leader)


def test_what_the_notes_say_works(installed: Release, space: Space, kubeconfig: Path) -> None:
    """Their commands, pasted into a shell, in a namespace of the test's own."""
    notes = read_notes({"watchNamespaces": [space.name]})
    text = notes[notes.index("\n1. ") : notes.index("\n`kubectl explain")]
    told = re.sub(r"^\d\. .*$", "", text, flags=re.MULTILINE)
    path = f"{find_kubectl().parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-euc", told],
        env={"PATH": path, "KUBECONFIG": str(kubeconfig), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert '{"greeting":"Hello, Ada!"}' in done.stdout
    assert space.api.get(space.run_path("hello-1")).status == 404


def test_an_upgrade_loses_no_run_and_runs_none_twice(installed: Release, space: Space, tmp_path: Path) -> None:
    """From a chart whose CRDs lack something; runs are under way, wait their turn, and keep coming all the while."""
    installed.apply(SETTINGS, chart=_build_older_chart(tmp_path))
    assert COLUMN not in _read_columns(installed)
    before = {pod["metadata"]["name"] for pod in installed.find_pods()}
    space.add_script("work", WORK, handler="python")
    space.add_script("one-by-one", WORK, handler="python", maxConcurrentRuns=1)
    numbers: dict[str, int] = {}
    for number in range(2):
        numbers |= _add_run(space, "work", number, seconds=25)
    for number in range(5):
        numbers |= _add_run(space, "one-by-one", number, seconds=3)
    space.wait_started("work-1")

    coming: dict[str, int] = {}
    with ThreadPoolExecutor(1) as pool:
        upgrade = pool.submit(installed.apply, {"operator": {"settings": {"leaseDurationSeconds": 6, "workers": 8}}})
        while not upgrade.done():
            coming |= _add_run(space, "work", 100 + len(coming), seconds=0)
            space.wait_run(list(coming)[-1], "its Job", lambda run: space.watches.jobs.get((space.name, run.name)))
        upgrade.result()

    assert len(coming) > 3
    _check_all_ran_once(space, numbers)
    late = {run.name: _measure_seconds(run) for run in _check_all_ran_once(space, coming)}
    assert max(late.values()) < 30, late
    after = {pod["metadata"]["name"] for pod in installed.find_pods()}
    assert len(after) == 2
    assert not after & before
    assert COLUMN in _read_columns(installed)


def _build_older_chart(folder: Path) -> Path:
    """A version before this one, whose runs had a column less."""
    chart = shutil.copytree(CHART, folder / "scriptrun")
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    (chart / "Chart.yaml").write_text(yaml.safe_dump({**about, "version": "0.0.9"}))
    path = chart / "files" / "crds" / "scriptruns.yaml"
    crd = yaml.safe_load(path.read_text())
    version: dict[str, Any] = crd["spec"]["versions"][0]
    columns = version["additionalPrinterColumns"]
    version["additionalPrinterColumns"] = [column for column in columns if column["name"] != COLUMN]
    path.write_text(yaml.safe_dump(crd))
    return chart


def _read_columns(release: Release) -> list[str]:
    columns = release.api.get(CRD).body["spec"]["versions"][0]["additionalPrinterColumns"]
    return [column["name"] for column in columns]


def test_a_lost_leader_is_replaced(installed: Release, space: Space) -> None:
    """Its pod is killed without a word, with a run under way and one that comes when nobody leads."""
    space.add_script("work", WORK, handler="python")
    leader = wait_for("a leader", installed.find_leader)
    numbers = _add_run(space, "work", 1, seconds=5)
    space.wait_started("work-1")
    killed = installed.api.delete(f"/api/v1/namespaces/{NAMESPACE}/pods/{leader}", {"gracePeriodSeconds": 0})
    assert killed.status == 200, killed
    numbers |= _add_run(space, "work", 2, seconds=0)
    _check_all_ran_once(space, numbers)
    assert wait_for("another leader", installed.find_leader) != leader


def test_an_uninstall_keeps_what_is_the_users(installed: Release, space: Space) -> None:
    """CRDs, Scripts, runs and their outputs stay; the next install goes on with them."""
    space.add_script("work", WORK, handler="python")
    done = _add_run(space, "work", 1, seconds=0)
    [ended] = _check_all_ran_once(space, done)
    installed.remove()

    assert {name for name in installed.find_remains() if not name.startswith("crd/")} == set()
    crds = {name for name in installed.find_remains() if name.startswith("crd/")}
    assert crds == {f"crd/{path.stem}.scriptrun.dev" for path in (ROOT / "crds").glob("*.yaml")}
    assert space.api.get(space.run_path("work-1")).body["status"] == ended.status
    assert space.get_config_map(ended.status["outputRef"]["configMap"])
    waiting = _add_run(space, "work", 2, seconds=0)

    installed.apply(SETTINGS)
    _check_all_ran_once(space, waiting)
