"""Contract `stream`: the variables come in on stdin, the text that the script prints is its output.

From the script pipeline, whose output is what the script printed, of runs that failed too.
"""

from __future__ import annotations

from scriptrun_runner.conclusion import Conclusion
from scriptrun_runner.contracts.base import Contract
from scriptrun_runner.output import OUTPUT_TOO_LARGE, OutputError, check_size, read_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scriptrun_runner.ending import Ending
    from scriptrun_runner.tail import Capture

__all__ = ["StreamContract"]

_LIMIT_CHARACTERS = 1_000_000


class StreamContract(Contract):
    """Variables in, text out: stdout and stderr in the order in which they were written."""

    merges_stderr = True

    @property
    def captured_bytes(self) -> int:
        """As many as the output may have: as JSON, the text only gets longer."""
        return self.spec.output_limit_bytes

    def stdin(self) -> str:
        """The variables."""
        return self.paths.variables

    def conclude(self, ending: Ending, stdout: Capture) -> Conclusion:
        """Take the text; a failed script that printed too much is no more than a failed script."""
        try:
            output = self._read(stdout)
        except OutputError as error:
            if not ending.exit_code:
                raise
            return Conclusion.script_failed(f"{ending.describe()}; {error}")
        if ending.exit_code:
            return Conclusion.script_failed(ending.describe(), output)
        return Conclusion.completed(output)

    def _read(self, stdout: Capture) -> bytes:
        import json

        limit_bytes = self.spec.output_limit_bytes
        written = read_output(self.paths.output, limit_bytes)
        if written is not None:
            return written
        check_size("the text that the script printed", stdout.total_bytes, limit_bytes)
        text = stdout.data.decode("utf-8", "replace")
        if len(text) > _LIMIT_CHARACTERS:
            message = f"the script printed {len(text):,} characters, it may print {_LIMIT_CHARACTERS:,}"
            raise OutputError(OUTPUT_TOO_LARGE, message)
        output = json.dumps({"output": text}, ensure_ascii=False).encode()
        check_size("the text that the script printed, as JSON,", len(output), limit_bytes)
        return output
