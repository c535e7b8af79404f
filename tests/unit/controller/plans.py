"""What becomes of the attempts of a run, written beforehand, and what the run must come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["BESIDE", "DISRUPTIONS", "FATES", "GOOD", "REASONS", "Beside", "Fate", "Plan", "foresee"]

Beside = Literal[
    "nothing",
    "native",  # a sidecar that the kubelet ends with the script
    "leaves",  # a container that ends by itself, well, soon after the script
    "breaks",  # the same, but it fails: the pod has failed then, whatever became of the script
    "stays",  # a container that ends only when it is told to
]
"""What an injector has put beside the script."""

BESIDE: tuple[Beside, ...] = ("nothing", "native", "leaves", "breaks", "stays")

Fate = Literal[
    "good",  # a small output
    "big",  # one that does not fit a termination message
    "bad",  # exit code 1
    "invalid",  # the runner refused the output
    "silent",  # the runner died without a word
    "forged",  # the script wrote nonsense in place of its result, and exit code 0
    "oom",
    "broken",  # the container can't be started
    "drained",  # evicted
    "lost",  # the node went away
    "deleted",  # by hand
    "hangs",  # until it is killed
    "no-image",
    "unschedulable",
]

FATES: tuple[Fate, ...] = (
    "good",
    "big",
    "bad",
    "invalid",
    "silent",
    "forged",
    "oom",
    "broken",
    "drained",
    "lost",
    "deleted",
    "hangs",
    "no-image",
    "unschedulable",
)

REASONS: dict[Fate, str] = {
    "good": "Completed",
    "big": "Completed",
    "bad": "ScriptFailed",
    "invalid": "InvalidOutput",
    "silent": "ScriptFailed",
    "forged": "OutputLost",
    "oom": "OutOfMemory",
    "broken": "ImageError",
    "drained": "Evicted",
    "lost": "NodeLost",
    "deleted": "Evicted",
    "hangs": "Timeout",
    "no-image": "ImageError",
    "unschedulable": "Unschedulable",
}
_NEVER_STARTS: tuple[Fate, ...] = ("no-image", "unschedulable")
_FINAL: tuple[Fate, ...] = ("good", "big", "forged", "hangs", *_NEVER_STARTS)
DISRUPTIONS = {"drained": "EvictionByEvictionAPI", "lost": "DeletionByTaintManager"}
"""The reason of the pod's condition."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the attempts of a run, one after the other; after the last, all goes well."""

    fates: Sequence[Fate] = ("good",)
    beside: Beside = "nothing"

    def fate(self, number: int) -> Fate:
        """Of the attempt with this number, from 1."""
        return self.fates[number - 1] if number <= len(self.fates) else "good"


GOOD = Plan()


def foresee(plan: Plan, backoff_limit: int, on_disruption: str) -> tuple[str, int]:
    """Foresee the reason a run ends with and how many pods it takes, when nobody interferes."""
    failures = 0
    for number in range(1, len(plan.fates) + 2):
        fate = plan.fate(number)
        if fate in _FINAL or (fate in DISRUPTIONS and on_disruption == "Fail"):
            return REASONS[fate], number
        failures += fate not in DISRUPTIONS
        if failures > backoff_limit:
            return REASONS[fate], number
    raise AssertionError(plan)
