"""Fixtures for tests that ask the API server themselves: its administrator, and a namespace a test."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helm import ROOT
from kubeapi import Api, wait_for


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """Path of the test cluster's kubeconfig."""
    if given := os.environ.get("SCRIPTRUN_KUBECONFIG"):
        return Path(given)
    command = [sys.executable, str(ROOT / "tests" / "localcluster"), "kubeconfig"]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> Api:
    """The cluster's administrator."""
    return Api.from_kubeconfig(kubeconfig)


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """A namespace of the test's own, which holds its pods to the restricted Pod Security Standard."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    answer = api.post("/api/v1/namespaces", {"metadata": {"generateName": "test-", "labels": labels}})
    assert answer.status == 201, answer
    name = str(answer.body["metadata"]["name"])
    # Pods are refused until the controller has made the namespace's default account.
    wait_for("the default account", lambda: api.get(f"/api/v1/namespaces/{name}/serviceaccounts/default").status == 200)
    yield name
    api.delete(f"/api/v1/namespaces/{name}")
