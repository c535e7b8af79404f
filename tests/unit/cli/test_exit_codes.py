"""Exit codes of `scriptrun run`."""

import pytest

from scriptrun.cli.output.exit_codes import decide_exit_code, describe_exit_code
from scriptrun.models.reasons import REASONS, Reason


@pytest.mark.parametrize(
    ("reason", "exit_code", "expected"),
    [
        ("Completed", 0, 0),
        ("ScriptFailed", 3, 3),
        ("ScriptFailed", 0, 1),  # the script said FAILED and left with 0
        ("ScriptFailed", None, 1),
        ("InvalidOutput", 0, 1),
        ("OutputTooLarge", 0, 1),
        ("Timeout", 143, 124),
        ("Canceled", None, 130),
        ("OutOfMemory", 137, 137),
        ("OutOfMemory", None, 137),
        ("InvalidVariables", None, 125),
        ("ScriptNotAllowed", None, 125),
        ("NodeLost", 143, 125),
        ("OutputLost", 0, 125),
        ("MadeUpLater", 0, 125),
        (None, None, 125),
    ],
)
def test_exit_codes(reason: str | None, exit_code: int | None, expected: int) -> None:
    status = {"reason": reason, **({} if exit_code is None else {"exitCode": exit_code})}
    assert decide_exit_code(status) == expected


@pytest.mark.parametrize("reason", Reason)
def test_only_success_is_zero_and_the_docs_say_so(reason: Reason) -> None:
    code = decide_exit_code({"reason": reason, "exitCode": 77})
    assert (code == 0) == (reason is Reason.COMPLETED)
    assert describe_exit_code(reason) == ("the script's, or 1 where that is 0" if code == 77 else str(code))
    assert code != 77 or REASONS[reason].blame == "script"
