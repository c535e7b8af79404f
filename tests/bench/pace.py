"""Fifty runs a second on the stand-in: does the operator keep up, and what CPU does it take."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.procfs import read_cpu_seconds, read_rss_mib
from clusterlab.process import OperatorProcess
from helm import ROOT

_DRAIN_SECONDS = 120.0


@dataclass(frozen=True)
class Pace:
    """What was measured.

    Attributes:
        settle: Seconds from output there to run's end there, of each run.
        start: Seconds from run made to Job made, of each run.
        cpu_seconds: Of the operator, for all of it.
        rss_mib: Of the operator afterwards.
        standin_cpu_seconds: Of the stand-in.
    """

    settle: list[float]
    start: list[float]
    cpu_seconds: float
    rss_mib: float
    standin_cpu_seconds: float


def measure_pace(runs: int, per_second: float) -> Pace:
    """Run an operator against a stand-in, which makes the runs.

    Raises:
        RuntimeError: a run ended with another output than its own, or not at all.
    """
    with tempfile.TemporaryDirectory(prefix="scriptrun-bench-") as name:
        folder = Path(name)
        limit = runs / per_second + _DRAIN_SECONDS
        with run_standin(folder, "bench.standin", [str(runs), str(per_second), str(limit)]) as standin:
            port = read_line(standin)["port"]
            settings = {"LEADER_ELECTION": "false", "HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0", "LOG_FORMAT": "json"}
            operator = OperatorProcess(write_kubeconfig(folder, port), settings).start()
            operator.wait_for_log("leading")
            before, standin_before = read_cpu_seconds(operator.pid), read_cpu_seconds(standin.pid)
            go_on(standin)
            found = read_line(standin)
            cpu, standin_cpu = read_cpu_seconds(operator.pid) - before, read_cpu_seconds(standin.pid) - standin_before
            rss = read_rss_mib(operator.pid)
            operator.stop()
            go_on(standin)
    if found["wrong"]:
        raise RuntimeError(f"{len(found['wrong'])} runs ended with a wrong output, such as {found['wrong'][0]}")
    return Pace(found["settle"], found["start"], cpu, rss, standin_cpu)


@contextmanager
def run_standin(folder: Path, module: str, arguments: list[str]) -> "Iterator[subprocess.Popen[str]]":
    """Run a stand-in, with a certificate for its API server; spoken to by lines."""
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(folder / "server.key")]
    request = ["openssl", "req", "-x509", "-days", "2", *names, *key, "-out", str(folder / "server.crt")]
    subprocess.run(request, check=True, capture_output=True)
    command = [sys.executable, "-m", module, str(folder), *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT / "tests", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def read_line(standin: "subprocess.Popen[str]") -> dict[str, Any]:
    """Wait for what a stand-in says."""
    assert standin.stdout is not None
    line = standin.stdout.readline()
    if not line:
        raise RuntimeError("the stand-in ended: what it said is above")
    document: dict[str, Any] = json.loads(line)
    return document


def go_on(standin: "subprocess.Popen[str]") -> None:
    """Let a stand-in go on."""
    assert standin.stdin is not None
    standin.stdin.write("\n")


def write_kubeconfig(folder: Path, port: int) -> Path:
    """Write the kubeconfig of a stand-in."""
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(folder / "server.crt")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "standin", "cluster": cluster}],
        "users": [{"name": "operator", "user": {"token": "any"}}],
        "contexts": [{"name": "standin", "context": {"cluster": "standin", "user": "operator"}}],
        "current-context": "standin",
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path
