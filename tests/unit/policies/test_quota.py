"""What a quota says of an object that it refuses: room that others use, or more than there is."""

import pytest

from scriptrun.policies.quota import advise_quota, has_room_later


def refuse(requested: str, used: str, limited: str) -> str:
    """The words of the API server."""
    return f'pods "x" is forbidden: exceeded quota: team, requested: {requested}, used: {used}, limited: {limited}'


@pytest.mark.parametrize(
    ("requested", "limited"),
    [
        ("pods=1", "pods=1"),
        ("limits.cpu=500m", "limits.cpu=1"),
        ("limits.cpu=1500m", "limits.cpu=1500000u"),
        ("requests.memory=1Gi", "requests.memory=1073741824"),
        ("requests.memory=1G", "requests.memory=1Gi"),
        ("requests.memory=1e3", "requests.memory=1k"),
        ("limits.cpu=1,pods=1", "limits.cpu=1,pods=3"),
    ],
)
def test_what_the_whole_quota_could_hold_has_room_later(requested: str, limited: str) -> None:
    said = refuse(requested, "pods=3", limited)
    assert has_room_later(said)
    assert advise_quota(said) == "it is let in once there is room"


@pytest.mark.parametrize(
    ("requested", "limited"),
    [
        ("pods=1", "pods=0"),
        ("limits.cpu=1001m", "limits.cpu=1"),
        ("requests.memory=1Gi", "requests.memory=1G"),
        ("requests.example.test/widget=1", "requests.example.test/widget=0"),
        ("limits.cpu=1,requests.memory=2Ti", "limits.cpu=1,requests.memory=2047Gi"),
        ("cpu=1e1", "cpu=9"),
    ],
)
def test_more_than_the_whole_quota_never_has(requested: str, limited: str) -> None:
    assert not has_room_later(refuse(requested, "pods=0", limited))


@pytest.mark.parametrize(
    "said",
    [
        "exceeded quota: team",
        refuse("pods=many", "pods=0", "pods=0"),
        refuse("pods=1", "pods=0", "cpu=0"),
        refuse("pods=1e999", "pods=0", "pods=0"),
        refuse(f"pods={'9' * 99}", "pods=0", "pods=0"),
    ],
)
def test_words_that_are_not_known_are_taken_for_a_full_quota(said: str) -> None:
    assert has_room_later(said)


def test_other_refusals_are_no_queue() -> None:
    assert not has_room_later("failed quota: team: must specify limits.cpu for: script")


def test_the_advice_names_field_and_quota() -> None:
    said = refuse("limits.memory=1Gi,pods=1", "limits.memory=0,pods=0", "limits.memory=100Mi,pods=5")
    assert advise_quota(said) == (
        "more than the whole quota: lower resources.limits.memory in the Script to at most 100Mi, "
        "or raise limits.memory of ResourceQuota team to 1Gi or more"
    )
    assert "lower" not in advise_quota(refuse("limits.memory=1Gi", "limits.memory=0", "limits.memory=0"))
    assert "lower" not in advise_quota(refuse("pods=1", "pods=0", "pods=0"))
