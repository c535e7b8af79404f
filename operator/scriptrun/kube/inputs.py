"""A run's input ConfigMap: what the operator made for its pods. The one place that reads it."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from scriptrun.desired.names import input_name
from scriptrun.errors import NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.resources import CONFIGMAPS
from scriptrun.models.facts import Key

__all__ = ["find_input", "parse_input"]


async def find_input(client: Client, run: Key) -> dict[str, Any] | None:
    """Find the ConfigMap that has the name of a run's input; None when there is none.

    Ask ``is_owned_by`` whether it is this run's, and not a namesake's or somebody else's.
    """
    try:
        return await client.get(CONFIGMAPS, run[0], input_name(run[1]))
    except NotFound:
        return None


def parse_input(config_map: Mapping[str, Any]) -> tuple[dict[str, Any], bytes | None]:
    """Take the variables, all sources merged, and the script out of an input. Pure.

    Args:
        config_map: that the operator made; a program that is in the image has no script there.
    """
    data = config_map.get("data") or {}
    binary = (config_map.get("binaryData") or {}).get("script")
    source = base64.b64decode(binary) if binary else data["script"].encode() if "script" in data else None
    return json.loads(data.get("variables.json") or "{}"), source
