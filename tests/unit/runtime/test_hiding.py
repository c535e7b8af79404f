"""Hiding of secrets: small things at once, all others in a worker process, with the same result."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from scriptrun.policies.masking import MASK, Secrets
from scriptrun.runtime.hiding import HIDDEN_BY, Hiding
from scriptrun.runtime.metrics import WORKER_TASKS
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits

SCRIPT: dict[str, Any] = {
    "source": {"inline": "print()"},
    "variablesSchema": {"properties": {"password": {"writeOnly": True}}},
    "outputSchema": {"properties": {"token": {"writeOnly": True}}},
}
PASSWORD = "correct horse"
LARGE = "x" * 300_000


@pytest.fixture
async def hiding() -> AsyncIterator[Hiding]:
    async with WorkerPool(WorkerLimits(processes=1), HIDDEN_BY) as pool:
        yield Hiding(pool)


def _count_tasks() -> float:
    [family] = WORKER_TASKS.collect()
    return sum(sample.value for sample in family.samples if sample.name.endswith("_total"))


async def test_small_things_need_no_worker_process() -> None:
    hiding, variables = Hiding(WorkerPool(WorkerLimits())), {"password": PASSWORD, "name": "Ada"}
    secrets = await hiding.find_secrets("space", variables, SCRIPT)
    assert secrets == Secrets.of(variables, SCRIPT)
    assert await hiding.mask("space", secrets, variables) == {"password": MASK, "name": "Ada"}
    assert await hiding.hide_text("space", secrets, f"it is {PASSWORD}") == f"it is {MASK}"
    assert await hiding.hide_document("space", secrets, [PASSWORD]) == [MASK]
    output = await hiding.hide_output("space", secrets, json.dumps({"token": "t", "said": PASSWORD}))
    assert json.loads(output or "") == {"token": MASK, "said": MASK}


@pytest.mark.parametrize("script", [SCRIPT, None], ids=["Script", "Script is gone"])
async def test_large_things_are_hidden_alike_in_a_worker(hiding: Hiding, script: dict[str, Any] | None) -> None:
    before = _count_tasks()
    variables: dict[str, Any] = {"password": PASSWORD, "more": LARGE + "\ud83d", "numbers": [1, 2.5, None]}
    expected = Secrets.of(variables, script)
    secrets = await hiding.find_secrets("space", variables, script)
    assert secrets == expected
    assert await hiding.mask("space", secrets, variables) == expected.mask(variables)
    text, document = f"{LARGE} {PASSWORD}", {"said": [PASSWORD, LARGE]}
    assert await hiding.hide_text("space", secrets, text) == expected.hide_text(text)
    assert await hiding.hide_document("space", secrets, document) == expected.hide(document)
    output = json.dumps({"token": "t", **document})
    assert await hiding.hide_output("space", secrets, output) == expected.hide_output(output)
    assert _count_tasks() - before == 5


@pytest.mark.parametrize(
    "schema", [{}, {"properties": {"name": {"type": "string"}}}], ids=["no schema", "nothing marked"]
)
async def test_where_a_schema_marks_nothing_nothing_is_looked_for(schema: dict[str, Any]) -> None:
    script = {"variablesSchema": schema, "outputSchema": SCRIPT["outputSchema"]}
    secrets = await Hiding(WorkerPool(WorkerLimits())).find_secrets("space", {"text": LARGE}, script)
    assert secrets == Secrets.of({"text": LARGE}, script)
    assert secrets.paths == ()


async def test_what_has_no_secrets_is_passed_on_whatever_its_size() -> None:
    hiding, secrets, variables = Hiding(WorkerPool(WorkerLimits())), Secrets(), {"text": LARGE}
    assert await hiding.mask("space", secrets, variables) is variables
    assert await hiding.hide_text("space", secrets, LARGE) is LARGE
    assert await hiding.hide_document("space", secrets, variables) is variables
    assert await hiding.hide_output("space", secrets, LARGE) is LARGE
    assert await hiding.hide_output("space", secrets, None) is None
