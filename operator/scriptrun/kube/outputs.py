"""What a run's pods left behind in ConfigMaps: results, outputs and the ends of logs. The one place that reads them.

Only a ConfigMap with the label counts: it has passed the admission policy, which lets a pod write for itself and its
own run. Where a run's status refers to an output, its hash counts as well: it is the one that the operator saw.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scriptrun.desired.names import OUTPUT_LABEL, output_name
from scriptrun.errors import NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.resources import CONFIGMAPS

__all__ = ["KEPT_LOG_BYTES", "StoredOutput", "find_output", "find_output_of_pod", "read_kept_log", "read_output_text"]

KEPT_LOG_BYTES = 60_000
"""An output ConfigMap's ``log`` is the last 64 KiB of a log; one shorter than this is the whole log."""


@dataclass(frozen=True, slots=True)
class StoredOutput:
    """An output ConfigMap that a pod wrote.

    Attributes:
        name: of the ConfigMap.
        body: the ConfigMap.
    """

    name: str
    body: Mapping[str, Any]

    @property
    def log(self) -> str:
        """The end of the pod's log, or the whole of it."""
        return str((self.body.get("data") or {}).get("log", ""))

    def read(self, reference: Mapping[str, Any]) -> str | None:
        """Read the output as JSON text; None when it is not what the operator saw.

        Args:
            reference: a run's ``outputRef``.
        """
        text = str((self.body.get("data") or {}).get(reference["key"], ""))
        seen = reference["configMap"] == self.name and hashlib.sha256(text.encode()).hexdigest() == reference["sha256"]
        return text if seen else None


async def find_output(client: Client, namespace: str, name: str) -> StoredOutput | None:
    """Find an output ConfigMap; None when there is none of this name, or none that a pod wrote."""
    try:
        body = await client.get(CONFIGMAPS, namespace, name)
    except NotFound:
        return None
    labels = body["metadata"].get("labels") or {}
    return StoredOutput(name, body) if labels.get(OUTPUT_LABEL) == "true" else None


async def find_output_of_pod(client: Client, namespace: str, pod: str) -> StoredOutput | None:
    """Find what a pod wrote; None when it has not written anything, or that is gone."""
    return await find_output(client, namespace, output_name(pod))


async def read_kept_log(client: Client, namespace: str, pod: str) -> bytes | None:
    """Read what is kept of a pod's log; None when its output is not there."""
    found = await find_output_of_pod(client, namespace, pod)
    return found.log.encode() if found else None


async def read_output_text(client: Client, run: dict[str, Any]) -> str | None:
    """Read the output that a run's ``outputRef`` names, as JSON text; None when it names none.

    Raises:
        NotFound: the ConfigMap is gone, or is not what the operator saw.
    """
    if not (reference := run.get("status", {}).get("outputRef")):
        return None
    name = reference["configMap"]
    found = await find_output(client, run["metadata"]["namespace"], name)
    text = found.read(reference) if found else None
    if text is None:
        raise NotFound(f"ConfigMap {name} does not hold the output of this run any more")
    return text
