"""How long containers that others added go on once the script has ended."""

from typing import Any

import pytest

from builders import at, pod_facts, run_facts, terminated
from scriptrun.models.facts import PodFacts
from scriptrun.policies.lingering import decide_job_stop, decide_pod_end

FINISHED = run_facts(status={"phase": "Succeeded", "reason": "Completed", "finishedAt": "2026-11-21T12:00:10Z"})
ENDED = {"terminated": terminated(3, seconds=10)}


def pod(**fields: Any) -> PodFacts:
    return pod_facts(**{"phase": "Running", "state": ENDED, "beside": ["proxy"], **fields})


def test_the_grace_counts_from_the_scripts_end() -> None:
    assert decide_pod_end(pod(), 5, at(12)) == 3
    assert decide_pod_end(pod(), 5, at(15)) == 0
    assert decide_pod_end(pod(), 60, at(15)) == 55


def test_a_container_that_never_started_has_no_end_to_count_from() -> None:
    ended = {**terminated(128, "StartError"), "startedAt": "1970-01-01T00:00:00Z", "finishedAt": "1970-01-01T00:00:00Z"}
    assert decide_pod_end(pod(created=1, state={"terminated": ended}), 5, at(20)) == -14


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(pod(beside=[]), id="the script is alone: the kubelet is at it"),
        pytest.param(pod(state={"running": {"startedAt": "2026-11-21T12:00:03Z"}}), id="the script runs"),
        pytest.param(pod(state={"waiting": {"reason": "PodInitializing"}}), id="the script has not started"),
        pytest.param(pod(state={}), id="nothing is known of it yet"),
        pytest.param(pod(phase="Failed"), id="the pod has ended"),
        pytest.param(pod(deleting=True), id="somebody deleted it"),
    ],
)
def test_other_pods_are_not_ended(other: PodFacts) -> None:
    assert decide_pod_end(other, 5, at(1000)) is None


def test_after_the_runs_end_the_grace_counts_from_there() -> None:
    assert decide_job_stop(FINISHED, pod(), 5, at(12)) == 3


def test_an_attempt_made_after_the_runs_end_has_no_grace() -> None:
    assert decide_job_stop(FINISHED, pod(created=11, state={}), 5, at(12)) == 0


def test_a_pod_that_the_job_is_about_to_replace_has_none() -> None:
    assert decide_job_stop(FINISHED, pod(phase="Failed"), 5, at(12)) == 0
