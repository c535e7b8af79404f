"""Figures of the engine benchmark are computed from what each way took."""

import pytest

from bench.engine.results import WAYS, Taken, build_figures


def _measure(taken: Taken) -> dict[str, float]:
    return {figure.key: figure.value for figure in build_figures("zeebe.single", "zeebe, one at a time", taken, 0.5)}


def test_the_bridge_is_put_beside_raw_jobs() -> None:
    found = _measure({"bridge": [1.0, 1.0, 4.0], "jobs": [4.0, 4.0, 8.0], "worker": [0.1, 0.1, 0.1]})
    assert found["zeebe.single.ratio_to_jobs"] == pytest.approx(0.25)
    assert found["zeebe.single.p99_ratio_to_jobs"] == pytest.approx(3.94 / 7.92)
    assert found["zeebe.single.p50_seconds"] == pytest.approx(1.0)
    assert found["zeebe.single.jobs_p50_seconds"] == pytest.approx(4.0)
    assert found["zeebe.single.worker_p50_seconds"] == pytest.approx(0.1)


def test_only_the_median_beside_raw_jobs_has_a_limit() -> None:
    taken: Taken = {"bridge": [3.0, 3.0], "jobs": [4.0, 4.0], "worker": [0.1, 0.1]}
    missed = [figure.key for figure in build_figures("conductor.burst", "", taken, 0.5) if not figure.met]
    assert missed == ["conductor.burst.ratio_to_jobs"]


@pytest.mark.parametrize("way", WAYS)
def test_no_percentile_is_above_the_slowest_task(way: str) -> None:
    taken: Taken = {way: [1.0] * 18 + [1.5, 9.0] for way in WAYS}
    key = "p99_seconds" if way == "bridge" else f"{way}_p99_seconds"
    assert 1.5 < _measure(taken)[f"zeebe.single.{key}"] <= 9.0
