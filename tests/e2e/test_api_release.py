"""The REST API and the history as the chart installs them: in a pod that may write nothing but its volume."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clusterlab.apiprocess import HELLO, Caller, Reply, log_in
from clusterlab.space import Space
from docpages import ROOT, read_blocks
from e2e.release import NAMESPACE, SETTINGS, Release, find_kubectl
from kubeapi import wait_for
from scriptrun.api.auth.tokens import ApiToken, create_token, hash_token

pytestmark = pytest.mark.e2e
pytest_plugins = ["e2e.fixtures"]

DOCS = ROOT / "docs" / "operations.md"
SECONDS = 180
WAIT_SECONDS = 30
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
VALUES = {
    **SETTINGS,
    "api": {"create": True, "tokensSecret": "api-tokens"},
    "history": {"create": True},
}


@pytest.fixture
def shop_token(installed: Release, space: Space) -> Iterator[str]:
    """The release with the API, which knows this token of somebody in the namespace."""
    token = create_token("shop")
    entry = ApiToken(
        sha256=hash_token(token), namespace=space.name, scripts=["hello.*"], expires="2100-01-01T00:00:00Z"
    )
    secret = {"metadata": {"name": "api-tokens"}, "stringData": {"shop": entry.model_dump_json()}}
    installed.api.delete(f"{SECRETS}/api-tokens")  # of a test that was interrupted
    answer = installed.api.post(SECRETS, secret)
    assert answer.status == 201, answer
    try:
        installed.apply(VALUES)
        yield token
    finally:
        installed.api.delete(f"{SECRETS}/api-tokens")
        installed.apply(SETTINGS)


@contextmanager
def forward(kubeconfig: Path) -> Iterator[str]:
    """Reach the API's Service from here; yields its address."""
    command = [find_kubectl(), "--kubeconfig", kubeconfig, "--namespace", NAMESPACE]
    command += ["port-forward", "service/scriptrun-api", ":80"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            match = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert match is not None, "kubectl did not say where it listens"
            yield f"http://127.0.0.1:{match[1]}"
        finally:
            process.terminate()


def test_runs_are_made_kept_and_looked_up_through_the_service(
    installed: Release, space: Space, kubeconfig: Path, shop_token: str
) -> None:
    space.add_script("hello.py", HELLO, handler="python")
    with forward(kubeconfig) as url:
        caller, shop = Caller(url, space.name, log_in(space, "edit")), Caller(url, space.name, shop_token)
        wait_for("the Script", lambda: caller.get("scripts/hello.py").status == 200, SECONDS)
        made = caller.create("hello.py", wait=WAIT_SECONDS, variables={"name": "Ada"}, ttlSecondsAfterFinished=0)
        assert made.status == 201, made
        # The operator deletes it when it has ended, and not before it is kept.
        kept = _wait_kept(caller, made.body["name"])
        assert (kept.body["phase"], kept.body["output"]) == ("Succeeded", {"greeting": "Hello Ada"})
        assert installed.api.get(space.run_path(made.body["name"])).status == 404
        ordered = shop.create("hello.py", wait=WAIT_SECONDS)
        assert (ordered.status, ordered.body["requestedBy"]) == (201, "token:shop"), ordered
        space.end_of(ordered.body["name"], SECONDS)
        assert caller.get("/docs").status == 200
        assert "scriptrun_history_stored_total" in caller.get("/metrics").text
    [pod] = installed.find_pods("api")
    [status] = pod["status"]["containerStatuses"]
    assert (status["ready"], status["restartCount"]) == (True, 0)


# Its pods find no node.
STUCK = {**SETTINGS, "api": {"create": True, "nodeSelector": {"scriptrun.dev/no-such-node": "true"}}}


def test_a_failed_upgrade_that_is_rolled_back_leaves_nothing(installed: Release) -> None:
    assert "rolled back" in installed.fail(STUCK, "--rollback-on-failure")
    wait_for("nothing of the API", lambda: not installed.find_remains("api"), SECONDS)


def test_what_a_failed_upgrade_left_is_removed_as_the_docs_say(installed: Release, kubeconfig: Path) -> None:
    """Helm itself forgets it: the next upgrade is compared with the last one that went well."""
    installed.fail(STUCK)
    installed.apply(SETTINGS)
    assert {"deployment/scriptrun-api", "clusterrole/scriptrun-api"} <= installed.find_remains("api")
    [commands] = [block.text for block in read_blocks(DOCS, "console") if "component=api" in block.text]
    path = f"{find_kubectl().parent}:/usr/bin:/bin"
    environment = {"PATH": path, "KUBECONFIG": str(kubeconfig), "HOME": "/nonexistent"}
    done = subprocess.run(["bash", "-euc", commands], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    wait_for("nothing of the API", lambda: not installed.find_remains("api"), SECONDS)


def _wait_kept(caller: Caller, name: str) -> Reply:
    """Wait until only the history knows a run."""

    def look() -> Reply | None:
        reply = caller.get(f"runs/{name}")
        assert reply.status == 200, reply
        return None if reply.body["inCluster"] else reply

    return wait_for(f"run {name} to be gone from the cluster", look, SECONDS)
