"""What of scriptrun is installed in the cluster, as far as whoever asks may see it."""

from dataclasses import dataclass
from typing import Any

from scriptrun.cli.session import Session
from scriptrun.errors import Forbidden
from scriptrun.kube.resources import DEPLOYMENTS

__all__ = [
    "PART_OF",
    "SYSTEM_NAMESPACE",
    "Installation",
    "advise_logs",
    "describe_shortage",
    "find_installation",
    "read_environment",
]

PART_OF = "app.kubernetes.io/part-of=scriptrun"
SYSTEM_NAMESPACE = "scriptrun-system"
_COMPONENT = "app.kubernetes.io/component"


@dataclass(frozen=True, slots=True)
class Installation:
    """The Deployments of the chart; None: whoever asks may not list them."""

    deployments: list[dict[str, Any]] | None

    def find(self, component: str) -> dict[str, Any] | None:
        """Find the Deployment of a component."""
        for item in self.deployments or ():
            if item["metadata"].get("labels", {}).get(_COMPONENT) == component:
                return item
        return None


async def find_installation(session: Session) -> Installation:
    """List the chart's Deployments: everywhere, or where the docs install them."""
    for namespace in ("", SYSTEM_NAMESPACE):
        try:
            page = await session.client.list(DEPLOYMENTS, namespace, labelSelector=PART_OF)
        except Forbidden:
            continue
        return Installation(list(page.get("items") or ()))
    return Installation(None)


def read_environment(deployment: dict[str, Any]) -> dict[str, str]:
    """Read the environment of a Deployment's container. Pure."""
    [container, *_] = deployment["spec"]["template"]["spec"]["containers"]
    return {item["name"]: item.get("value", "") for item in container.get("env") or ()}


def describe_shortage(deployment: dict[str, Any]) -> str:
    """Say how a Deployment has fewer pods than it should; "" when it has them all. Pure."""
    wanted = deployment["spec"].get("replicas", 1)
    status = deployment.get("status", {})
    available = status.get("availableReplicas", 0)
    name = f"Deployment {deployment['metadata']['namespace']}/{deployment['metadata']['name']}"
    if wanted == 0:
        return f"{name} has replicas 0"
    if available >= wanted:
        return ""
    said = [item.get("message", "") for item in status.get("conditions") or () if _is_bad(item)]
    return f"{name}: {available} of {wanted} pods are available" + (f" ({'; '.join(said)})" if said else "")


def advise_logs(deployment: dict[str, Any]) -> str:
    """Say where it is told why a Deployment's pods are not as they should be. Pure."""
    namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
    if deployment["spec"].get("replicas") == 0:
        component = deployment["metadata"]["labels"][_COMPONENT]
        return f"set {component}.replicas in the chart to 1 or more"
    return f"kubectl -n {namespace} describe deployment {name}; kubectl -n {namespace} logs deployment/{name}"


def _is_bad(condition: dict[str, Any]) -> bool:
    wanted = "False" if condition["type"] == "ReplicaFailure" else "True"
    return bool(condition["status"] != wanted)
