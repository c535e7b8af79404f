"""`make demo`: what a newcomer sees first must work against the chart as it is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from e2e.release import Release, find_kubectl
from helm import ROOT

pytestmark = pytest.mark.e2e
pytest_plugins = ["e2e.fixtures"]


def test_the_demo_shows_three_runs_to_their_ends(installed: Release, kubeconfig: Path) -> None:
    try:
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests" / "localcluster"), "demo"], capture_output=True, text=True, timeout=200
        )
    finally:
        kubectl = [str(find_kubectl()), "--kubeconfig", str(kubeconfig), "--namespace", "default"]
        subprocess.run([*kubectl, "delete", "--filename", str(ROOT / "examples")], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert '{"greeting":"Hello, Ada!"}' in done.stdout
    assert "retry     Succeeded (Completed, 2 attempts)" in done.stdout
    assert "timeout   Failed (Timeout)" in done.stdout
