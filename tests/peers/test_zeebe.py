"""The adapter and a real Zeebe 8.6: the contract, and what is Zeebe's own."""

import asyncio
import json
import time

import pytest

from docpages import ROOT, read_blocks
from peers.contract import DONE, FAILED, LEASE_SECONDS, Contract, claim_one
from peers.servers.zeebe import Zeebe as Server
from peers.zeebe_engine import RUN_SECONDS, Engine, start_and_claim
from scriptrun.errors import Gone, Refused, Rejected, TryLater
from scriptrun.models.reasons import Reason
from scriptrun.orchestrators.adapter import Outcome, TaskFailure
from scriptrun.orchestrators.zeebe import adapter as module


@pytest.fixture
def engine(zeebe_engine: Engine) -> Engine:
    """What the contract asks for."""
    return zeebe_engine


class TestContract(Contract):
    """What every adapter promises."""


async def test_a_poll_waits_for_work_and_returns_with_it(engine: Engine) -> None:
    adapter = engine.open(longPollSeconds=8)
    started = time.monotonic()
    claiming = asyncio.ensure_future(adapter.claim(5))
    await asyncio.sleep(1)
    await engine.start({})
    assert len(await claiming) == 1
    assert 1 <= time.monotonic() - started < 6


async def test_a_poll_without_work_waits_as_long_as_it_was_told(engine: Engine) -> None:
    started = time.monotonic()
    assert await engine.open(longPollSeconds=1.5).claim(1) == []
    assert 1.4 <= time.monotonic() - started < 5


async def test_only_the_variables_that_were_asked_for_are_fetched(engine: Engine) -> None:
    adapter = engine.open(zeebe={"fetchVariables": ["b", "absent"]})
    await engine.start({"a": 1, "b": 2})
    assert (await claim_one(adapter)).variables == {"b": 2}


async def test_tenants_are_asked_for_by_name(engine: Engine) -> None:
    await engine.start({})
    assert await engine.open(zeebe={"tenantIds": ["another"]}).claim(1) == []
    assert len(await engine.open(zeebe={"tenantIds": ["<default>"]}).claim(1)) == 1


async def test_a_job_names_its_process_and_its_attempt(engine: Engine) -> None:
    _, task = await start_and_claim(engine)
    assert task.identity == f"{task.id}-3"
    assert task.type == engine.name
    assert task.headers == {"script": "hello"}
    assert len(json.dumps(task.handle)) < 100


async def test_variables_of_more_than_a_megabyte_arrive(engine: Engine) -> None:
    await engine.start({"a": "x" * 1_500_000})
    assert len((await claim_one(engine.open())).variables["a"]) == 1_500_000


async def test_a_failed_job_waits_out_its_back_off(engine: Engine) -> None:
    adapter, first = await start_and_claim(engine)
    outcome = Outcome(status="FAILED", failure=FAILED.failure, back_off_seconds=600)
    assert await adapter.report(first.handle, outcome) == "failed, 2 left to try"
    await engine.pass_time(590)
    assert await adapter.claim(1) == []
    await engine.pass_time(11)
    second = await claim_one(adapter)
    assert second.identity == f"{first.id}-2"


async def test_the_output_of_a_failure_is_there_in_the_next_attempt(engine: Engine) -> None:
    adapter, first = await start_and_claim(engine)
    outcome = Outcome(status="FAILED", failure=FAILED.failure, output={"step": 3}, back_off_seconds=1)
    await adapter.report(first.handle, outcome)
    await engine.pass_time(2)
    assert (await claim_one(adapter)).variables["step"] == 3


async def test_the_last_failure_is_an_incident_that_an_analyst_can_resolve(engine: Engine) -> None:
    adapter, first = await start_and_claim(engine)
    task = first
    for left in (2, 1):
        assert await adapter.report(task.handle, FAILED) == f"failed, {left} left to try"
        await engine.pass_time(2)
        task = await claim_one(adapter)
    assert "incident" in await adapter.report(task.handle, FAILED)
    await engine.pass_time(LEASE_SECONDS + 1)
    assert await adapter.claim(1) == []
    await engine.resolve_incident(task, retries=3)
    again = await claim_one(adapter)
    assert again.identity == first.identity  # which is why the loop counts generations
    assert await adapter.report(again.handle, DONE) == "completed"


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome(status="IN_PROGRESS", output={"a": 1}), "IN_PROGRESS"),
        (Outcome(status="FAILED", failure=TaskFailure(Reason.SCRIPT_NOT_ALLOWED, "no such Script")), "not allowed"),
    ],
)
async def test_what_can_not_be_mended_by_trying_is_an_incident_at_once(
    engine: Engine, outcome: Outcome, said: str
) -> None:
    adapter, task = await start_and_claim(engine)
    assert "incident" in await adapter.report(task.handle, outcome), said
    await engine.resolve_incident(task, retries=1)


