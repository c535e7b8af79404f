"""What a namespace needs before the first run in it: the runner's ServiceAccount and its RoleBinding."""

import asyncio
from typing import Any

from scriptrun.desired.names import MANAGED_BY, RUNNER_ACCOUNT
from scriptrun.errors import AlreadyExists
from scriptrun.kube.client import Client
from scriptrun.kube.resources import ROLEBINDINGS, SERVICEACCOUNTS, Resource

__all__ = ["Namespaces"]


class Namespaces:
    """Prepares namespaces, each once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prepared: set[str] = set()

    async def prepare(self, namespace: str) -> None:
        """Make ServiceAccount and RoleBinding where they are not known to exist."""
        if namespace in self._prepared:
            return
        metadata = {"name": RUNNER_ACCOUNT, "labels": {"app.kubernetes.io/managed-by": MANAGED_BY}}
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata,
            "automountServiceAccountToken": False,
        }
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": RUNNER_ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": RUNNER_ACCOUNT, "namespace": namespace}],
        }
        await asyncio.gather(
            self._ensure(SERVICEACCOUNTS, namespace, account), self._ensure(ROLEBINDINGS, namespace, binding)
        )
        self._prepared.add(namespace)

    def forget(self) -> None:
        """Look again at each namespace: somebody may have deleted what was made."""
        self._prepared.clear()

    async def _ensure(self, resource: Resource, namespace: str, body: dict[str, Any]) -> None:
        try:
            await self._client.create(resource, namespace, body)
        except AlreadyExists:
            return
