"""`scriptrun workflows …` on a real cluster: started, followed, shown and resumed as somebody at a terminal does."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clusterlab.space import Space
from clusterlab.workflowprocess import WorkflowProcess, add, wait_status

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.workflowfixtures"]

SECONDS = 120
COUNT = """
import json, sys
variables = json.load(open(sys.argv[1]))
print("counting to", variables["to"])
json.dump({"sum": sum(range(variables["to"]))}, open(sys.argv[2], "w"))
"""
FAIL = 'import sys\nprint("broken", file=sys.stderr)\nsys.exit(7)'
FIRST = {"name": "count", "script": "count.py", "variables": {"to": "{{ input.to }}"}}


@pytest.fixture
def flow(space: Space, workflows: WorkflowProcess) -> Space:
    """A namespace with a Workflow that succeeds and one that fails."""
    assert workflows.running
    space.add_script("count.py", COUNT)
    space.add_script("fail.py", FAIL)
    again = {**FIRST, "name": "again", "variables": {"to": "{{ steps.count.output.sum }}"}}
    add(space, "Workflow", "sums", {"steps": [FIRST, again], "output": {"sum": "{{ steps.again.output.sum }}"}})
    add(space, "Workflow", "fails", {"steps": [FIRST, {"name": "break", "script": "fail.py"}]})
    for name in ("sums", "fails"):
        wait_status(space, "Workflow", name, "to be checked", lambda status: status.get("conditions"))
    return space


def build_command(kubeconfig: Path, space: Space, *arguments: str) -> list[str]:
    where = ["--kubeconfig", str(kubeconfig), "--namespace", space.name]
    return [sys.executable, "-m", "scriptrun", "workflows", *arguments, *where]


def do(kubeconfig: Path, space: Space, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = build_command(kubeconfig, space, *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_a_run_is_followed_step_by_step(flow: Space, kubeconfig: Path) -> None:
    done = do(kubeconfig, flow, "run", "sums", "--name", "sums-1", "--var", "to:=4", "-f")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"sum": 15}), done.stderr
    for line in ("sums-1: count: Succeeded in ", "step again:", "counting to 4\n", "counting to 6\n"):
        assert line in done.stderr
    assert do(kubeconfig, flow, "logs", "sums-1").stdout == "counting to 4\ncounting to 6\n"
    assert do(kubeconfig, flow, "logs", "sums-1", "--step", "again").stdout == "counting to 6\n"
    assert json.loads(do(kubeconfig, flow, "get", "sums-1", "-o", "output").stdout) == {"sum": 15}
    assert do(kubeconfig, flow, "runs", "sums", "-o", "name").stdout == "workflowrun.scriptrun.dev/sums-1\n"
    assert "sums-1" in do(kubeconfig, flow, "describe", "sums").stdout


def test_a_run_that_failed_resumes_with_the_step_that_failed(flow: Space, kubeconfig: Path) -> None:
    done = do(kubeconfig, flow, "run", "fails", "--name", "fails-1", "--var", "to:=4")
    assert (done.returncode, done.stdout) == (7, "")
    assert "fails-1: Failed in " in done.stderr
    again = do(kubeconfig, flow, "rerun", "fails-1", "--from-failed", "--name", "fails-2")
    assert again.returncode == 7
    assert "fails-2: count: Succeeded" in again.stderr
    assert "Resumed" in again.stderr
    assert do(kubeconfig, flow, "logs", "fails-2").stdout == "broken\n"


def test_a_terminal_shows_a_tree(flow: Space, kubeconfig: Path) -> None:
    terminal, other = pty.openpty()
    command = build_command(kubeconfig, flow, "run", "sums", "--name", "seen", "--var", "to:=3")
    with subprocess.Popen(command, env={**os.environ, "TERM": "xterm"}, stdout=other, stderr=other) as process:
        os.close(other)
        shown = b""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and select.select([terminal], [], [], SECONDS)[0]:
            try:
                shown += os.read(terminal, 65_536)
            except OSError:  # the other side is closed: the command has ended
                break
    os.close(terminal)
    assert process.returncode == 0
    assert b"\x1b[2K" in shown  # lines that are drawn anew
    assert "✓".encode() in shown
    assert b"seen: Succeeded in " in shown
