"""A run that is over is not run again, though its Job replaces a pod that was lost after it had written its output."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from builders import at, instant, job_body, pod_facts, quick_checks, run_facts, settings
from scriptrun.controller.cache import Cache
from scriptrun.controller.reconcile import Reconciler
from scriptrun.errors import Unavailable
from scriptrun.kube.client import Client
from scriptrun.runtime.work_queue import WorkQueue

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


def _reconciler(cache: Cache, client: _Recorder) -> Reconciler:
    known = cast(Client, client)
    return Reconciler(known, cache, WorkQueue(), quick_checks(), settings(), lambda: at(10))


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
    assert cache.pods == {}
