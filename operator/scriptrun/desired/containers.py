"""The containers of a run's pod: the script's own, found by its name, and those that others added to it.

A service mesh or an agent adds containers through an admission webhook. The kubelet reports them sorted by name, so
that nothing follows from a container's place. Ephemeral containers (``kubectl debug``) have a list of their own and
never matter.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from scriptrun.desired.names import CONTAINER, INSTALLER_CONTAINER
from scriptrun.models.facts import INIT_FAILED, INIT_RUNNING, NOT_STARTED, Blocker

__all__ = ["find_blocker", "has_started", "is_alone", "script_state"]

_STARTING = ("", "PodInitializing", "ContainerCreating")
_NEVER_SEEN = "ContainerStatusUnknown"  # of a container that was not even created when its pod was ended
_MESSAGE_LIMIT = 1024


def _list_statuses(pod: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return list((pod.get("status") or {}).get(name) or ())


def script_state(pod: Mapping[str, Any]) -> dict[str, Any]:
    """The state of the script's container: ``waiting``, ``running`` or ``terminated``; empty before it has one."""
    for status in _list_statuses(pod, "containerStatuses"):
        if status.get("name") == CONTAINER:
            return status.get("state") or {}
    return {}


def has_started(pod: Mapping[str, Any]) -> bool:
    """Whether the script's container has started, so that there is a log to read."""
    return not {"running", "terminated"}.isdisjoint(script_state(pod))


def is_alone(pod: Mapping[str, Any]) -> bool:
    """Whether the pod ends with the script's container.

    The installer of its libraries ends by itself. Native sidecars (init
    containers with ``restartPolicy: Always``) don't count: the kubelet ends them itself.
    """
    containers = (pod.get("spec") or {}).get("containers") or ()
    return all(container.get("name") in (CONTAINER, INSTALLER_CONTAINER) for container in containers)


def find_blocker(pod: Mapping[str, Any]) -> Blocker | None:
    """Find what keeps the script's container from starting; None when nothing is known to, or when it has started."""
    return None if has_started(pod) else next(_list_blockers(pod), None)


def _list_blockers(pod: Mapping[str, Any]) -> Iterator[Blocker]:
    """Yield what may be in the way, the most telling first."""
    sidecars = {
        item["name"]
        for item in (pod.get("spec") or {}).get("initContainers") or ()
        if item.get("restartPolicy") == "Always"
    }
    inits, others = _list_statuses(pod, "initContainerStatuses"), _list_statuses(pod, "containerStatuses")
    for status in sorted([*inits, *others], key=lambda status: status["name"] != CONTAINER):
        waiting = (status.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in _STARTING:
            name = "" if status["name"] == CONTAINER else status["name"]
            yield Blocker(name, waiting["reason"], waiting.get("message", "") + _describe_last_end(status))
    for status in inits:
        state, name = status.get("state") or {}, status["name"]
        ended = state.get("terminated") or {}
        if ended.get("exitCode") and ended.get("reason") != _NEVER_SEEN and name not in sidecars:
            yield Blocker(name, INIT_FAILED, _describe_end(ended))
        elif "running" in state and name in sidecars and not status.get("started"):
            yield Blocker(name, NOT_STARTED, "the sidecar runs, but its startup probe has not succeeded")
        elif "running" in state and name not in sidecars:
            yield Blocker(name, INIT_RUNNING, "the init container has not ended")


def _describe_last_end(status: Mapping[str, Any]) -> str:
    ended = (status.get("lastState") or {}).get("terminated")
    return f" (it last ended with {_describe_end(ended)})" if ended else ""


def _describe_end(ended: Mapping[str, Any]) -> str:
    said = str(ended.get("message") or "").strip()[:_MESSAGE_LIMIT]
    return f"exit code {ended.get('exitCode')}, {ended.get('reason') or 'no reason'}" + (f": {said}" if said else "")
