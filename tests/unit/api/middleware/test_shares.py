"""One caller does not keep the others out."""

from contextlib import ExitStack

from scriptrun.api.middleware.shares import Shares


def test_one_caller_has_a_quarter() -> None:
    shares = Shares(8)
    with ExitStack() as held:
        for _ in range(2):
            assert not shares.is_used_up("ada")
            held.enter_context(shares.hold("ada"))
        assert shares.is_used_up("ada")
        assert not shares.is_used_up("bob")
        assert not shares.is_full()
        for name in "bcdefg":
            held.enter_context(shares.hold(name))
        assert shares.is_full()
        assert shares.total == 8
    assert shares.total == 0
    assert not shares.is_used_up("ada")


def test_everybody_has_one() -> None:
    shares = Shares(1)
    assert not shares.is_used_up("ada")
    with shares.hold("ada"):
        assert shares.is_used_up("ada")
        assert not shares.is_used_up("bob")
