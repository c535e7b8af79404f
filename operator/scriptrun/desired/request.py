"""The ScriptRun that somebody asks for: a command or a caller of the API."""

import re
from dataclasses import dataclass, field
from typing import Any

from scriptrun.errors import UsageError
from scriptrun.models.base import API_VERSION
from scriptrun.models.scriptrun import NAME_LIMIT

__all__ = ["Request", "build_rerun", "build_run", "decide_prefix"]

_SUFFIX_LENGTH = 5  # what the API server puts behind metadata.generateName
_COPIED = ("variables", "variablesFrom", "source", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is to be; None stands for the Script's own setting."""

    script: str
    name: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    variables_from: list[dict[str, Any]] = field(default_factory=list)
    source: dict[str, Any] | None = None
    timeout_seconds: int | None = None
    retries: int | None = None
    ttl_seconds: int | None = None


def decide_prefix(script: str) -> str:
    """Decide how names of a Script's runs begin: a DNS label that leaves room for the API server's suffix."""
    label = re.sub(r"[^a-z0-9]+", "-", script.lower()).strip("-") or "run"
    return f"{label[: NAME_LIMIT - _SUFFIX_LENGTH - 1].rstrip('-')}-"


def build_run(request: Request, namespace: str) -> dict[str, Any]:
    """Build the ScriptRun of a request."""
    optional = {
        "variables": request.variables,
        "variablesFrom": request.variables_from,
        "source": request.source,
        "activeDeadlineSeconds": request.timeout_seconds,
        "backoffLimit": request.retries,
        "ttlSecondsAfterFinished": request.ttl_seconds,
    }
    given = {key: value for key, value in optional.items() if value not in (None, {}, [])}
    return _build(request.script, request.name, namespace, given)


def build_rerun(run: dict[str, Any], name: str) -> dict[str, Any]:
    """Build a run that does the same as another one: its spec without `task` and `cancel`.

    Args:
        run: the other ScriptRun.
        name: of the new one; "" lets the API server choose.

    Raises:
        UsageError: the other one used a Secret made for it alone.
    """
    spec, old = run["spec"], run["metadata"]
    if spec.get("secretEnv"):
        raise UsageError(
            f"{old['name']} has secrets of its own (spec.secretEnv), which no other run may use: "
            "start it anew where it came from"
        )
    copied = {key: spec[key] for key in _COPIED if key in spec}
    return _build(spec["scriptRef"]["name"], name, old["namespace"], copied)


def _build(script: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    named = {"name": name} if name else {"generateName": decide_prefix(script)}
    return {
        "apiVersion": API_VERSION,
        "kind": "ScriptRun",
        "metadata": {**named, "namespace": namespace},
        "spec": {"scriptRef": {"name": script}, **spec},
    }
