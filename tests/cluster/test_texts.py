"""A script's words for people: its log stays as it is, but what of it is shown elsewhere commands no terminal."""

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from clusterlab.space import Space
from kubeapi import wait_for
from scriptrun.policies.text import escape_controls

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

NASTY = "\x1b[31mno such customer\x1b[0m \x1b]0;title\x07\x7f\x9b\u202e\ufffe\x1bc\rend"
SHOWN = "no such customer \\x7f\\x9b\\u202e\ufffe\\x1bc\\x0dend"
SOURCE = f"import sys\nsys.stderr.buffer.write({(NASTY + chr(10)).encode()!r})\nsys.exit(3)\n"


@pytest.fixture(scope="module")
def failed(shared: Space) -> str:
    """A run that failed with such a message."""
    shared.start("nasty", SOURCE)
    shared.end_of("nasty")
    return "nasty"


def log_command(kubeconfig: Path, space: Space, name: str, *options: str) -> Sequence[str]:
    where = ("--namespace", space.name, "--kubeconfig", str(kubeconfig))
    return (sys.executable, "-m", "scriptrun", "logs", name, *options, *where)


def show_on_terminal(command: Sequence[str]) -> bytes:
    """What a command writes to a terminal, whose driver adds a CR to each line end."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs):
            os.close(theirs)
            shown = b""
            try:
                while data := terminal.read(4096):
                    shown += data
            except OSError:
                pass  # Linux says so when the other end is closed
    return shown


def test_status_and_conditions_are_texts(shared: Space, failed: str) -> None:
    run = shared.end_of(failed)
    assert run.end == ("Failed", "ScriptFailed")
    assert run.message == run.conditions["Succeeded"]["message"] == f"exit code 3\n{SHOWN}"


def test_an_event_is_a_text(shared: Space, failed: str) -> None:
    path = shared.path(f"events?fieldSelector=involvedObject.name={failed},involvedObject.kind=ScriptRun")

    def find() -> list[Any]:
        return shared.api.get(path).body["items"]

    (event,) = wait_for("the run's Event", find)
    assert event["message"] == f"exit code 3\n{SHOWN}"


def test_a_log_is_passed_on_byte_for_byte(shared: Space, failed: str, kubeconfig: Path) -> None:
    done = subprocess.run(log_command(kubeconfig, shared, failed), check=True, capture_output=True)
    assert done.stdout.decode() == f"{NASTY}\n"


@pytest.mark.parametrize(("options", "first"), [((), "no such"), (("--color",), "\x1b[31mno such")])
def test_a_log_commands_no_terminal(
    shared: Space, failed: str, kubeconfig: Path, options: tuple[str, ...], first: str
) -> None:
    shown = show_on_terminal(log_command(kubeconfig, shared, failed, *options)).decode()
    assert shown.startswith(first)
    assert escape_controls(shown) == f"{SHOWN}\n"
