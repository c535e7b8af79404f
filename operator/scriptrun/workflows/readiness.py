"""Says of a Workflow whether it can be run."""

from collections.abc import Callable
from datetime import datetime

from scriptrun.desired.status import build_condition
from scriptrun.kube.client import APPLY, Client
from scriptrun.kube.resources import WORKFLOWS
from scriptrun.models.base import API_VERSION
from scriptrun.workflows.cache import Cache, Key
from scriptrun.workflows.checks import WorkflowChecks

__all__ = ["Readiness"]


class Readiness:
    """Writes the condition Ready of Workflows.

    Args:
        client: to the API server.
        cache: what is seen.
        checks: of Workflows.
        clock: the time.
    """

    def __init__(self, client: Client, cache: Cache, checks: WorkflowChecks, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._cache = cache
        self._checks = checks
        self._clock = clock

    async def reconcile(self, key: Key) -> None:
        """Check a Workflow, and say what came of it where that is new."""
        body = self._cache.workflows.get(key)
        if body is None:
            return
        before = body.get("status") or {}
        faults = await self._checks.find_faults(body)
        value, reason = ("False", "InvalidWorkflow") if faults else ("True", "Valid")
        generation = body["metadata"]["generation"]
        condition = build_condition(before, "Ready", value, reason, self._clock(), faults)
        status = {"conditions": [condition], "observedGeneration": generation}
        if status == before:
            return
        namespace, name = key
        # The version makes it fail (409) for a Workflow that was changed, or made anew, since it was checked.
        metadata = {"name": name, "namespace": namespace} | {
            field: body["metadata"][field] for field in ("uid", "resourceVersion")
        }
        patch = {"apiVersion": API_VERSION, "kind": "Workflow", "metadata": metadata, "status": status}
        await self._client.patch(WORKFLOWS, key, patch, kind=APPLY, subresource="status")
