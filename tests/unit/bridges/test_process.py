"""How long a poll may wait: it must be over before its process is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.bridges.process import limit_polls
from scriptrun.models.bridge import BridgeSpec
from scriptrun.orchestrators.adapter import Adapter
from scriptrun.settings import BridgeSettings

# After a poll: runs are made of what it brought, and what is in the middle of something finishes (5 s).
LAST_WORDS_SECONDS = 5.0


def polls(wished: float, limit: float) -> float:
    """How long the polls of a Bridge's adapter wait."""
    seen: list[tuple[Any, ...]] = []

    def build(spec: BridgeSpec, name: str, secret: Mapping[str, str], certificates: str) -> Adapter:
        seen.append((spec, name, secret, certificates))
        return cast(Adapter, None)

    document = {"zeebe": {"address": "http://zeebe"}, "longPollSeconds": wished, "workerId": "me"}
    spec = BridgeSpec.model_validate(document)
    limit_polls(build, limit)(spec, "orders", {"token": "x"}, "pem")
    [(limited, *others)] = seen
    assert others == ["orders", {"token": "x"}, "pem"]
    assert limited == spec.model_copy(update={"long_poll_seconds": limited.long_poll_seconds})
    return float(limited.long_poll_seconds)


@pytest.mark.parametrize(("wished", "waits"), [(300, 20.0), (20, 20.0), (19.5, 19.5), (0.1, 0.1)])
def test_a_poll_is_over_in_time_whatever_the_bridge_says(wished: float, waits: float) -> None:
    assert polls(wished, BridgeSettings(graceful_stop_seconds=30).longest_poll_seconds) == waits


def test_the_default_poll_is_not_shortened_by_the_default_stop() -> None:
    assert BridgeSettings().longest_poll_seconds >= BridgeSpec().long_poll_seconds
    assert BridgeSettings().longest_poll_seconds + LAST_WORDS_SECONDS < BridgeSettings().graceful_stop_seconds


@given(st.integers(1, 10_000))
def test_some_time_is_left_after_it(seconds: int) -> None:
    settings = BridgeSettings(graceful_stop_seconds=seconds)
    assert 0 < settings.longest_poll_seconds < settings.graceful_stop_seconds
