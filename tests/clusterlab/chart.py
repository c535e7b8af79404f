"""The chart as the tests need it: everything but operator, bridge, API and workflows, which are processes of theirs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helm import CHART, ROOT, HelmError, helm
from kubeapi import Api, wait_for

NAMESPACE = "scriptrun-system"
RELEASE = "scriptrun"
OPERATOR = (NAMESPACE, "scriptrun-operator")
BRIDGE = (NAMESPACE, "scriptrun-bridge")
WORKFLOWS = (NAMESPACE, "scriptrun-workflows")


@contextmanager
def install_without_operator(kubeconfig: Path) -> Iterator[None]:
    """Install or upgrade the chart with no operator in it; afterwards its release is what it was."""
    with keep_release(kubeconfig):
        _install(kubeconfig)
        yield


@contextmanager
def keep_release(kubeconfig: Path) -> Iterator[None]:
    """Let the chart's release be upgraded within; afterwards it is what it was."""
    before = _find_revision(kubeconfig)
    try:
        yield
    finally:
        if before:
            helm("rollback", RELEASE, before, "--namespace", NAMESPACE, "--force-conflicts", kubeconfig=kubeconfig)


def _install(kubeconfig: Path) -> None:
    helm(
        "upgrade",
        "--install",
        RELEASE,
        str(CHART),
        *("--namespace", NAMESPACE),
        "--create-namespace",
        "--take-ownership",
        "--force-conflicts",
        "--wait",
        values={
            "operator": {"replicas": 0},
            "bridge": {"create": True, "replicas": 0},
            "api": {"create": True, "replicas": 0},
            "workflows": {"create": True, "replicas": 0},
            "history": {"create": True, "persistence": {"create": False}},
        },
        kubeconfig=kubeconfig,
    )
    wait_no_operator(kubeconfig)


def wait_no_operator(kubeconfig: Path) -> None:
    """Wait until none of the operator's pods is left."""
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app.kubernetes.io/component=operator"
    api = Api.from_kubeconfig(kubeconfig)
    wait_for("the operator's pods to be gone", lambda: not api.get(pods).body["items"], 60)


def _find_revision(kubeconfig: Path) -> str:
    """The release's revision; "" when there is no release."""
    try:
        text = helm("status", RELEASE, "--namespace", NAMESPACE, "--output", "json", kubeconfig=kubeconfig)
    except HelmError:
        return ""
    return str(json.loads(text)["version"])


def ensure_runner_image() -> str:
    """Build and load the runner's image where that is due; returns its exact name."""
    return _ensure_images()["runner"]


def ensure_operator_image() -> str:
    """Build and load the image of the operator where that is due; returns its exact name."""
    return _ensure_images()["operator"]


def _ensure_images() -> dict[str, str]:
    command = [sys.executable, str(ROOT / "tests" / "localcluster"), "build-images"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    names: dict[str, str] = json.loads(done.stdout)
    return names
