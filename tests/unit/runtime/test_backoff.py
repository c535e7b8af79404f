"""Waits grow apart, and have an end."""

from scriptrun.runtime.backoff import Backoff, back_off


def test_each_failure_doubles_the_wait() -> None:
    backoff = Backoff(0.5, 10.0)
    assert [backoff.delay(failures) for failures in (1, 2, 3, 6, 10_000)] == [0.5, 1.0, 2.0, 10.0, 10.0]


def test_what_only_a_person_can_mend_waits_longest() -> None:
    assert 21.0 <= back_off(1, refused=True) <= 30.0
    assert 0.14 <= back_off(1) <= 0.2


def test_what_the_other_side_asks_for_counts() -> None:
    assert back_off(1, asked=99.0) == 99.0
