"""Contract `files`: a file with the variables goes in, a file with the output comes out.

From the Python executor worker: argv[1] is the path of a JSON file with the variables, argv[2] the path where the
script may leave a JSON object with new or changed ones. A script that fails may leave one, too: it says what went
wrong, and a Bridge makes a BPMN error of it.
"""

from __future__ import annotations

from scriptrun_runner.conclusion import Conclusion
from scriptrun_runner.contracts.base import Contract
from scriptrun_runner.output import OutputError, read_output

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
        """Read the output; a failed script whose output is no good is no more than a failed script."""
        try:
            output = read_output(self.paths.output, self.spec.output_limit_bytes)
        except OutputError as error:
            if not ending.exit_code:
                raise
            return Conclusion.script_failed(f"{ending.describe()}; {error}")
        if ending.exit_code:
            return Conclusion.script_failed(ending.describe(), output)
        return Conclusion.completed(b"{}" if output is None else output)
