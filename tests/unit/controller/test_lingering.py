"""Pods that go on after their run's end are not left alone: the Job is stopped, whenever the operator comes to know.

Either the Job replaced a pod that was lost after it had written its output, or others run containers in it.
"""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from builders import at, instant, job_body, pod_body, pod_facts, quick_checks, run_body, run_facts, settings, terminated
from scriptrun.controller.cache import Cache
from scriptrun.controller.informer import Informer, WorkItem
from scriptrun.controller.run_state import RunState
from scriptrun.controller.runs.reconcile import RunReconciler
from scriptrun.errors import Unavailable
from scriptrun.kube.client import Client
from scriptrun.models.facts import PodFacts, RunFacts
from scriptrun.runtime.work_queue import WorkQueue

GRACE_SECONDS = 5
ENDED = {"phase": "Failed", "reason": "OutOfMemory", "finishedAt": instant(5)}
FINISHED = run_facts(status={"phase": "Succeeded", "finishedAt": instant(5)})


class _Recorder:
    """Takes patches, and may be away for the first."""

    def __init__(self, *, away: int = 0) -> None:
        self.patches: list[tuple[str, Mapping[str, Any]]] = []
        self._away = away

    async def patch(self, resource: Any, key: tuple[str, str], body: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        if self._away:
            self._away -= 1
            raise Unavailable("away")
        self.patches.append((resource.plural, body))
        return job_body(FINISHED)


class _Queue(WorkQueue[WorkItem]):
    """Remembers for when a key was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def add_after(self, key: WorkItem, seconds: float) -> None:
        self.waits.append(seconds)


def _reconciler(cache: Cache, client: _Recorder, queue: _Queue | None = None, now: float = 10) -> RunReconciler:
    known = cast(Client, client)
    given = settings(sidecar_grace_seconds=GRACE_SECONDS)
    asked = _Queue() if queue is None else queue
    return RunReconciler(known, cache, asked, quick_checks(), given, lambda: at(now))


def with_proxy(run: RunFacts = FINISHED, **fields: Any) -> PodFacts:
    """A pod whose script has ended, and in which a proxy goes on."""
    state = {"terminated": terminated(137, "OOMKilled")}
    return pod_facts(run, **{"phase": "Running", "state": state, "beside": ["aaa-proxy"], **fields})


@pytest.fixture
def cache() -> Cache:
    cache = Cache()
    cache.put_run(FINISHED)
    return cache


async def test_its_job_is_stopped(cache: Cache) -> None:
    client = _Recorder()
    cache.put_pod(FINISHED.key, pod_facts(FINISHED, created=6.0, job_uid="uid-of-job"))
    await _reconciler(cache, client).reconcile(FINISHED.key)
    [(plural, body)] = client.patches
    assert plural == "jobs"
    assert body["spec"] == {"suspend": True}
    assert body["metadata"]["uid"] == "uid-of-job"


async def test_it_is_tried_until_it_is_done_and_then_not_again(cache: Cache) -> None:
    client = _Recorder(away=1)
    reconciler = _reconciler(cache, client)
    cache.put_pod(FINISHED.key, pod_facts(FINISHED, created=6.0))
    with pytest.raises(Unavailable):
        await reconciler.reconcile(FINISHED.key)
    await reconciler.reconcile(FINISHED.key)
    await reconciler.reconcile(FINISHED.key)
    assert len(client.patches) == 1


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(pod_facts(FINISHED, created=1.0), id="the pod that ended it, still shutting down"),
        pytest.param(pod_facts(FINISHED, created=6.0, deleting=True), id="on its way out already"),
        pytest.param(pod_facts(FINISHED, created=6.0, phase="Failed"), id="ended"),
    ],
)
async def test_other_pods_are_left_alone(cache: Cache, pod: Any) -> None:
    client = _Recorder()
    cache.put_pod(FINISHED.key, pod)
    await _reconciler(cache, client).reconcile(FINISHED.key)
    assert client.patches == []
    assert cache.state_of(FINISHED) == RunState()


async def test_containers_that_go_on_have_their_grace_and_no_more(cache: Cache) -> None:
    client, queue = _Recorder(), _Queue()
    cache.put_pod(FINISHED.key, with_proxy())
    await _reconciler(cache, client, queue, now=7).reconcile(FINISHED.key)
    assert client.patches == []
    assert 3.0 in queue.waits
    await _reconciler(cache, client, queue, now=10).reconcile(FINISHED.key)
    assert len(client.patches) == 1


async def test_the_job_is_told_why_its_run_had_ended(cache: Cache) -> None:
    """Should the run's status get lost, the Job's note is what its end is read from."""
    client = _Recorder()
    cache.put_run(run_facts(status=ENDED))
    cache.put_pod(FINISHED.key, with_proxy())
    await _reconciler(cache, client).reconcile(FINISHED.key)
    [(_plural, body)] = client.patches
    assert '"reason":"OutOfMemory"' in body["metadata"]["annotations"]["scriptrun.dev/stopped"]


async def test_a_pod_that_ended_by_itself_within_the_grace_is_forgotten(cache: Cache) -> None:
    client = _Recorder()
    cache.put_pod(FINISHED.key, with_proxy())
    cache.put_pod(FINISHED.key, with_proxy(phase="Failed"))
    await _reconciler(cache, client).reconcile(FINISHED.key)
    assert client.patches == []
    assert cache.state_of(FINISHED) == RunState()


async def test_a_pod_that_left_the_selection_is_forgotten(cache: Cache) -> None:
    """It succeeded, or was deleted: the reflector says the same of both."""
    cache.put_pod(FINISHED.key, with_proxy())
    Informer(cache, lambda item: None).on_pod("DELETED", pod_body(FINISHED))
    assert cache.state_of(FINISHED) == RunState()


async def test_a_container_that_fails_after_a_good_end_does_not_bring_the_script_back(cache: Cache) -> None:
    """The Job takes the pod for failed and is about to replace it: no grace is left."""
    client = _Recorder()
    state = {"terminated": terminated(0)}
    cache.put_pod(FINISHED.key, with_proxy(state=state))
    cache.put_pod(FINISHED.key, with_proxy(state=state, phase="Failed"))
    await _reconciler(cache, client, now=6).reconcile(FINISHED.key)
    assert len(client.patches) == 1


async def test_what_failed_before_this_operator_came_is_not_stopped_again(cache: Cache) -> None:
    client = _Recorder()
    cache.put_pod(FINISHED.key, with_proxy(state={"terminated": terminated(0)}, phase="Failed"))
    await _reconciler(cache, client).reconcile(FINISHED.key)
    assert client.patches == []


@pytest.mark.parametrize("pods_first", [True, False])
async def test_an_operator_that_starts_finds_what_goes_on_in_whatever_order_it_lists(pods_first: bool) -> None:
    cache, client = Cache(), _Recorder()
    informer = Informer(cache, lambda item: None)
    run = run_body(status=ENDED)
    proxied = pod_body(FINISHED, phase="Running", state={"terminated": terminated(1)}, beside=["aaa-proxy"])
    if pods_first:
        informer.on_pod("ADDED", proxied)
    informer.take_run(run)
    if not pods_first:
        informer.on_pod("ADDED", proxied)
    await _reconciler(cache, client).reconcile(FINISHED.key)
    assert len(client.patches) == 1


async def test_news_of_the_run_do_not_make_it_forget_the_pod(cache: Cache) -> None:
    client = _Recorder()
    cache.put_pod(FINISHED.key, with_proxy())
    cache.put_run(run_facts(status=ENDED))
    await _reconciler(cache, client).reconcile(FINISHED.key)
    assert len(client.patches) == 1


async def test_news_of_it_while_it_is_being_ended_do_not_stop_it_again(cache: Cache) -> None:
    client = _Recorder()
    reconciler = _reconciler(cache, client)
    for _ in range(3):
        cache.put_pod(FINISHED.key, with_proxy())
        await reconciler.reconcile(FINISHED.key)
    assert len(client.patches) == 1
    cache.put_pod(FINISHED.key, with_proxy(suffix="bbbbb", created=9))
    await reconciler.reconcile(FINISHED.key)
    assert len(client.patches) == 2, "another pod: somebody has resumed the Job"


async def test_a_resync_looks_after_it(cache: Cache) -> None:
    queue = _Queue()
    cache.put_pod(FINISHED.key, with_proxy())
    _reconciler(cache, _Recorder(), queue).resync()
    assert len(queue) == 1
    assert await queue.get() == ("run", *FINISHED.key)


def test_nothing_is_kept_of_a_run_that_is_gone(cache: Cache) -> None:
    cache.put_pod(FINISHED.key, with_proxy())
    cache.drop_run(FINISHED.key, FINISHED.version + 1)
    assert cache.state_of(FINISHED) == RunState()
