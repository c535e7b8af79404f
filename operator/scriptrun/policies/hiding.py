"""Hiding what is secret of a run, in documents given as JSON text.

These are what a worker process computes where it may take long, so this module imports little.
"""

import json
from collections.abc import Sequence
from typing import Any

from scriptrun.policies.masking import Path, Secrets

__all__ = [
    "find_run_secrets",
    "hide_in_document",
    "hide_in_output",
    "hide_in_text",
    "load_secrets",
    "marks_nothing",
    "mask_variables",
]


def marks_nothing(schema: dict[str, Any]) -> bool:
    """Whether a schema, by its text, can mark nothing as secret: what a reference leads to is not looked at."""
    try:
        text = json.dumps(schema)
    except RecursionError:
        return False
    return not any(word in text for word in ('"writeOnly"', '"$ref"', '"$dynamicRef"', '"$recursiveRef"'))


def find_run_secrets(variables: str, script: dict[str, Any] | None) -> dict[str, Any]:
    """Find a run's secrets; ``load_secrets`` makes them of the result.

    Args:
        variables: all it was given, as JSON.
        script: the schemas in its Script's spec; None: the Script is gone.
    """
    secrets = Secrets.of(json.loads(variables), script)
    return {"paths": secrets.paths, "values": secrets.values}


def load_secrets(found: dict[str, Any], script: dict[str, Any] | None) -> Secrets:
    """Make secrets of what ``find_run_secrets`` found."""
    return Secrets(_load_paths(found["paths"]), tuple(found["values"]), (script or {}).get("outputSchema") or None)


def _load_paths(paths: Sequence[Sequence[str | int]]) -> tuple[Path, ...]:
    return tuple(tuple(path) for path in paths)


def mask_variables(variables: str, paths: Sequence[Sequence[str | int]]) -> str:
    """Mask places in a run's variables."""
    return json.dumps(Secrets(_load_paths(paths)).mask(json.loads(variables)), ensure_ascii=False)


def hide_in_output(text: str, values: Sequence[str], schema: dict[str, Any] | None) -> str:
    """Hide secret values, and what the output's schema marks as secret, in an output."""
    return Secrets((), tuple(values), schema).hide_output(text) or ""


def hide_in_document(document: str, values: Sequence[str]) -> str:
    """Hide secret values in any document."""
    return json.dumps(Secrets((), tuple(values)).hide(json.loads(document)), ensure_ascii=False)


def hide_in_text(text: str, values: Sequence[str]) -> str:
    """Hide secret values in a text."""
    return Secrets((), tuple(values)).hide_text(text)
