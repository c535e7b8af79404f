"""`make demo`: what a newcomer sees first must work against the chart as it is installed."""

import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from e2e.release import SETTINGS, Release, find_kubectl
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


def test_the_demo_with_peers_shows_a_process_and_a_workflow_to_their_ends(
    installed: Release, kubeconfig: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with capfd.disabled():  # whoever waits for the download sees it
        subprocess.run([sys.executable, str(ROOT / "tests" / "peers" / "servers")], check=True)
    installed.apply({**SETTINGS, "bridge": {"create": True}})
    kubectl = [str(find_kubectl()), "--kubeconfig", str(kubeconfig), "--namespace", "scriptrun-demo"]
    try:
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests" / "peers" / "demo.py")], capture_output=True, text=True, timeout=300
        )
        left = subprocess.run([*kubectl, "get", "bridges", "--output", "name"], capture_output=True, text=True).stdout
    finally:
        subprocess.run([*kubectl, "delete", "namespace", "scriptrun-demo"], check=False)
        installed.apply(SETTINGS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'Zeebe has completed it, with {"greeting": "Hello, Ada!", "name": "Ada", "words": 2}' in done.stdout
    assert 'Conductor has completed it, with {"greeting": "Hello, Ada!", "words": 2}' in done.stdout
    shown = re.findall(r"(greet\.py|count-words\.sh) +task \S+  run (zeebe|conductor)-\S+  Succeeded", done.stdout)
    assert shown == [(script, engine) for engine in ("zeebe", "conductor") for script in ("greet.py", "count-words.sh")]
    assert left == ""
    for address in set(re.findall(r"address: (http://[\d.:]+)", done.stdout)):
        with pytest.raises(urllib.error.URLError, match="refused"):
            urllib.request.urlopen(address, timeout=5)
