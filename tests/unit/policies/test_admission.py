"""The concurrency limit and its queue."""

from scriptrun.policies.admission import decide_admission


def test_without_a_limit_everybody_starts() -> None:
    assert decide_admission(50, 3, None) is None


def test_a_run_starts_when_there_is_a_slot_for_it_and_for_all_that_come_first() -> None:
    assert decide_admission(1, 1, 3) is None
    assert decide_admission(1, 2, 3) is not None
    assert decide_admission(3, 0, 3) is not None


def test_the_message_says_the_place_and_the_limit() -> None:
    wait = decide_admission(1, 1, 1)
    assert wait is not None
    assert wait.reason == "ConcurrencyLimit"
    assert wait.message == "place 2 in the queue: 1 of at most 1 runs are under way"
