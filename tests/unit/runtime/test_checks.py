"""Checks of what anybody may write: quick ones at once, all others in a worker process that has a limit."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from builders import quick_checks, script_spec
from scriptrun.errors import WorkersBusy
from scriptrun.models.reasons import Reason
from scriptrun.policies.documents import DEEPEST
from scriptrun.runtime.checks import COMPUTED, Checks
from scriptrun.runtime.metrics import WORKER_TASKS
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits

LIMITS = WorkerLimits(processes=1, cpu_seconds=0.5)

FRACTIONS: dict[str, Any] = {"additionalProperties": {"items": {"multipleOf": 1e-308}}}
"""Each number is divided exactly, as a fraction of hundreds of digits."""

MANY_NUMBERS = {"numbers": [1e18] * 60_000}

LARGE_SCHEMA = {"properties": {f"name-{number}": {"type": "string"} for number in range(500)}}


class _Aside:
    """Counts how often a check stepped aside."""

    def __init__(self) -> None:
        self.count = 0

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        self.count += 1
        yield


@pytest.fixture
def aside() -> _Aside:
    return _Aside()


@pytest.fixture
async def checks(aside: _Aside) -> AsyncIterator[Checks]:
    async with WorkerPool(LIMITS, COMPUTED) as pool:
        yield Checks(pool, aside.step)


def _count_tasks() -> float:
    [family] = WORKER_TASKS.collect()
    return sum(sample.value for sample in family.samples if sample.name.endswith("_total"))


async def test_small_documents_are_checked_at_once_and_without_any_worker_process() -> None:
    checks, spec = quick_checks(), script_spec(variablesSchema={"properties": {"count": {"type": "integer"}}})
    assert await checks.check_variables("space", {"count": 3}, spec) is None
    verdict = await checks.check_variables("space", {"count": "x"}, spec)
    assert verdict is not None
    assert verdict.reason is Reason.INVALID_VARIABLES
    assert await checks.check_output("space", b'{"count": 3}', {"required": ["count"]}) is None
    verdict = await checks.check_output("space", b"{", {})
    assert verdict is not None
    assert verdict.reason is Reason.INVALID_OUTPUT
    assert await checks.find_schema_faults("space", script_spec(outputSchema={"type": 7})) != {}


async def test_what_is_nested_too_deeply_is_refused() -> None:
    checks, levels = quick_checks(), DEEPEST - 1
    assert await checks.check_given("space", {"variables": {"n": nest(levels)}}) is None
    for spec, root in (
        ({"variables": {"n": nest(levels + 1)}}, "variables"),
        ({"task": {"payload": {"n": nest(levels + 1)}}}, "task.payload"),
    ):
        verdict = await checks.check_given("space", spec)
        assert verdict is not None
        assert (verdict.reason, verdict.message) == (
            Reason.INVALID_VARIABLES,
            f"{root}: nested more than {DEEPEST} levels deep",
        )


def nest(levels: int) -> list[Any]:
    """Lists in lists."""
    inner: list[Any] = []
    for _ in range(levels - 1):
        inner = [inner]
    return inner


async def test_numbers_that_kubernetes_rounds_are_found_at_once_in_small_documents() -> None:
    checks = quick_checks()
    assert await checks.check_given("space", {"variables": {"n": 2**63 - 1, "t": "1" * 30}}) is None
    verdict = await checks.check_given("space", {"variables": {"n": 1}, "task": {"payload": {"n": [2**63]}}})
    assert verdict is not None
    assert verdict.reason is Reason.INVALID_VARIABLES
    assert verdict.message.startswith("task.payload.n[0]: Kubernetes rounds")


async def test_and_in_a_worker_in_large_ones_that_may_have_some(checks: Checks, aside: _Aside) -> None:
    assert await checks.check_given("space", {"variables": {"n": list(range(200_000))}}) is None
    assert aside.count == 0, "a look at the text says enough"
    assert await checks.check_given("space", {"variables": {"n": list(range(200_000)), "t": "1" * 30}}) is None
    verdict = await checks.check_given("space", {"variables": {"n": [*range(200_000), 1e29]}})
    assert verdict is not None
    assert verdict.message.startswith("variables.n[200000]: Kubernetes rounds")
    assert aside.count == 2


async def test_an_output_for_which_only_the_status_has_room() -> None:
    output = b'{"n": 18446744073709551616}'
    assert await quick_checks().check_output("space", output, {}) is None
    verdict = await quick_checks().check_output("space", output, {}, inline=True)
    assert verdict is not None
    assert verdict.message.startswith("output.n: Kubernetes would round this number in the run's status")


async def test_without_a_schema_variables_of_any_size_are_fine() -> None:
    assert await quick_checks().check_variables("space", {"text": "x" * 900_000}, script_spec()) is None


async def test_a_large_document_gets_the_same_answer_from_a_worker(checks: Checks, aside: _Aside) -> None:
    spec = script_spec(variablesSchema={"properties": {"text": {"type": "string"}}})
    assert await checks.check_variables("space", {"text": "x" * 900_000}, spec) is None
    verdict = await checks.check_variables("space", {"text": 1, "more": "x" * 900_000}, spec)
    assert verdict is not None
    assert verdict == await quick_checks().check_variables("space", {"text": 1}, spec)
    output = b'{"text": "\\ud83d half a pair", "more": "' + b"x" * 900_000 + b'"}'
    verdict = await checks.check_output("space", output, {})
    assert verdict is not None
    assert "half a surrogate pair" in verdict.message
    assert aside.count == 3


async def test_variables_that_take_too_long_to_check_end_the_run_and_hold_nobody_up(checks: Checks) -> None:
    hanging = asyncio.create_task(checks.check_variables("bad", MANY_NUMBERS, script_spec(variablesSchema=FRACTIONS)))
    good = script_spec(variablesSchema={"required": ["a"]})
    assert await checks.check_variables("good", {"a": 1}, good) is None
    assert not hanging.done()
    verdict = await hanging
    assert verdict is not None
    assert verdict.reason is Reason.INVALID_VARIABLES
    assert verdict.message == (
        "checking the variables against variablesSchema took more than 0.5 s of CPU: simplify the schema, or pass less"
    )


async def test_an_output_that_takes_too_long_to_check_ends_the_run(checks: Checks) -> None:
    verdict = await checks.check_output("bad", json.dumps(MANY_NUMBERS).encode(), FRACTIONS)
    assert verdict is not None
    assert verdict.reason is Reason.INVALID_OUTPUT
    assert verdict.message == (
        "checking the output against outputSchema took more than 0.5 s of CPU: simplify the schema, or write less"
    )


async def test_a_large_schema_is_looked_at_in_a_worker_and_once(checks: Checks, aside: _Aside) -> None:
    before = _count_tasks()
    broken = {**LARGE_SCHEMA, "type": 7}
    for _ in range(3):
        assert await checks.find_schema_faults("space", script_spec(variablesSchema=LARGE_SCHEMA)) == {}
        faults = await checks.find_schema_faults("space", script_spec(outputSchema=broken))
        assert list(faults) == ["outputSchema"]
    assert _count_tasks() - before == aside.count == 2


async def test_a_run_of_a_script_with_a_broken_schema_is_not_allowed() -> None:
    verdict = await quick_checks().check_variables("space", {}, script_spec(outputSchema={"type": 7}))
    assert verdict is not None
    assert verdict.reason is Reason.SCRIPT_NOT_ALLOWED
    assert verdict.message.startswith("the Script's outputSchema is no JSON Schema: ")


async def test_that_workers_are_busy_is_no_verdict() -> None:
    async with WorkerPool(WorkerLimits(processes=1, cpu_seconds=5, waiting=1), COMPUTED) as pool:
        checks = Checks(pool)
        hanging = asyncio.create_task(checks.check_output("bad", json.dumps(MANY_NUMBERS).encode(), FRACTIONS))
        await asyncio.sleep(0)
        with pytest.raises(WorkersBusy):
            await checks.check_output("bad", json.dumps(MANY_NUMBERS).encode(), FRACTIONS)
        hanging.cancel()
