"""An orchestrator that nobody has thought of yet goes its own way: nobody takes it for another one."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from builders import NOW
from scriptrun.bridges.bridge_context import BridgeContext
from scriptrun.bridges.claiming import Claimer
from scriptrun.bridges.open_runs import OpenRun, OpenRuns
from scriptrun.bridges.outcomes import gather_outcome
from scriptrun.errors import Refused
from scriptrun.models.bridge import BridgeSpec
from scriptrun.orchestrators.adapter import Adapter, Orchestrator, Task
from scriptrun.orchestrators.registry import ORCHESTRATORS, build_adapter, find_orchestrator
from scriptrun.policies.address_policy import AddressPolicy

OUTPUT = {"metadata": {"labels": {"scriptrun.dev/output": "true"}}, "data": {"log": "one\ntwo"}}


class ThirdSpec(BridgeSpec):
    third: str | None = None


class Third:
    """Its adapter."""

    def __init__(self, address: str) -> None:
        self.address = address


def build_third(
    spec: BridgeSpec,
    name: str,
    secret: Mapping[str, str],
    certificates: str,
    policy: AddressPolicy | None = None,
) -> Adapter:
    return cast(Adapter, Third(cast(ThirdSpec, spec).third or ""))


@pytest.fixture(params=[True, False])
def third(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Orchestrator:
    made = Orchestrator(source="third", wants_logs=request.param, build=build_third)
    monkeypatch.setitem(ORCHESTRATORS, "third", made)
    return made


class Cluster:
    """Has every Script and every output, and keeps the runs that are created."""

    def __init__(self) -> None:
        self.created: list[dict[str, Any]] = []

    async def get(self, _resource: object, _namespace: str, name: str) -> dict[str, Any]:
        return OUTPUT if name.endswith("-output") else {"metadata": {"name": name}, "spec": {}}

    async def create(self, _resource: object, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        self.created.append(body)
        body["metadata"] |= {"namespace": namespace, "uid": "u", "resourceVersion": "1"}
        return body


def context(cluster: Cluster, spec: BridgeSpec | None = None) -> BridgeContext:
    made = SimpleNamespace(
        bridge=("ns", "main"),
        spec=spec or ThirdSpec(third="here"),
        client=cluster,
        open_runs=OpenRuns(),
        count_claim=lambda outcome: None,
        third_of_lease=lambda seconds: 20.0,
    )
    return cast(BridgeContext, made)


def test_it_is_found_and_built(third: Orchestrator) -> None:
    spec = ThirdSpec(third="there")
    assert find_orchestrator(spec) is third
    adapter = cast(Third, build_adapter(spec, "main", {}, ""))
    assert adapter.address == "there"


async def test_its_runs_bear_its_name(third: Orchestrator) -> None:
    cluster = Cluster()
    assert await Claimer(context(cluster)).take(Task(identity="1", id="1", type="x", script="hello"))
    (run,) = cluster.created
    assert run["spec"]["task"]["source"] == "third"


async def test_it_gets_a_log_if_it_wants_one(third: Orchestrator) -> None:
    status = {"reason": "Completed", "output": {}, "attempts": [{"pod": "run-0-abcde"}]}
    run = OpenRun(key=("ns", "run"), uid="u", version=1, bridge="b", claim=None, finished_at=NOW, status=status)
    outcome = await gather_outcome(context(Cluster()), run)
    assert outcome.logs == (("one", "two") if third.wants_logs else ())


def test_a_bridge_that_names_none_is_taken_for_no_other() -> None:
    with pytest.raises(Refused, match="set one of zeebe, conductor"):
        build_adapter(ThirdSpec(third="here"), "main", {}, "")


async def test_a_run_whose_bridge_is_gone_still_has_an_outcome() -> None:
    status = {"reason": "Completed", "output": {"a": 1}, "attempts": [{"pod": "run-0-abcde"}]}
    run = OpenRun(key=("ns", "run"), uid="u", version=1, bridge="b", claim=None, finished_at=NOW, status=status)
    assert find_orchestrator(ThirdSpec()) is None
    outcome = await gather_outcome(context(Cluster(), ThirdSpec()), run)
    assert (outcome.output, outcome.logs) == ({"a": 1}, ())
