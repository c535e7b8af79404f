"""What a run's pods ask of the scheduler and the kubelet: the operator's defaults, and over them the Script's own."""

from collections.abc import Sequence
from typing import Any

from scriptrun.models.base import Model
from scriptrun.models.script import ScriptSpec
from scriptrun.settings import Settings

__all__ = ["build_placement"]


def build_placement(script: ScriptSpec, settings: Settings) -> dict[str, Any]:
    """Build the fields of a pod's spec that say where it runs, what it may displace, and what images are pulled with.

    Fields that come to nothing are left out.

    Args:
        script: its Script's spec.
        settings: the operator's.
    """
    fields = {
        "nodeSelector": {**settings.node_selector, **script.node_selector},
        "tolerations": _join(script.tolerations, settings.tolerations),
        "affinity": {**_dump(settings.affinity), **_dump(script.affinity)},
        "topologySpreadConstraints": _join(
            script.topology_spread_constraints or settings.topology_spread_constraints, ()
        ),
        "priorityClassName": script.priority_class_name or settings.priority_class_name,
        "runtimeClassName": script.runtime_class_name or settings.runtime_class_name,
        "imagePullSecrets": _join(script.image_pull_secrets, settings.image_pull_secrets),
    }
    return {name: value for name, value in fields.items() if value}


def _dump(part: Model) -> dict[str, Any]:
    return part.model_dump(by_alias=True, exclude_none=True)


def _join(own: Sequence[Model], defaults: Sequence[Model]) -> list[dict[str, Any]]:
    """Join lists, the Script's own first; each entry once."""
    joined: list[dict[str, Any]] = []
    for part in (*own, *defaults):
        if (entry := _dump(part)) not in joined:
            joined.append(entry)
    return joined
