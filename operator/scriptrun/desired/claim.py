"""The run of a task that a bridge has claimed, and what the bridge writes to it afterwards."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from scriptrun.desired.input import dump_json
from scriptrun.desired.names import (
    BRIDGE_LABEL,
    CLAIM_ANNOTATION,
    DROPPED_ANNOTATION,
    MANAGED_BY,
    OPEN_LABEL,
    REPORT_FINALIZER,
    claimed_run_name,
)
from scriptrun.models.base import API_VERSION
from scriptrun.models.facts import Claim, Key
from scriptrun.policies.text import shorten

__all__ = ["build_claimed_run", "build_readoption", "build_release", "build_withdrawal"]

_DROPPED_LIMIT = 1024


def build_claimed_run(
    bridge: Key, claim: Claim, script: str, variables: dict[str, Any], task: dict[str, Any]
) -> dict[str, Any]:
    """Build the ScriptRun of a task. From its first moment on it can't go before it was reported.

    Args:
        bridge: namespace and name of the Bridge.
        claim: the claim.
        script: name of the Script.
        variables: for the script.
        task: ``spec.task``.
    """
    namespace, name = bridge
    return {
        "apiVersion": API_VERSION,
        "kind": "ScriptRun",
        "metadata": {
            "name": claimed_run_name(name, claim.identity, claim.generation),
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": MANAGED_BY, BRIDGE_LABEL: name, OPEN_LABEL: "true"},
            "annotations": {CLAIM_ANNOTATION: dump_json(asdict(claim))},
            "finalizers": [REPORT_FINALIZER],
        },
        "spec": {"scriptRef": {"name": script}, "variables": variables, "task": task},
    }


def build_readoption(bridge: str, claim: Claim, uid: str, version: int) -> dict[str, Any]:
    """Build the merge patch that puts another delivery's claim in the place of an earlier one's.

    It fails (409) when the run has changed since: it may have been reported.
    """
    return {
        "metadata": {
            "uid": uid,
            "resourceVersion": str(version),
            "labels": {BRIDGE_LABEL: bridge, OPEN_LABEL: "true"},
            "annotations": {CLAIM_ANNOTATION: dump_json(asdict(claim))},
        }
    }


def build_withdrawal(uid: str, version: int, why: str) -> dict[str, Any]:
    """Build the merge patch that cancels a run nobody waits for any more, and notes why.

    It fails (409) when the run has changed since: its task may have been handed out again.
    """
    return {
        "metadata": {
            "uid": uid,
            "resourceVersion": str(version),
            "annotations": {DROPPED_ANNOTATION: shorten(why, _DROPPED_LIMIT)},
        },
        "spec": {"cancel": True},
    }


def build_release(uid: str, version: int, finalizers: Sequence[str]) -> dict[str, Any]:
    """Build the merge patch by which a bridge lets a run go.

    Args:
        uid: of the run.
        version: at which it has these finalizers; it fails (409) when that is not its version any more.
        finalizers: all that it has.
    """
    return {
        "metadata": {
            "uid": uid,
            "resourceVersion": str(version),
            "labels": {OPEN_LABEL: None},
            "finalizers": [name for name in finalizers if name != REPORT_FINALIZER],
        }
    }
