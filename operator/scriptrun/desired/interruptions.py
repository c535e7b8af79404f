"""How often the operator's process died while it worked on an object, in the object's status."""

from typing import Any

from scriptrun.models.base import API_VERSION
from scriptrun.models.facts import RunFacts, ScriptFacts

__all__ = ["FIELD_MANAGER", "build_interruptions", "without_interruptions"]

FIELD_MANAGER = "scriptrun-interruptions"
"""Applies this one field: the operator applies the rest of a status whole, and would take it away."""

_FIELD = "interruptions"


def without_interruptions(status: dict[str, Any]) -> dict[str, Any]:
    """The part of a status that is applied by others."""
    return {name: value for name, value in status.items() if name != _FIELD}


def build_interruptions(facts: RunFacts | ScriptFacts, count: int) -> dict[str, Any]:
    """Build the status patch that sets the count; it fails (409) when the object has changed, or is another by now.

    Args:
        facts: the run or Script.
        count: deaths in a row; 0 takes the field away.
    """
    namespace, name = facts.key
    return {
        "apiVersion": API_VERSION,
        "kind": "ScriptRun" if isinstance(facts, RunFacts) else "Script",
        "metadata": {
            "name": name,
            "namespace": namespace,
            **({"uid": facts.uid} if isinstance(facts, RunFacts) else {}),
            "resourceVersion": str(facts.version),
        },
        "status": {_FIELD: count} if count else {},
    }
