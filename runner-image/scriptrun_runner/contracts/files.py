"""Contract `files`: a file with the variables goes in, a file with the output comes out.

From the Python executor worker: argv[1] is the path of a JSON file with the variables, argv[2] the path where the
script may leave a JSON object with new or changed ones, which count "upon successful completion of the script".
"""

from __future__ import annotations

from scriptrun_runner.conclusion import Conclusion
from scriptrun_runner.contracts.base import Contract
from scriptrun_runner.output import read_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scriptrun_runner.ending import Ending
    from scriptrun_runner.tail import Capture

__all__ = ["FilesContract"]


class FilesContract(Contract):
    """Files in, files out; nothing written is the empty object."""

    def arguments(self) -> list[str]:
        """The two paths."""
        return [self.paths.variables, self.paths.output]

    def conclude(self, ending: Ending, stdout: Capture) -> Conclusion:
        """Read the output, if the script ended well."""
        if ending.exit_code:
            return Conclusion.script_failed(ending.describe())
        return Conclusion.completed(read_output(self.paths.output, self.spec.output_limit_bytes) or b"{}")
