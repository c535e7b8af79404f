"""The command line on runs that have left the cluster: `history`, `get`, `logs`, `rerun`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clusterlab.apiprocess import HELLO, Caller
from clusterlab.space import Space
from kubeapi import wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.apifixtures"]


class Shell:
    """Somebody at a terminal, who has a kubeconfig and a token for the API."""

    def __init__(self, kubeconfig: Path, caller: Caller) -> None:
        self.caller = caller
        self.environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "SCRIPTRUN_SERVER": caller.url,
            "SCRIPTRUN_TOKEN": caller.token,
        }

    def run(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "scriptrun", *words]
        return subprocess.run(
            [*command, "-n", self.caller.namespace],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def shell(kubeconfig: Path, caller: Caller) -> Shell:
    return Shell(kubeconfig, caller)


def forget(space: Space, caller: Caller, name: str) -> None:
    """Let a run leave the cluster."""
    space.wait_run(name, "stored", lambda run: "Stored" in run.conditions)
    assert space.api.delete(space.run_path(name)).status == 200
    wait_for("its end", lambda: caller.get(f"runs/{name}").body["inCluster"] is False)


def test_a_past_run_is_listed_shown_and_repeated(space: Space, caller: Caller, shell: Shell) -> None:
    past = caller.create("hello.py", wait=60, variables={"name": "Ada"}).body["name"]
    here = caller.create("hello.py", wait=60, variables={"name": "Grace"}).body["name"]
    forget(space, caller, past)

    listed = shell.run("history", "--since", "1d", "--script", "hello.py", "-o", "name")
    assert {line.rpartition("/")[2] for line in listed.stdout.split()} == {past, here}, listed
    table = shell.run("history").stdout.splitlines()
    assert table[0].split() == ["NAME", "SCRIPT", "PHASE", "REASON", "ATTEMPTS", "DURATION", "FINISHED"]
    assert len(table) == 3
    assert "no runs that match" in shell.run("history", "--failed").stderr
    assert "there are more" in shell.run("history", "--limit", "1").stderr

    shown = shell.run("get", past)
    assert shown.returncode == 0, shown
    for words in ("Succeeded", "Completed", '"name": "Ada"', '"greeting": "Hello Ada"', "1 "):
        assert words in shown.stdout, shown.stdout
    assert json.loads(shell.run("get", past, "-o", "output").stdout) == {"greeting": "Hello Ada"}
    assert json.loads(shell.run("get", past, "-o", "json").stdout)["status"]["phase"] == "Succeeded"
    assert shell.run("logs", past).stdout == "greeting Ada\n"
    assert "last attempt" in shell.run("logs", past, "--attempt", "7").stderr

    again = shell.run("rerun", past)
    assert (again.returncode, json.loads(again.stdout)) == (0, {"greeting": "Hello Ada"}), again


def test_a_past_run_with_secrets_is_not_repeated_without_them(space: Space, caller: Caller, shell: Shell) -> None:
    schema = {"properties": {"password": {"type": "string", "writeOnly": True}}}
    space.add_script("login.py", HELLO, handler="python", variablesSchema=schema)
    wait_for("the Script", lambda: caller.get("scripts/login.py").status == 200)
    name = caller.create("login.py", wait=60, variables={"password": "hunter2!"}).body["name"]
    forget(space, caller, name)
    refused = shell.run("rerun", name)
    assert refused.returncode == 2
    assert "does not keep secrets (password)" in refused.stderr


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"SCRIPTRUN_SERVER": ""}, "set SCRIPTRUN_SERVER"),
        ({"SCRIPTRUN_TOKEN": ""}, "set SCRIPTRUN_TOKEN"),
        ({"SCRIPTRUN_SERVER": "http://127.0.0.1:1"}, "does not answer"),
        ({"SCRIPTRUN_TOKEN": "wrong"}, "the token is not valid"),
    ],
)
def test_what_is_missing_is_told(shell: Shell, environment: dict[str, str], words: str) -> None:
    told = shell.run("history", **environment)
    assert told.returncode in (1, 2)
    assert words in told.stderr
    assert "Traceback" not in told.stderr


def test_a_run_nobody_knows_is_not_found(space: Space, shell: Shell) -> None:
    told = shell.run("get", "nobody")
    assert told.returncode == 1
    assert "there is no run nobody" in told.stderr
    assert "not found" in shell.run("get", "nobody", SCRIPTRUN_SERVER="").stderr
    assert space.name
