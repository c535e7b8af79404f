"""What the cluster gets of an order: a run, the Secret of its environment, and the ConfigMap of its script. Pure."""

import base64
import re
from collections.abc import Mapping
from typing import Any

from scriptrun.desired.request import Request, build_run
from scriptrun.models.base import API_VERSION
from scriptrun.pipeline.orders import Order
from scriptrun.pipeline.settings import PipelineSettings

__all__ = ["SOURCE", "build_environment", "build_order_run", "build_script", "build_secret", "find_order", "name_run"]

SOURCE = "scheduler"
"""``spec.task.source`` of the runs made here; ``spec.task.id`` is the order's id."""

_FILE = "index.py"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = ("SCRIPTRUN_", "KUBERNETES_", "LD_")
_TYPE_CHARACTERS = 253


def name_run(order: Order) -> str:
    """Name the run of an order: the same at each try, and never that of another order."""
    return f"script-{order.id}-{order.request.key}"


def find_order(run: Mapping[str, Any]) -> int | None:
    """Find the id of the order that a run was made for; None: it was made for none."""
    task = run["spec"].get("task") or {}
    number = str(task.get("id") or "")
    return int(number) if task.get("source") == SOURCE and number.isascii() and number.isdigit() else None


def build_environment(given: Mapping[str, Any], settings: PipelineSettings) -> dict[str, str]:
    """Build the environment of a script, with what the pipeline always gave.

    Args:
        given: by the caller; what can't be in an environment, or is for the runner, is left out.
        settings: say where the server is.
    """
    named = {
        name: value
        for name, value in given.items()
        if isinstance(value, str) and _NAME.fullmatch(name) and not name.startswith(_RESERVED) and "\x00" not in value
    }
    return {"dtable_web_url": settings.server_url, **named, "is_cloud": "1"}


def build_order_run(order: Order, settings: PipelineSettings) -> dict[str, Any]:
    """Build the run of an order. It starts once its script is there."""
    name, request = name_run(order), order.request
    manifest = build_run(
        Request(
            settings.script,
            name,
            request.context_data or {},
            source={"configMap": {"name": _name_source(name), "key": _FILE}},
            timeout_seconds=settings.time_limit_seconds,
        ),
        settings.namespace,
    )
    task = {"source": SOURCE, "id": str(order.id)}
    if request.script_name:
        task["type"] = request.script_name[:_TYPE_CHARACTERS]
    if request.dtable_uuid:
        task["workflowId"] = request.dtable_uuid
    manifest["spec"] |= {"task": task, "secretEnv": {"name": _name_secret(name)}}
    return manifest


def _name_source(run: str) -> str:
    return f"{run}-source"


def _name_secret(run: str) -> str:
    return f"{run}.run-env"


def build_secret(run: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Build the Secret of a run's environment. It goes when the run goes."""
    name = run["metadata"]["name"]
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**_build_metadata(run, _name_secret(name)), "labels": {"scriptrun.dev/for-run": name}},
        "immutable": True,
        "stringData": dict(environment),
    }


def build_script(run: Mapping[str, Any], script: bytes) -> dict[str, Any]:
    """Build the ConfigMap of a run's script. It goes when the run goes."""
    try:
        data: dict[str, Any] = {"data": {_FILE: script.decode()}}
    except UnicodeDecodeError:
        data = {"binaryData": {_FILE: base64.b64encode(script).decode()}}
    metadata = _build_metadata(run, _name_source(run["metadata"]["name"]))
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True, **data}


def _build_metadata(run: Mapping[str, Any], name: str) -> dict[str, Any]:
    metadata = run["metadata"]
    owner = {
        "apiVersion": API_VERSION,
        "kind": "ScriptRun",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return {"name": name, "namespace": metadata["namespace"], "ownerReferences": [owner]}
