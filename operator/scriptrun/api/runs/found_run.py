"""A run that was looked up, in the cluster or in the history."""

from dataclasses import dataclass, field
from typing import Any

from scriptrun.policies.masking import Secrets

__all__ = ["Found"]


@dataclass(frozen=True, slots=True)
class Found:
    """A run that was looked up.

    Attributes:
        run: the ScriptRun; from the history as it was at its end, with secrets masked.
        in_cluster: whether it is there still.
        secrets: what must not be shown of it.
        sha256: of the source it ran; "" where that is not known.
    """

    run: dict[str, Any]
    in_cluster: bool = True
    secrets: Secrets = field(default_factory=Secrets)
    sha256: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.run["metadata"]["namespace"], self.run["metadata"]["name"]

    @property
    def finished(self) -> bool:
        """Whether it is over."""
        return bool((self.run.get("status") or {}).get("finishedAt"))
