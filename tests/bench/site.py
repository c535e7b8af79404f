"""Where benchmarks run: the chart without its operator, an operator process with the chart's rights, namespaces."""

import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusterlab.chart import NAMESPACE, OPERATOR, install_without_operator
from clusterlab.process import OperatorProcess, write_kubeconfig
from kubeapi import Api, wait_for
from scriptrun.kube.client import Client
from scriptrun.kube.connection import open_connection
from scriptrun.kube.resources import SCRIPTS

Manifest = dict[str, Any]

SCRIPT = "greet.py"
SOURCE = """\
import json, sys

variables = json.load(open(sys.argv[1]))
with open(sys.argv[2], "w") as file:
    json.dump({"greeting": f"Hello {variables['name']}"}, file)
"""
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
_CONNECTIONS = 200
_GONE_SECONDS = 240.0


@dataclass(frozen=True)
class Site:
    """A cluster that is set up for a benchmark.

    Attributes:
        kubeconfig: The administrator's.
        operator: The operator; its life is the benchmark's to say.
        lasting: Others use the cluster after us: what was made in it must go.
        image: The runner's.
    """

    kubeconfig: Path
    operator: OperatorProcess
    lasting: bool = True
    image: str = ""

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Client]:
        """Open the administrator's client."""
        async with open_connection(str(self.kubeconfig), max_connections=_CONNECTIONS) as connection:
            yield Client(connection)

    @asynccontextmanager
    async def open(self, **script: Any) -> AsyncIterator[tuple[Client, str]]:
        """Open a client and make a namespace with the Script in it, then have the operator work while this is open.

        Args:
            script: More fields of the Script's spec.
        """
        with self.namespace() as namespace:
            async with self.connect() as client:
                await client.create(SCRIPTS, namespace, build_script(**script))
                self.operator.start_and_lead()
                yield client, namespace
                self.operator.stop()

    @contextmanager
    def namespace(self) -> Iterator[str]:
        """Make a namespace; it is gone again from a lasting cluster before the next benchmark begins."""
        api = Api.from_kubeconfig(self.kubeconfig)
        answer = api.post("/api/v1/namespaces", {"metadata": {"generateName": "bench-", "labels": _RESTRICTED}})
        assert answer.status == 201, answer
        name = str(answer.body["metadata"]["name"])
        path = f"/api/v1/namespaces/{name}"
        try:
            wait_for("the namespace's certificates", lambda: _is_there(api, f"{path}/configmaps/kube-root-ca.crt"))
            yield name
        finally:
            if self.lasting:
                api.delete(path)
                wait_for("the namespace to be gone", lambda: not _is_there(api, path), _GONE_SECONDS)


@contextmanager
def open_site(kubeconfig: Path, settings: Mapping[str, str], lasting: bool = True) -> Iterator[Site]:
    """Install the chart without an operator, and make one ready to be started as a process."""
    with install_without_operator(kubeconfig), tempfile.TemporaryDirectory() as folder:
        account = write_kubeconfig(kubeconfig, OPERATOR, Path(folder) / "kubeconfig")
        operator = OperatorProcess(
            account,
            {
                "LEASE_NAMESPACE": NAMESPACE,
                "LEASE_DURATION_SECONDS": "15",
                "HTTP_HOST": "127.0.0.1",
                "HTTP_PORT": "0",
                "LOG_FORMAT": "json",
                **settings,
            },
        )
        try:
            yield Site(kubeconfig, operator, lasting, settings.get("RUNNER_IMAGE", ""))
        finally:
            if operator.running:
                operator.stop()


def build_script(**spec: Any) -> Manifest:
    """Build the Script that every benchmark runs: it reads a variable and writes an output of one line."""
    return {
        "apiVersion": "scriptrun.dev/v1alpha1",
        "kind": "Script",
        "metadata": {"name": SCRIPT},
        "spec": {"source": {"inline": SOURCE}, "handler": "python", **spec},
    }


def build_run(name: str) -> Manifest:
    """Build a run of that Script; its output tells it from every other."""
    return {
        "apiVersion": "scriptrun.dev/v1alpha1",
        "kind": "ScriptRun",
        "metadata": {"name": name},
        "spec": {"scriptRef": {"name": SCRIPT}, "variables": {"name": name}},
    }


def expect_output(run: str) -> Manifest:
    """Say what a run's output must be."""
    return {"greeting": f"Hello {run}"}


def build_raw_job(name: str, job: Manifest) -> Manifest:
    """Build the Job somebody would write by hand: a run's own pod, in which the script is the container's command.

    Args:
        name: Of the new Job.
        job: The Job of a run, whose image, volumes, limits and input it takes.
    """
    pod = job["spec"]["template"]["spec"]
    container = {
        **pod["containers"][0],
        "command": [
            "python3",
            "/scriptrun/input/script",
            "/scriptrun/input/variables.json",
            "/scriptrun/work/out.json",
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "backoffLimit": job["spec"]["backoffLimit"],
            "activeDeadlineSeconds": job["spec"]["activeDeadlineSeconds"],
            "template": {"spec": {**pod, "containers": [container]}},
        },
    }


def _is_there(api: Api, path: str) -> bool:
    return api.get(path).status == 200
