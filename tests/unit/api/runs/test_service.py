"""Creating runs with an Idempotency-Key, where others create and delete at the same time."""

from typing import Any, cast

import pytest

from scriptrun.api.auth.authorizer import Caller
from scriptrun.api.auth.tokens import ApiToken
from scriptrun.api.runs.found_run import Found
from scriptrun.api.runs.schemas import CreateRun, Rerun
from scriptrun.api.runs.service import RunService
from scriptrun.errors import AlreadyExists, InvalidRequest, NotFound, NotPermitted, RunNameTaken, RunRequestError
from scriptrun.kube.resources import SCRIPTRUNS, Resource
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits

SCRIPT = {
    "metadata": {"name": "hello.py", "uid": "s", "generation": 1},
    "spec": {"source": {"inline": "print()"}},
}


class Cluster:
    """A cluster in which runs of one name come and go.

    Attributes:
        existing: what is there under the name at each attempt to create; None: nothing.
        deleted: whether it is gone again when it is looked at.
    """

    def __init__(self, *existing: dict[str, Any] | None, deleted: bool = False) -> None:
        self.existing = list(existing)
        self.deleted = deleted
        self.created: list[dict[str, Any]] = []
        self._there: dict[str, Any] | None = None

    async def create(self, _resource: Resource, _namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        self._there = self.existing.pop(0) if self.existing else None
        if self._there is not None:
            raise AlreadyExists("it is there")
        self.created.append(body)
        return body

    async def get(self, resource: Resource, _namespace: str, name: str) -> dict[str, Any]:
        assert resource is SCRIPTRUNS
        if self.deleted or self._there is None:
            raise NotFound(f'"{name}" not found')
        return self._there


class RunIndex:
    """A cache that knows the Script and has not seen any run yet."""

    def script(self, _namespace: str, _name: str) -> dict[str, Any]:
        return SCRIPT

    def find_scripts(self, _namespace: str, name: str) -> list[str]:
        return {"hello.py": ["hello.py"], "Hello": ["hello.py"], "Both": ["hello.py", "other.py"]}.get(name, [])

    def has(self, _namespace: str, _name: str) -> bool:
        return False

    def put(self, _run: dict[str, Any]) -> None:
        """Nothing."""


def serve(cluster: Cluster) -> RunService:
    return RunService(
        cast(Any, cluster), cast(Any, None), cast(Any, RunIndex()), None, None, WorkerPool(WorkerLimits())
    )


async def ask(cluster: Cluster, name: str | None = "one", key: str = "k") -> tuple[dict[str, Any], bool]:
    service = serve(cluster)
    asked = CreateRun.model_validate({"script": "hello.py", **({"name": name} if name else {})})
    return await service.create(Caller("ada"), "shop", asked, key)


def caller_of(*scripts: str) -> Caller:
    """A caller with an API token for these Scripts."""
    kept = {"sha256": "0" * 64, "namespace": "shop", "scripts": scripts, "expires": "2100-01-01T00:00:00Z"}
    return Caller("ada", token=ApiToken.model_validate(kept))


async def test_an_alias_stands_for_its_script() -> None:
    cluster = Cluster()
    await serve(cluster).create(caller_of("hello.py"), "shop", CreateRun(script="Hello"), None)
    assert cluster.created[0]["spec"]["scriptRef"]["name"] == "hello.py"
    assert cluster.created[0]["metadata"]["generateName"].startswith("hello-py-")


@pytest.mark.parametrize(
    ("asked", "allowed", "kind", "words"),
    [
        ("Hello", "Hello", NotPermitted, "is not good for"),  # tokens name Scripts, not aliases
        ("Nope", "hello.py", NotPermitted, "is not good for"),
        ("Both", "*", InvalidRequest, "several Scripts: hello.py, other.py:"),
        ("Both", "hello.*", InvalidRequest, "several Scripts: hello.py:"),  # nobody learns of others by their aliases
    ],
)
async def test_a_name_that_stands_for_no_script_of_the_caller(
    asked: str, allowed: str, kind: type[RunRequestError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        await serve(Cluster()).create(caller_of(allowed), "shop", CreateRun(script=asked), None)


async def test_the_same_request_again_finds_its_run() -> None:
    first, new = await ask(Cluster())
    assert new
    assert await ask(Cluster(first)) == (first, False)


async def test_another_requests_run_is_in_the_way() -> None:
    first, _ = await ask(Cluster(), key="another")
    with pytest.raises(RunNameTaken):
        await ask(Cluster(first))


@pytest.mark.parametrize("name", ["one", None])
async def test_a_run_that_is_deleted_in_between_is_in_nobodys_way(name: str | None) -> None:
    first, _ = await ask(Cluster(), key="another")
    cluster = Cluster(first, None, deleted=True)
    _run, new = await ask(cluster, name)
    assert new
    assert len(cluster.created) == 1


async def test_runs_that_come_and_go_all_the_time_are_a_conflict() -> None:
    first, _ = await ask(Cluster(), key="another")
    with pytest.raises(RunNameTaken):
        await ask(Cluster(*[first] * 100, deleted=True))


ROUNDED = "InvalidVariables: variables.ids\\[1\\]: Kubernetes rounds numbers .* pass it as a string"


async def test_a_number_that_kubernetes_would_round_is_refused_before_it_is_sent() -> None:
    cluster = Cluster()
    asked = CreateRun.model_validate({"script": "hello.py", "variables": {"ids": [1, 2**64]}})
    with pytest.raises(InvalidRequest, match=ROUNDED):
        await serve(cluster).create(Caller("ada"), "shop", asked, None)
    assert cluster.created == []


@pytest.mark.parametrize("given", [{}, {"ids": [0, -(2**63) - 1]}])
async def test_a_rerun_with_one_is_refused_too(given: dict[str, Any]) -> None:
    cluster = Cluster()
    spec = {"scriptRef": {"name": "hello.py"}, "variables": {"ids": [1, 18446744073709552000]}}
    found = Found({"metadata": {"namespace": "shop", "name": "old", "uid": "u"}, "spec": spec, "status": {}})
    with pytest.raises(InvalidRequest, match=ROUNDED):
        await serve(cluster).rerun(Caller("ada"), found, Rerun(variables=given), None)
    assert cluster.created == []
