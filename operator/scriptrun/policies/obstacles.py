"""What keeps a run's script from starting, in whose words, and what can be done about it."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from scriptrun.models.facts import INIT_RUNNING, EventFacts, PodFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.quota import advise_quota, has_room_later, name_field
from scriptrun.policies.verdict import Verdict, Wait

__all__ = [
    "QUOTA_EXCEEDED",
    "REFUSALS",
    "decide_refused",
    "find_obstacle",
    "judge_event",
    "keep_obstacle",
    "recall_obstacle",
    "recall_refusal",
]

QUOTA_EXCEEDED = "QuotaExceeded"
REFUSALS = frozenset({"Forbidden", QUOTA_EXCEEDED})
"""Reasons for which a run waits when the API server does not let its Job or input in."""

_REFUSED_SECONDS = 5.0
_CONFIG_REASONS = {"CreateContainerConfigError"}
_OBSTACLES = {Reason.UNSCHEDULABLE, Reason.IMAGE_ERROR, Reason.SOURCE_MISSING, Reason.SIDECAR_FAILED}
_IMAGE_REASONS = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "CreateContainerError",
}
_POD_EVENTS = {
    "FailedMount",
    "FailedMapVolume",
    "FailedAttachVolume",
    "FailedCreatePodSandBox",
    "NetworkNotReady",
}
"""Events in which the kubelet says what its status of the containers has no word for."""

_ABSENT = re.compile(r"(?i)\b(?:secret|configmap)s? \S+ not found|references non-existent|object \S+ not registered")
_UNNAMED = re.compile(r"(?:must specify|;) ?((?:[\w./-]+,?)+)")


def find_obstacle(pod: PodFacts) -> Verdict | None:
    """Find what keeps a pod's script from starting, and may do so for ever."""
    if pod.scheduling_message:
        return Verdict(Reason.UNSCHEDULABLE, pod.scheduling_message)
    blocker = pod.blocker
    if blocker is None or blocker.reason == INIT_RUNNING:
        return None
    said = f"{blocker.reason}: {blocker.message}"
    if blocker.container:
        # Whoever added it knows of its ConfigMaps and Secrets; neither the script's author nor the caller does.
        reason = Reason.IMAGE_ERROR if blocker.reason in _IMAGE_REASONS else Reason.SIDECAR_FAILED
        return Verdict(reason, f'container "{blocker.container}": {said}')
    return Verdict(Reason.SOURCE_MISSING if blocker.reason in _CONFIG_REASONS else Reason.IMAGE_ERROR, said)


def keep_obstacle(known: PodFacts, pod: PodFacts) -> PodFacts:
    """Keep what was in the way of a pod that is ended before its script started: the kubelet forgets it then.

    Args:
        known: the pod as it was seen before.
        pod: as it is now.
    """
    if not (pod.deleting or pod.ended) or pod.started_at or known.started_at:
        return pod
    # Once it is being deleted, its containers end for that, and no longer for what kept it from starting.
    if (pod.blocker or pod.scheduling_message) and not (pod.deleting and (known.blocker or known.scheduling_message)):
        return pod
    return replace(pod, blocker=known.blocker, scheduling_message=known.scheduling_message)


def judge_event(event: EventFacts | None) -> Verdict | None:
    """Judge what an event says of a Job's pod that can't be made, or of a pod that can't be set up on its node."""
    if event is None:
        return None
    if event.reason == "FailedCreate":
        said = event.message.removeprefix("Error creating: ")
        advice = _advise(said)
        return Verdict(Reason.UNSCHEDULABLE, f"no pod can be made: {said}" + (f" ({advice})" if advice else ""))
    if event.reason not in _POD_EVENTS:
        return None
    reason = Reason.SOURCE_MISSING if _ABSENT.search(event.message) else Reason.UNSCHEDULABLE
    return Verdict(reason, f"{event.reason}: {event.message}")


def _advise(said: str) -> str:
    """Say what to set where, so that the API server lets a pod in."""
    if "must specify" in said:
        names = [name for found in _UNNAMED.findall(said.partition("failed quota")[2]) for name in found.split(",")]
        fields = ", ".join(f"resources.{name_field(name)}" for name in names if name)
        defaults = "give the namespace a LimitRange with defaults, or the chart runner.resources"
        return f"set {fields or 'resources'} in the Script; or {defaults}"
    if "exceeded quota" in said:
        return advise_quota(said)
    if re.search(r"(?:maximum|minimum) \S+ usage per|limit to request ratio", said):
        return "the namespace has a LimitRange: change resources in the Script to fit it"
    if "violates PodSecurity" in said:
        return "the namespace's label pod-security.kubernetes.io/enforce decides what a pod may have"
    if "service account" in said or "serviceaccount" in said:
        return "create the ServiceAccount, or change serviceAccountName in the Script"
    return ""


def recall_obstacle(status: dict[str, Any]) -> Verdict | None:
    """Recall from a run's own status what it waited for when it was last written."""
    reason, message = str(status.get("reason")), status.get("message")
    if not isinstance(message, str) or "finishedAt" in status:
        return None
    if reason in REFUSALS:
        return Verdict(Reason.UNSCHEDULABLE, message)
    return Verdict(Reason(reason), message) if reason in _OBSTACLES else None


def recall_refusal(status: dict[str, Any]) -> Verdict | None:
    """Recall that the API server refused what the operator makes for a run: without its input no pod starts."""
    return recall_obstacle(status) if status.get("reason") in REFUSALS else None


def decide_refused(reason: str, said: str, since: datetime, deadline_seconds: float, now: datetime) -> Verdict | Wait:
    """Wait until the API server lets a run's Job and input in; only room that a quota may have is waited for endlessly.

    Args:
        reason: one of ``REFUSALS``.
        said: the API server's words.
        since: when it first refused.
        deadline_seconds: the Script's startDeadlineSeconds.
        now: aware UTC.
    """
    left = deadline_seconds - (now - since).total_seconds()
    if reason == QUOTA_EXCEEDED:
        if has_room_later(said):
            return Wait(reason, said, _REFUSED_SECONDS)
        said = f"{said} ({advise_quota(said)})"
    if left > 0:
        return Wait(reason, said, min(_REFUSED_SECONDS, left))
    return Verdict(Reason.UNSCHEDULABLE, f"{said} (startDeadlineSeconds {deadline_seconds:g} is over)")
