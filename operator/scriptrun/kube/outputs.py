"""What a run's pods left behind in ConfigMaps: outputs and the ends of logs."""

import hashlib
from typing import Any

from scriptrun.desired.names import output_name
from scriptrun.errors import NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.resources import CONFIGMAPS

__all__ = ["KEPT_LOG_BYTES", "parse_output", "read_kept_log", "read_output_text"]

KEPT_LOG_BYTES = 60_000
"""An output ConfigMap's ``log`` is the last 64 KiB of a log; one shorter than this is the whole log."""


async def read_kept_log(client: Client, namespace: str, pod: str) -> bytes | None:
    """Read what is kept of a pod's log; None when its output is not there."""
    try:
        config_map = await client.get(CONFIGMAPS, namespace, output_name(pod))
    except NotFound:
        return None
    return str(config_map.get("data", {}).get("log", "")).encode()


async def read_output_text(client: Client, run: dict[str, Any]) -> str | None:
    """Read the output that a run's ``outputRef`` names, as JSON text; None when it names none.

    Raises:
        NotFound: the ConfigMap is gone, or is not what the operator saw.
    """
    if not (reference := run.get("status", {}).get("outputRef")):
        return None
    config_map = await client.get(CONFIGMAPS, run["metadata"]["namespace"], reference["configMap"])
    return parse_output(config_map, reference)


def parse_output(config_map: dict[str, Any], reference: dict[str, Any]) -> str:
    """Take an output out of its ConfigMap. Pure.

    Args:
        config_map: that the reference names.
        reference: a run's ``outputRef``.

    Raises:
        NotFound: the ConfigMap is not what the operator saw.
    """
    text = str(config_map.get("data", {}).get(reference["key"], ""))
    if hashlib.sha256(text.encode()).hexdigest() != reference["sha256"]:
        raise NotFound(f"ConfigMap {reference['configMap']} does not hold the output of this run any more")
    return text
