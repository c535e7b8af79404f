"""Fixtures of the tests that install the chart: the release, and namespaces to run in."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clusterlab.space import Space, Watches
from e2e.release import NAMESPACE, SETTINGS, Release, read_images, restore_release
from kubeapi import Api, wait_for

pytest_plugins = ["clusterfixtures"]

RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}


@pytest.fixture(scope="session")
def release(api: Api, kubeconfig: Path) -> Iterator[Release]:
    """A release to install; whatever was installed before is gone, and there again afterwards."""
    api.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    labelled = api.patch(f"/api/v1/namespaces/{NAMESPACE}", {"metadata": {"labels": RESTRICTED}})
    assert labelled.status == 200, labelled
    release = Release(api, kubeconfig, read_images())
    release.remove()
    yield release
    release.remove()
    restore_release()


@pytest.fixture(scope="module")
def installed(release: Release) -> Release:
    """The release as it comes, but for a Lease that is given up sooner."""
    release.apply(SETTINGS)
    return release


@pytest.fixture(scope="module")
def watches(kubeconfig: Path, installed: Release) -> Iterator[Watches]:
    """What tests wait by; it begins when there are CRDs."""
    with Watches.open(kubeconfig) as watches:
        yield watches


@pytest.fixture
def make_space(api: Api, watches: Watches) -> Iterator[Callable[[], Space]]:
    """Makes a namespace that enforces the restricted Pod Security Standard; all go in the end."""
    made: list[str] = []

    def make() -> Space:
        answer = api.post("/api/v1/namespaces", {"metadata": {"generateName": "e2e-", "labels": RESTRICTED}})
        assert answer.status == 201, answer
        made.append(str(answer.body["metadata"]["name"]))
        trust = f"/api/v1/namespaces/{made[-1]}/configmaps/kube-root-ca.crt"
        wait_for("the namespace's certificates", lambda: api.get(trust).status == 200)
        return Space(api, watches, made[-1])

    yield make
    for name in made:
        api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def space(make_space: Callable[[], Space]) -> Space:
    """A namespace of the test's own."""
    return make_space()
