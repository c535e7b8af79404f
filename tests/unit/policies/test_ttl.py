"""How long a finished run stays."""

import pytest

from builders import at, run_facts, script_spec
from scriptrun.models.script import ScriptSpec
from scriptrun.policies.ttl import decide_expiry

FINISHED = {"phase": "Succeeded", "finishedAt": "2026-11-21T12:00:10.500Z"}


@pytest.mark.parametrize(
    ("own", "script", "left"),
    [
        (None, None, 86_400),
        (None, script_spec(ttlSecondsAfterFinished=60), 60),
        (20, script_spec(ttlSecondsAfterFinished=60), 20),
        (600, script_spec(ttlSecondsAfterFinished=60), 600),
        (0, script_spec(), 0),
        (None, script_spec(ttlSecondsAfterFinished=0), 0),
    ],
)
def test_the_runs_own_wish_comes_first_then_its_scripts(own: int | None, script: ScriptSpec | None, left: int) -> None:
    wish = {} if own is None else {"ttlSecondsAfterFinished": own}
    run = run_facts(status=FINISHED, **wish)
    assert decide_expiry(run, script, at(10.5)) == left
    assert decide_expiry(run, script, at(15.5)) == left - 5


def test_after_its_time_it_is_overdue() -> None:
    run = run_facts(status=FINISHED, ttlSecondsAfterFinished=1)
    assert decide_expiry(run, None, at(100)) < 0
