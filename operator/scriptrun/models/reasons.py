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
    Reason.COMPLETED: ReasonFacts("nobody", False, "The script succeeded, and its output is available."),
    Reason.SCRIPT_FAILED: ReasonFacts(
        "script", True, "The script ended with an exit code other than 0, or said FAILED."
    ),
    Reason.TIMEOUT: ReasonFacts("script", True, "The run or its last attempt exceeded its deadline."),
    Reason.OUT_OF_MEMORY: ReasonFacts("script", True, "The script used more memory than its limit or the node had."),
    Reason.EVICTED: ReasonFacts("infrastructure", True, "The pod was evicted, preempted or deleted before it ended."),
    Reason.NODE_LOST: ReasonFacts("infrastructure", True, "The pod's node was lost."),
    Reason.IMAGE_ERROR: ReasonFacts(
        "infrastructure", True, "The image can't be pulled, or no container can be created from it."
    ),
    Reason.SIDECAR_FAILED: ReasonFacts(
        "infrastructure", True, "A container that was injected into the pod prevented the script from starting."
    ),
    Reason.UNSCHEDULABLE: ReasonFacts(
        "infrastructure",
        True,
        "The pod could not be created, fitted on no node, or was not set up by its node in time.",
    ),
    Reason.SCRIPT_NOT_ALLOWED: ReasonFacts(
        "caller", False, "The Script does not exist, or the run asks for more than its Script allows."
    ),
    Reason.SOURCE_MISSING: ReasonFacts("caller", True, "A ConfigMap, Secret or key that the run needs did not appear."),
    Reason.DIGEST_MISMATCH: ReasonFacts("caller", False, "The source does not match the digest in its Script."),
    Reason.DEPENDENCY_ERROR: ReasonFacts(
        "script",
        False,
        "The script's libraries can't be installed: no lock, one that does not fit, no index, or a file that is not "
        "the locked one.",
    ),
    Reason.INDEX_UNAVAILABLE: ReasonFacts(
        "infrastructure", True, "The package index did not answer, or rejected the request."
    ),
    Reason.INVALID_VARIABLES: ReasonFacts("caller", False, "The variables do not match the Script's schema."),
    Reason.INVALID_OUTPUT: ReasonFacts(
        "script", False, "The output is not JSON, or does not match the Script's schema."
    ),
    Reason.OUTPUT_TOO_LARGE: ReasonFacts("script", False, "The output exceeds its size limit."),
    Reason.OUTPUT_LOST: ReasonFacts("infrastructure", True, "The script ended, but its output was lost."),
    Reason.INPUT_TOO_LARGE: ReasonFacts("caller", False, "Script and variables together exceed the size limit."),
    Reason.OPERATOR_CRASHED: ReasonFacts(
        "infrastructure",
        False,
        "The operator's process died three times in a row while it worked on the run, which was then set aside.",
    ),
    Reason.CANCELED: ReasonFacts("caller", False, "Someone set `spec.cancel`, or deleted a run that a bridge reports."),
}
