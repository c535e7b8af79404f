"""The state of a run: what is kept of it, what namesakes share (nothing), and what is left after its end."""

from dataclasses import replace

import pytest

from builders import at, job_facts, pod_facts, run_facts, terminated
from scriptrun.controller.cache import Cache
from scriptrun.controller.run_state import RunState
from scriptrun.models.facts import RunFacts

RUN = run_facts(version=7)
JOB = job_facts(RUN)
POD = pod_facts(RUN)
ENDED = replace(RUN, version=9, finished_at=at(5), spec={}, status={})


def _known(run: RunFacts = RUN) -> tuple[Cache, RunState]:
    cache = Cache()
    cache.put_run(run)
    return cache, cache.state_of(run)


def test_what_is_seen_before_the_run_itself_becomes_its_state() -> None:
    cache = Cache()
    cache.put_job(JOB)
    cache.put_pod(RUN.key, POD)
    assert cache.announce_output(RUN.key, POD.name)
    cache.put_run(RUN)
    state = cache.state_of(RUN)
    assert (state.job, state.pods, state.list_unread(JOB)) == (JOB, {POD.name: POD}, {POD.name})
    assert cache.slots.is_holding(RUN)


def test_the_job_of_a_namesake_does_not() -> None:
    cache = Cache()
    cache.put_job(replace(JOB, owner_uid="uid of the one before"))
    cache.put_run(RUN)
    assert cache.state_of(RUN).job is None
    assert not cache.slots.is_holding(RUN)


def test_a_namesake_begins_with_nothing() -> None:
    cache, state = _known()
    cache.put_job(JOB)
    state.mark_suspect()
    state.confirm_input()
    state.mark_full(RUN)
    other = replace(RUN, uid="another", version=8)
    cache.put_run(other)
    assert cache.state_of(other) == RunState()
    assert not cache.slots.is_holding(other)


def test_a_pass_that_outlives_its_run_leaves_nothing_behind() -> None:
    cache, state = _known()
    cache.drop_run(RUN.key, 8)
    state.doubt_write()
    cache.state_of(RUN).expect_job()
    assert cache.state_of(RUN) == RunState()
    cache.put_run(again := replace(RUN, uid="another", version=10))
    assert not cache.state_of(again).write_in_doubt


def test_of_a_finished_run_only_pods_that_linger_are_kept() -> None:
    cache, state = _known()
    cache.put_job(JOB)
    beside = pod_facts(RUN, suffix="bbbbb", phase="Running", state={"terminated": terminated(1)}, beside=["aaa-proxy"])
    for pod in (POD, beside):
        state.see_pod(pod)
    state.refuse(at(1))
    cache.put_run(ENDED)
    assert cache.state_of(ENDED) == RunState(lingering={beside.name: beside})
    cache.put_job(JOB)
    assert cache.state_of(ENDED).job is None
    assert not cache.announce_output(RUN.key, POD.name)
    cache.lose_pod(RUN.key, beside.name)
    assert cache.state_of(ENDED) == RunState()


@pytest.mark.parametrize("lost", ["job", "pod"])
def test_what_leaves_a_watch_has_the_api_server_asked_once(lost: str) -> None:
    cache, state = _known()
    state.see_pod(POD)
    if lost == "job":
        cache.lose_job(JOB)
    else:
        cache.lose_pod(RUN.key, POD.name)
    assert state.suspect
    state.begin_refresh()
    assert not state.suspect
    assert not state.pods[POD.name].gone, "it may only have succeeded"


def test_a_job_that_is_seen_ends_the_doubt_whether_there_is_one() -> None:
    state = RunState()
    state.expect_job()
    state.see_job(JOB)
    assert not state.job_may_exist
    assert not state.see_job(replace(JOB, version=JOB.version - 1))


def test_an_output_that_comes_late_is_read_after_all() -> None:
    state = RunState()
    state.keep_result(POD.name, None)
    assert state.list_unread(JOB) == set()
    state.announce_output(POD.name)
    assert state.list_unread(JOB) == {POD.name}


def test_the_first_look_and_the_first_refusal_are_remembered() -> None:
    state = RunState()
    assert [state.look(at(second)) for second in (1, 5)] == [at(1), at(1)]
    assert [state.refuse(at(second)) for second in (2, 5)] == [at(2), at(2)]


def test_a_run_is_full_only_as_long_as_it_does_not_change() -> None:
    state = RunState()
    state.mark_full(RUN)
    assert state.is_full(RUN)
    assert not state.is_full(replace(RUN, version=8))
