"""Why a run ended: the closed list, each with whose fault it is and whether trying again can help.

Bridges map these to their orchestrator's fail, error or incident.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

__all__ = ["REASONS", "Blame", "Reason", "ReasonFacts"]

Blame = Literal["nobody", "script", "caller", "infrastructure"]


class Reason(StrEnum):
    """Why a run ended."""

    COMPLETED = "Completed"
    SCRIPT_FAILED = "ScriptFailed"
    TIMEOUT = "Timeout"
    OUT_OF_MEMORY = "OutOfMemory"
    EVICTED = "Evicted"
    NODE_LOST = "NodeLost"
    IMAGE_ERROR = "ImageError"
    SIDECAR_FAILED = "SidecarFailed"
    UNSCHEDULABLE = "Unschedulable"
    SCRIPT_NOT_ALLOWED = "ScriptNotAllowed"
    SOURCE_MISSING = "SourceMissing"
    DIGEST_MISMATCH = "DigestMismatch"
    DEPENDENCY_ERROR = "DependencyError"
    INDEX_UNAVAILABLE = "IndexUnavailable"
    INVALID_VARIABLES = "InvalidVariables"
    INVALID_OUTPUT = "InvalidOutput"
    OUTPUT_TOO_LARGE = "OutputTooLarge"
    OUTPUT_LOST = "OutputLost"
    INPUT_TOO_LARGE = "InputTooLarge"
    OPERATOR_CRASHED = "OperatorCrashed"
    CANCELED = "Canceled"


@dataclass(frozen=True, slots=True)
class ReasonFacts:
    """What a reason means: for docs, bridges and people."""

    blame: Blame
    retryable: bool
    summary: str


REASONS: dict[Reason, ReasonFacts] = {
    Reason.COMPLETED: ReasonFacts("nobody", False, "The script ended well and its output is there."),
    Reason.SCRIPT_FAILED: ReasonFacts(
        "script", True, "The script ended with an exit code other than 0, or said FAILED."
    ),
    Reason.TIMEOUT: ReasonFacts("script", True, "The run or its last attempt took longer than it may."),
    Reason.OUT_OF_MEMORY: ReasonFacts("script", True, "The script used more memory than its limit or the node had."),
    Reason.EVICTED: ReasonFacts("infrastructure", True, "The pod was evicted, preempted or deleted before it ended."),
    Reason.NODE_LOST: ReasonFacts("infrastructure", True, "The node went away with the pod on it."),
    Reason.IMAGE_ERROR: ReasonFacts(
        "infrastructure", True, "The image can't be pulled, or a container can't be made of it."
    ),
    Reason.SIDECAR_FAILED: ReasonFacts(
        "infrastructure", True, "A container that something else added to the pod kept the script from starting."
    ),
    Reason.UNSCHEDULABLE: ReasonFacts(
        "infrastructure", True, "No pod could be made, it fitted on no node, or its node could not set it up in time."
    ),
    Reason.SCRIPT_NOT_ALLOWED: ReasonFacts(
        "caller", False, "No such Script, or the run asks for more than its Script allows."
    ),
    Reason.SOURCE_MISSING: ReasonFacts("caller", True, "A ConfigMap, Secret or key that the run needs did not appear."),
    Reason.DIGEST_MISMATCH: ReasonFacts("caller", False, "The source is not the one its Script pins."),
    Reason.DEPENDENCY_ERROR: ReasonFacts(
        "script",
        False,
        "The script's libraries can't be installed: no lock, one that does not fit, no index, or a file that is not "
        "the locked one.",
    ),
    Reason.INDEX_UNAVAILABLE: ReasonFacts(
        "infrastructure", True, "The package index that libraries come from did not answer, or refused."
    ),
    Reason.INVALID_VARIABLES: ReasonFacts("caller", False, "The variables are not what the Script's schema asks for."),
    Reason.INVALID_OUTPUT: ReasonFacts(
        "script", False, "The output is not JSON, or not what the Script's schema asks for."
    ),
    Reason.OUTPUT_TOO_LARGE: ReasonFacts("script", False, "The output is larger than it may be."),
    Reason.OUTPUT_LOST: ReasonFacts("infrastructure", True, "The script ended, but its output can't be had any more."),
    Reason.INPUT_TOO_LARGE: ReasonFacts("caller", False, "Script and variables together are larger than they may be."),
    Reason.OPERATOR_CRASHED: ReasonFacts(
        "infrastructure",
        False,
        "The operator's process died three times in a row while it worked on the run, which was then set aside.",
    ),
    Reason.CANCELED: ReasonFacts(
        "caller", False, "Somebody set `spec.cancel`, or deleted a run that a bridge reports."
    ),
}
