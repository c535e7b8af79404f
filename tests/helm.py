"""Helm, as tests use it: the binary that ``tests/localcluster`` builds, and this repository's chart."""

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "scriptrun"

Manifest = dict[str, Any]
Values = Mapping[str, Any]


class HelmError(Exception):
    """Helm said no; the text is what it printed."""


@cache
def find_helm() -> str:
    """The path of the helm binary, built on first use."""
    command = [sys.executable, str(ROOT / "tests" / "localcluster"), "tool", "helm"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def helm(*arguments: str, values: Values | None = None, kubeconfig: Path | None = None) -> str:
    """Run helm, with values on its standard input, and return what it printed.

    Raises:
        HelmError: when it ended with an exit code other than 0.
    """
    command = [find_helm(), *arguments]
    if values is not None:
        command += ["--values", "-"]
    if kubeconfig is not None:
        command += ["--kubeconfig", str(kubeconfig)]
    done = subprocess.run(command, input=json.dumps(values or {}), capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise HelmError(done.stderr)
    return done.stdout


def render(
    values: Values | None = None, release: str = "scriptrun", namespace: str = "scriptrun-system"
) -> list[Manifest]:
    """Render the chart: every object in it, and none twice."""
    manifests: list[Manifest] = json.loads(_render(json.dumps(values or {}, sort_keys=True), release, namespace))
    return manifests


def read_refusal(values: Values) -> str:
    """What Helm says of values that the chart does not take; empty when it takes them."""
    try:
        render(values)
    except HelmError as error:
        return str(error)
    return ""


@cache
def _render(values: str, release: str, namespace: str) -> str:
    text = helm("template", release, str(CHART), "--namespace", namespace, values=json.loads(values))
    manifests = [manifest for manifest in yaml.safe_load_all(text) if manifest]
    names = [(m["kind"], m["metadata"].get("namespace"), m["metadata"]["name"]) for m in manifests]
    assert len(names) == len(set(names)), f"rendered twice: {sorted(n for n in names if names.count(n) > 1)}"
    return json.dumps(manifests)


def read_notes(values: Values | None = None, release: str = "scriptrun", namespace: str = "scriptrun-system") -> str:
    """What Helm prints after an install with these values."""
    # An address where nobody is: a client's dry run asks no cluster.
    nowhere = ("--dry-run=client", "--kube-apiserver", "https://localhost:1")
    text = helm("install", release, str(CHART), "--namespace", namespace, *nowhere, values=values)
    return text.partition("\nNOTES:\n")[2]


def select(manifests: list[Manifest], kind: str, name: str = "") -> list[Manifest]:
    """The manifests of a kind, and of a name where one is given."""
    return [m for m in manifests if m["kind"] == kind and name in ("", m["metadata"]["name"])]
