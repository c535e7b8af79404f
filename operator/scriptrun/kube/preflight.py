"""Is this a cluster that can be worked with? Asked once, before anything else, and answered in one line."""

from typing import Any

from scriptrun.errors import ClusterUnsuitable, Forbidden, KubeError, NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.resources import SCRIPTRUNS, SCRIPTS, Resource

__all__ = ["check_cluster", "is_recent"]

_OLDEST = (1, 30)


def _parse(number: str) -> int:
    return int("".join(character for character in number if character.isdigit()) or 0)


def is_recent(version: dict[str, Any]) -> bool:
    """Whether an API server is recent enough; ``version`` is what it answers to ``/version``."""
    return (_parse(version["major"]), _parse(version["minor"])) >= _OLDEST


async def check_cluster(
    client: Client,
    namespaces: tuple[str, ...],
    resources: tuple[Resource, ...] = (SCRIPTS, SCRIPTRUNS),
    who: str = "the operator",
) -> str:
    """Check version, CRDs and rights.

    Args:
        client: to ask with.
        namespaces: to work in; empty for all.
        resources: our own kinds that have to be readable.
        who: asks, as the message names it.

    Returns:
        The API server's version.

    Raises:
        ClusterUnsuitable: with what is wrong and what to do.
    """
    try:
        version = await client.read("/version")
    except KubeError as error:
        raise ClusterUnsuitable(f"the API server can't be asked for its version: {error}") from error
    if not is_recent(version):
        raise ClusterUnsuitable(
            f"Kubernetes {version['gitVersion']} is too old: 1.30 is the oldest that has ValidatingAdmissionPolicy"
        )
    for resource in resources:
        for namespace in namespaces or ("",):
            await _check_readable(client, resource, namespace, who)
    return str(version["gitVersion"])


async def _check_readable(client: Client, resource: Resource, namespace: str, who: str) -> None:
    plural = resource.plural
    try:
        await client.list(resource, namespace, limit="1")
    except NotFound as error:
        raise ClusterUnsuitable(
            f"the cluster has no {plural}.scriptrun.dev: install the CRDs first "
            '("helm install", or "scriptrun crds | kubectl apply --server-side -f -")'
        ) from error
    except Forbidden as error:
        raise ClusterUnsuitable(
            f"{who} may not read {plural}: {error}. Install the chart's RBAC, or list the namespaces it may "
            "work in (SCRIPTRUN_WATCH_NAMESPACES)"
        ) from error
    except KubeError as error:
        raise ClusterUnsuitable(f"the API server does not answer for {plural}: {error}") from error
