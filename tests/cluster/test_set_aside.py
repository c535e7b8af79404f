"""An operator that dies in the middle of a pass: the next one knows of which run, and at the third time leaves it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterlab.process import OperatorProcess
from clusterlab.space import Run, Space
from kubeapi import wait_for
from scriptrun.runtime.mark_file import MarkFile

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

PRINT = "import json, sys\njson.dump({'done': True}, open(sys.argv[2], 'w'))"
DONE = ("Succeeded", "Completed")
NOWHERE = {"scriptrun.dev/no-such-node": "true"}
LARGE = {"numbers": [1] * 400_000}
"""Variables whose pass has steps of tens of milliseconds: long enough to be hit."""


@pytest.fixture
def place(make_space: object) -> Space:
    """A namespace whose operators the test starts itself."""
    assert callable(make_space)
    space = make_space()
    assert isinstance(space, Space)
    return space


@pytest.fixture
def mortal(
    no_operator: None, operator_kubeconfig: Path, operator_settings: dict[str, str], tmp_path: Path
) -> Iterator[OperatorProcess]:
    """An operator with a state folder, which is the test's `tmp_path`."""
    operator = OperatorProcess(operator_kubeconfig, {**operator_settings, "STATE_DIR": str(tmp_path)})
    yield operator
    if operator.running:
        assert operator.stop() == 0, operator.tail()


def _die_at(operator: OperatorProcess, folder: Path, work: str) -> None:
    """Kill the operator, and let it be as if that had been in the middle of this work; then start it again."""
    operator.kill()
    mark = MarkFile(folder)
    mark.begin(work)
    mark.close()
    operator.start_and_lead()


def _interruptions(run: Run) -> int:
    return int(run.status.get("interruptions") or 0)


def test_a_run_that_takes_three_processes_along_is_set_aside_and_the_others_go_on(
    mortal: OperatorProcess, place: Space, tmp_path: Path
) -> None:
    mortal.start_and_lead()
    place.start("poison", PRINT, script={"nodeSelector": NOWHERE})
    wait_for("the run's Job", lambda: place.api.get(place.job_path("poison")).status == 200)
    for times in (1, 2):
        _die_at(mortal, tmp_path, f"run {place.name}/poison")
        place.wait_run("poison", f"{times} interruptions", lambda run, times=times: _interruptions(run) == times)
    assert not place.wait_run("poison", "to be there", lambda run: run).ended
    _die_at(mortal, tmp_path, f"run {place.name}/poison")
    ended = place.end_of("poison")
    assert ended.end == ("Failed", "OperatorCrashed"), ended
    assert "died 3 times in a row while it worked on this run" in ended.message
    assert place.api.get(place.job_path("poison")).body["spec"]["suspend"] is True
    place.start("good", PRINT)
    assert place.end_of("good").end == DONE


def test_a_script_that_takes_three_processes_along_is_not_ready_until_it_changes(
    mortal: OperatorProcess, place: Space, tmp_path: Path
) -> None:
    mortal.start_and_lead()
    place.add_script("poison", PRINT, handler="python")
    for _ in range(3):
        _die_at(mortal, tmp_path, f"script {place.name}/poison")

    def read_ready() -> str:
        status = place.api.get(place.script_path("poison")).body.get("status") or {}
        return next((str(item["reason"]) for item in status.get("conditions") or () if item["type"] == "Ready"), "")

    wait_for("the Script to be set aside", lambda: read_ready() == "OperatorCrashed")
    place.add_run("refused", "poison")
    assert place.end_of("refused").end == ("Failed", "ScriptNotAllowed")
    assert place.api.patch(place.script_path("poison"), {"spec": {"backoffLimit": 1}}).status == 200
    wait_for("the Script to be ready again", lambda: read_ready() == "Ready")
    place.add_run("good", "poison")
    assert place.end_of("good").end == DONE


def test_a_process_that_is_killed_in_the_middle_of_a_step_knows_of_which(
    mortal: OperatorProcess, place: Space, tmp_path: Path
) -> None:
    """Really killed, and seen to be in the middle of it by the file that it maps. Its run comes to a good end."""
    mortal.start_and_lead()
    place.add_script("large", PRINT, handler="python")
    for number in range(20):
        name = f"large-{number}"
        place.add_run(name, "large", variables=LARGE)
        if _kill_in_step(mortal, tmp_path / "under-way", f"run {place.name}/{name}"):
            break
        if not mortal.running:
            mortal.start_and_lead()
    else:
        raise AssertionError("no step was hit in 20 tries")
    mortal.start_and_lead()
    died = mortal.wait_for_log("this process died while it worked on it")
    assert (died["namespace"], died["run"], died["times"]) == (place.name, name, 1)
    ended = place.end_of(name)
    assert ended.end == DONE
    assert _interruptions(ended) == 1


def _kill_in_step(operator: OperatorProcess, path: Path, work: str) -> bool:
    """Kill the operator once it is in a step of this work; whether it was in one when it died."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if _read(path) == work:
            operator.kill()
            return _read(path) == work
    return False


def _read(path: Path) -> str:
    data = path.read_bytes()
    return data[2 : 2 + int.from_bytes(data[:2], "big")].decode()
