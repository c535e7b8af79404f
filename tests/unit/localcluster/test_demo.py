"""What the demonstration reads and shows, and that the examples are what it tells of."""

import pytest
import yaml

from localcluster.driver import demo
from localcluster.driver.demo import RUNS, Sight, parse_sight, render_sight
from localcluster.driver.errors import LocalClusterError
from localcluster.driver.settings import ROOT


@pytest.mark.parametrize(
    ("line", "sight"),
    [
        ("retry|Succeeded|Completed|1 2\n", Sight("retry", "Succeeded", "Completed", 2)),
        ("greeting|||\n", Sight("greeting", "", "", 0)),
        ("somebody-elses|Running||\n", None),
        ("\n", None),
    ],
)
def test_a_line_of_the_watch(line: str, sight: Sight | None) -> None:
    assert parse_sight(line) == sight


def test_a_change_reads_as_one_line() -> None:
    assert render_sight(Sight("retry", "Succeeded", "Completed", 2), 11.06) == (
        "   11.1 s  retry     Succeeded (Completed, 2 attempts)"
    )
    assert render_sight(Sight("greeting", "Running", "", 1), 0.5) == "    0.5 s  greeting  Running"


@pytest.mark.parametrize(
    ("phase", "ended"), [("Succeeded", True), ("Failed", True), ("Canceled", True), ("Running", False)]
)
def test_a_run_has_ended_in_a_terminal_phase(phase: str, ended: bool) -> None:
    assert Sight("greeting", phase, "", 1).ended is ended


def test_a_run_that_ends_otherwise_than_told_fails_the_demo() -> None:
    ends = {name: Sight(name, phase, "R", 1) for name, (_, phase) in RUNS.items()}
    demo._check(ends)
    with pytest.raises(LocalClusterError, match=r"timeout should have ended Failed, but: Succeeded \(R\)"):
        demo._check({**ends, "timeout": Sight("timeout", "Succeeded", "R", 1)})
    with pytest.raises(LocalClusterError, match="nothing within 120 s"):
        demo._check({})


def test_the_examples_hold_every_run_the_demo_tells_of() -> None:
    manifests = [m for path in sorted((ROOT / "examples").glob("*.yaml")) for m in yaml.safe_load_all(path.read_text())]
    runs = {m["metadata"]["name"] for m in manifests if m["kind"] == "ScriptRun"}
    assert set(RUNS) <= runs
