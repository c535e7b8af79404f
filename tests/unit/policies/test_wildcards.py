"""Patterns with wildcards: what they stand for, and that no pattern takes long."""

from hypothesis import given
from hypothesis import strategies as st

from scriptrun.policies.wildcards import matches_wildcards


def matches_by_hand(pattern: str, name: str) -> bool:
    """The meaning, written down: every way to begin is tried."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(matches_by_hand(pattern[1:], name[start:]) for start in range(len(name) + 1))
    return bool(name) and pattern[0] in ("?", name[0]) and matches_by_hand(pattern[1:], name[1:])


@given(st.text("ab*?", max_size=7), st.text("ab?\n", max_size=7))
def test_a_pattern_means_what_it_says(pattern: str, name: str) -> None:
    assert matches_wildcards(pattern, name) is matches_by_hand(pattern, name)


def test_characters_that_mean_something_in_regular_expressions_are_characters() -> None:
    assert matches_wildcards("a.(b)+?*", "a.(b)+?c")
    assert not matches_wildcards("a.b", "axb")


def test_many_stars_take_no_longer_than_few() -> None:
    # One that goes back and forth takes more steps than there are atoms for the first of these.
    assert not matches_wildcards("*a" * 126 + "b", "a" * 253)
    assert matches_wildcards("*a" * 126 + "b", "a" * 252 + "b")
    assert not matches_wildcards("*?a" * 80 + "b", "a" * 253)
