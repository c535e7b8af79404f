"""The chart as a release in the test cluster, with the operator in the cluster too."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from helm import CHART, ROOT, HelmError, Manifest, Values, helm
from kubeapi import Api, wait_for

RELEASE = "scriptrun"
NAMESPACE = "scriptrun-system"
SECONDS = 120
# A Lease that is given up sooner than usual.
SETTINGS = {"operator": {"settings": {"leaseDurationSeconds": 6}}}
_TOOL = [sys.executable, str(ROOT / "tests" / "localcluster")]


def read_images() -> Values:
    """Values that name the project's own images, built and loaded into the cluster where that is due."""
    printed = subprocess.run([*_TOOL, "build-images"], check=True, stdout=subprocess.PIPE, text=True).stdout
    names = {place: name.rpartition(":") for place, name in json.loads(printed).items()}
    operator, runner = ({"repository": names[n][0], "tag": names[n][2]} for n in ("operator", "runner"))
    return {"image": operator, "runner": {"image": runner}}


def restore_release() -> None:
    """Install the chart again as ``make up`` does."""
    subprocess.run([*_TOOL, "install"], check=True)


def find_kubectl() -> Path:
    """The path of the kubectl binary."""
    printed = subprocess.run([*_TOOL, "tool", "kubectl"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return Path(printed.strip())


class Release:
    """One release of the chart in a namespace that holds its pods to the restricted Pod Security Standard.

    Attributes:
        api: The cluster's administrator.
    """

    def __init__(self, api: Api, kubeconfig: Path, images: Values) -> None:
        self.api = api
        self._kubeconfig = kubeconfig
        self._images = images

    def apply(self, values: Values | None = None, chart: Path = CHART) -> None:
        """Install or upgrade, and wait until every replica is ready and none of the former is left."""
        command = ["upgrade", "--install", RELEASE, str(chart), "--namespace", NAMESPACE]
        command += ["--wait", "--timeout", f"{SECONDS}s"]
        # A cluster that other tests used may have the CRDs from them.
        command += ["--take-ownership", "--force-conflicts"]
        try:
            helm(*command, values={**self._images, **(values or {})}, kubeconfig=self._kubeconfig)
        except HelmError as error:
            raise AssertionError(f"{error}\n{self.describe()}") from error
        wait_for("the former pods to be gone", lambda: not any(map(_is_leaving, self.find_pods(""))), SECONDS)

    def fail(self, values: Values, *options: str, seconds: int = 15) -> str:
        """Upgrade to what is not ready in time; returns what Helm says."""
        command = ["upgrade", RELEASE, str(CHART), "--namespace", NAMESPACE, "--wait", "--timeout", f"{seconds}s"]
        command += ["--take-ownership", "--force-conflicts", *options]
        try:
            helm(*command, values={**self._images, **values}, kubeconfig=self._kubeconfig)
        except HelmError as error:
            return str(error)
        raise AssertionError("the upgrade did not fail")

    def remove(self) -> None:
        """Uninstall, wait until it is gone, and be content when there is none."""
        where = ("--namespace", NAMESPACE, "--ignore-not-found", "--wait", "--timeout", f"{SECONDS}s")
        helm("uninstall", RELEASE, *where, kubeconfig=self._kubeconfig)
        wait_for("the operator's pods to be gone", lambda: not self.find_pods(), SECONDS)

    def find_pods(self, component: str = "operator") -> list[Manifest]:
        """The pods of a component; "" for all."""
        query = f"labelSelector=app.kubernetes.io/instance={RELEASE}"
        query += f",app.kubernetes.io/component={component}" if component else ""
        return self._list(f"/api/v1/namespaces/{NAMESPACE}/pods?{query}")

    def find_leader(self) -> str:
        """Name of the pod that holds the Lease; "" when none of those that are there does."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/scriptrun-operator"
        holder = str(self.api.get(path).body.get("spec", {}).get("holderIdentity") or "").rpartition("_")[0]
        return holder if holder in [pod["metadata"]["name"] for pod in self.find_pods()] else ""

    def ask_pod(self, pod: str, path: str) -> str:
        """What a pod's HTTP port answers."""
        return self.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:8080/proxy{path}").message

    def describe(self) -> str:
        """The pods' states and the ends of their logs."""
        parts = []
        for pod in self.find_pods(""):
            name = pod["metadata"]["name"]
            log = self.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/log?tailLines=20").message
            parts.append(f"{name}: {pod['status'].get('containerStatuses')}\n{log}")
        return "\n".join(parts)

    def find_remains(self, component: str = "") -> set[str]:
        """``kind/name`` of everything in the cluster that bears the labels of the release, or of one component."""
        query = f"?labelSelector=app.kubernetes.io/instance={RELEASE}"
        query += f",app.kubernetes.io/component={component}" if component else ""
        return {
            f"{kind}/{item['metadata']['name']}" for kind, path in _KINDS.items() for item in self._list(path + query)
        }

    def _list(self, path: str) -> list[Any]:
        answer = self.api.get(path)
        assert answer.status == 200, answer
        items: list[Any] = answer.body["items"]
        return items


def _is_leaving(pod: Manifest) -> bool:
    return "deletionTimestamp" in pod["metadata"]


_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_KINDS = {
    "deployment": "/apis/apps/v1/deployments",
    "pod": "/api/v1/pods",
    "service": "/api/v1/services",
    "serviceaccount": "/api/v1/serviceaccounts",
    "poddisruptionbudget": "/apis/policy/v1/poddisruptionbudgets",
    "role": f"{_RBAC}/roles",
    "rolebinding": f"{_RBAC}/rolebindings",
    "clusterrole": f"{_RBAC}/clusterroles",
    "clusterrolebinding": f"{_RBAC}/clusterrolebindings",
    "policy": f"{_ADMISSION}/validatingadmissionpolicies",
    "policybinding": f"{_ADMISSION}/validatingadmissionpolicybindings",
    "crd": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}