async def test_the_process_of_the_guide_runs(zeebe: Server) -> None:
    (block,) = read_blocks(ROOT / "docs" / "zeebe.md", "xml")
    engine = Engine(zeebe, "script-python")
    zeebe.deploy("guide.bpmn", block.text)
    adapter = engine.open()
    try:
        ended = asyncio.to_thread(zeebe.run_to_end, "check-stock", {"amount": 3}, RUN_SECONDS)
        running = asyncio.ensure_future(ended)
        task = await claim_one(adapter)
        assert (task.script, task.variables) == ("orders-check.py", {"amount": 3})
        await adapter.report(task.handle, Outcome(status="COMPLETED", output={"inStock": True}))
        assert (await running)["inStock"] is True
    finally:
        await engine.close()


async def test_a_script_throws_a_bpmn_error_that_the_process_catches(engine: Engine) -> None:
    engine.deploy(catches="NoStock")
    adapter = engine.open()
    ended = asyncio.ensure_future(engine.run({}))
    task = await claim_one(adapter)
    thrown = {"error": {"code": "NoStock", "message": "none left"}, "left": 0}
    outcome = Outcome(status="FAILED", failure=FAILED.failure, output=thrown)
    assert await adapter.report(task.handle, outcome) == "BPMN error NoStock thrown"
    assert (await ended)["caught"] is True


async def test_a_bpmn_error_that_nobody_catches_is_an_incident(engine: Engine) -> None:
    adapter, task = await start_and_claim(engine)
    outcome = Outcome(status="FAILED", failure=FAILED.failure, output={"error": {"code": "Unknown"}})
    assert await adapter.report(task.handle, outcome) == "BPMN error Unknown thrown"
    with pytest.raises(Gone, match="ERROR_THROWN"):
        await adapter.report(task.handle, outcome)
    await engine.resolve_incident(task, retries=1)


async def test_a_lease_that_ran_out_is_no_reason_to_cancel(engine: Engine) -> None:
    adapter, task = await start_and_claim(engine)
    await engine.pass_time(LEASE_SECONDS + 1)
    with pytest.raises(TryLater, match="not ours at the moment") as caught:
        await adapter.extend(task.handle)
    assert not isinstance(caught.value, Refused)
    # Handed out again, it is the same attempt: whoever has its run takes it up.
    again = await claim_one(engine.open())
    assert again.identity == task.identity
    await adapter.extend(task.handle)
    assert await adapter.report(task.handle, DONE) == "completed"


async def test_a_run_that_ends_after_its_lease_is_still_reported(engine: Engine) -> None:
    adapter, task = await start_and_claim(engine)
    await engine.pass_time(LEASE_SECONDS + 1)
    assert await adapter.report(task.handle, DONE) == "completed"
    assert await adapter.claim(1) == []


async def test_a_job_that_failed_already_can_not_be_completed(engine: Engine) -> None:
    adapter, task = await start_and_claim(engine)
    await adapter.report(task.handle, FAILED)
    with pytest.raises(Gone, match="in state 'FAILED'"):
        await adapter.report(task.handle, DONE)
    with pytest.raises(TryLater, match="not ours at the moment"):
        await adapter.extend(task.handle)


async def test_an_output_that_zeebe_can_not_hold_is_rejected(engine: Engine) -> None:
    adapter, task = await start_and_claim(engine)
    output = {"a": 2**70}
    with pytest.raises(Rejected, match="cannot serialize BigInteger larger than 2"):
        await adapter.report(task.handle, Outcome(status="COMPLETED", output=output))
    failed = Outcome(status="FAILED", failure=FAILED.failure, output=output, back_off_seconds=1)
    assert "2 left to try (without its output" in await adapter.report(task.handle, failed)


async def test_an_output_over_the_engines_own_limit(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter, task = await start_and_claim(engine)
    large = Outcome(status="COMPLETED", output={"a": "x" * 2_100_000})
    with pytest.raises(Rejected, match="the output is 2100008 bytes, and Zeebe is sent at most 1000000"):
        await adapter.report(task.handle, large)
    # What would happen if it were sent: refused, and the job is still ours to fail.
    monkeypatch.setattr(module, "OUTPUT_LIMIT_BYTES", 10_000_000)
    for size in (2_100_000, 5_100_000):
        with pytest.raises(Rejected, match=f"the output is {size + 8} bytes, which is more than this Zeebe"):
            await adapter.report(task.handle, Outcome(status="COMPLETED", output={"a": "x" * size}))
    failed = Outcome(status="FAILED", failure=FAILED.failure, output=large.output)
    assert "2 left to try (without its output" in await adapter.report(task.handle, failed)


async def test_an_output_at_the_limit_is_accepted(engine: Engine) -> None:
    adapter, task = await start_and_claim(engine)
    limit = module.OUTPUT_LIMIT_BYTES - len('{"a":""}')
    assert await adapter.report(task.handle, Outcome(status="COMPLETED", output={"a": "x" * limit})) == "completed"


async def test_a_job_that_never_was(engine: Engine) -> None:
    with pytest.raises(Gone, match="no such job"):
        await engine.open().report({"key": str(2**51 + 7), "retries": 3}, DONE)
