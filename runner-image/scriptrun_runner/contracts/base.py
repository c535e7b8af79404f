"""What all contracts have in common."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scriptrun_runner.conclusion import Conclusion
    from scriptrun_runner.ending import Ending
    from scriptrun_runner.paths import Paths
    from scriptrun_runner.spec import RunSpec
    from scriptrun_runner.tail import Capture

__all__ = ["Contract"]


class Contract:
    """How the script of one run is fed and understood.

    Attributes:
        merges_stderr: both streams go into one pipe, so that their order is kept.
        shows_stdout: stdout is for people: it goes to the log as it comes.
    """

    merges_stderr = False
    shows_stdout = True

    def __init__(self, spec: RunSpec, paths: Paths) -> None:
        self.spec = spec
        self.paths = paths

    @property
    def captured_bytes(self) -> int:
        """How much of stdout `conclude` wants to see; 0: none."""
        return 0

    def arguments(self) -> list[str]:
        """Arguments that follow the script's."""
        return []

    def stdin(self) -> str:
        """Path of what the script finds on its standard input."""
        return os.devnull

    def environment(self) -> dict[str, str]:
        """Variables of this contract alone."""
        return {}

    def prepare(self) -> None:
        """Lay out what the script needs beside it, after its folder was made.

        Raises:
            OSError: the folder can't be written.
        """

    def conclude(self, ending: Ending, stdout: Capture) -> Conclusion:
        """Say what the run came to.

        Raises:
            OutputError: the script's output is not what it must be.
        """
        raise NotImplementedError
