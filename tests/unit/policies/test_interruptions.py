"""When a run or Script is set aside."""

import pytest

from builders import run_facts, script_facts
from scriptrun.models.reasons import Reason
from scriptrun.policies.interruptions import (
    check_script,
    count_interruptions,
    decide_set_aside,
    decide_unready,
    has_recovered,
    may_be_tried_again,
)


@pytest.mark.parametrize(("status", "count"), [({}, 0), ({"interruptions": 2}, 2), ({"interruptions": "x"}, 0)])
def test_the_count_is_read_with_care(status: dict[str, object], count: int) -> None:
    assert count_interruptions(status) == count


def test_a_run_is_set_aside_at_the_third_death() -> None:
    assert decide_set_aside(run_facts(status={"interruptions": 2})) is None
    verdict = decide_set_aside(run_facts(status={"interruptions": 3}))
    assert verdict is not None
    assert verdict.reason is Reason.OPERATOR_CRASHED


def test_a_script_is_set_aside_at_the_third_death_and_so_are_its_runs() -> None:
    assert check_script(script_facts(status={"interruptions": 2})) is None
    script = script_facts(status={"interruptions": 3})
    refused, unready = check_script(script), decide_unready(script)
    assert refused is not None
    assert refused.reason is Reason.SCRIPT_NOT_ALLOWED
    assert unready is not None
    assert unready.reason == "OperatorCrashed"


@pytest.mark.parametrize(
    ("interruptions", "reason", "generation", "expected"),
    [
        (3, "OperatorCrashed", 0, True),  # the spec has changed since it was set aside
        (3, "OperatorCrashed", 1, False),
        (3, "Ready", 1, False),  # it has not been set aside yet
        (2, "OperatorCrashed", 0, False),
    ],
)
def test_a_script_may_be_tried_again_once_its_spec_has_changed(
    interruptions: int, reason: str, generation: int, *, expected: bool
) -> None:
    ready = {"type": "Ready", "status": "False", "reason": reason, "observedGeneration": generation}
    script = script_facts(status={"interruptions": interruptions, "conditions": [ready]})
    assert may_be_tried_again(script) is expected


@pytest.mark.parametrize(
    ("interruptions", "seconds", "expected"),
    [(1, 60, True), (2, 600, True), (1, 59, False), (0, 60, False), (3, 60, False)],
)
def test_the_row_ends_once_the_process_has_worked_for_a_minute(
    interruptions: int, seconds: float, *, expected: bool
) -> None:
    assert has_recovered(interruptions, seconds) is expected
