"""The adapter and the answers it may get: which mean that a job is gone, which that nobody knows. Titles as of 8.6."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from scriptrun.errors import Gone, Refused, Rejected, TaskError, TryLater
from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.reasons import Reason
from scriptrun.orchestrators.adapter import Adapter, Outcome, TaskFailure
from scriptrun.orchestrators.zeebe.adapter import OUTPUT_LIMIT_BYTES, Zeebe, build_zeebe
from unit.orchestrators.standin import StandIn, refuse, say, say_text, serve
from unit.orchestrators.test_zeebe_job import HANDLE, JOB_8_6, JOB_8_10

DONE = Outcome(status="COMPLETED", output={"a": 1})
FAILED = Outcome(status="FAILED", failure=TaskFailure(Reason.SCRIPT_FAILED, "exit code 1"), output={"step": 1})
PAGE = say_text(200, "<html><title>Welcome</title></html>", "text/html")
# The address leads elsewhere: Spring's own, and another server's.
NOT_FOUND_ELSEWHERE = say(404, {"timestamp": "…", "status": 404, "error": "Not Found", "path": "/v2/jobs"})

NO_JOB = refuse(404, "NOT_FOUND", "Command 'COMPLETE' rejected: Expected to complete job, but no such job was found")
WRONG_STATE = refuse(409, "INVALID_STATE", "Expected to complete job with key '1', but it is in state 'FAILED'")
NOT_ACTIVE = refuse(400, "INVALID_ARGUMENT", "Expected to update the timeout of job with key '1', but it is not active")
TOO_LARGE = refuse(500, "EXCEEDED_BATCH_RECORD_SIZE", "Command 'COMPLETE' rejected with code ")
BAD_REQUEST = refuse(400, "Bad Request", "MessagePack cannot serialize BigInteger larger than 2^64-1")
OVERLOADED = refuse(503, "RESOURCE_EXHAUSTED", "Expected to handle REST API request, but there was backpressure")


@asynccontextmanager
async def speak(*answers: web.Response, **fields: Any) -> AsyncIterator[tuple[Zeebe, StandIn]]:
    async with serve(*answers) as server:
        spec = BridgeSpec.model_validate({"zeebe": {"address": server.address}, **fields})
        adapter: Adapter = build_zeebe(spec, "main", {}, "")  # what it is declared to be
        assert isinstance(adapter, Zeebe)
        try:
            yield adapter, server
        finally:
            await adapter.close()


async def test_jobs_are_claimed() -> None:
    async with speak(say(200, {"jobs": [JOB_8_6, JOB_8_10]}), leaseSeconds=30) as (adapter, server):
        first, second = await adapter.claim(5)
    assert first.identity == second.identity
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/v2/jobs/activation")
    body = json.loads(asked.body)
    assert (body["maxJobsToActivate"], body["timeout"], body["worker"]) == (5, 30_000, "scriptrun/main")


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (NOT_FOUND_ELSEWHERE, Refused, r"answered 404: there is no REST API v2\. Zeebe has it from 8\.6 on"),
        (refuse(400, "INVALID_ARGUMENT", "multi-tenancy is disabled"), Refused, "multi-tenancy is disabled"),
        (say(401, {}), Refused, "credentials"),
        (say(403, {}), Refused, "permission"),
        (PAGE, Refused, "web page"),
        (say(200, {}), Refused, "answered with what are no jobs"),
        (say(200, [1]), Refused, "answered with what are no jobs"),
        (say(200, {"jobs": [{"retries": 1}]}), Refused, "answered with what are no jobs"),
        (say(204), Refused, "answered with what are no jobs"),
        (OVERLOADED, TryLater, "backpressure"),
        (say(429, {}), TryLater, "429"),
    ],
)
async def test_a_claim_that_fails_says_what_to_do(answer: web.Response, error: type[TaskError], message: str) -> None:
    async with speak(answer) as (adapter, _):
        with pytest.raises(error, match=message) as caught:
            await adapter.claim(1)
    assert type(caught.value) is error


async def test_what_is_no_job_does_not_hold_up_the_others() -> None:
    jobs = [{"retries": 1}, JOB_8_6, {**JOB_8_6, "key": "9" * 5000}, None]
    async with speak(say(200, {"jobs": jobs})) as (adapter, _):
        assert [task.id for task in await adapter.claim(5)] == [str(JOB_8_6["key"])]


async def test_a_lease_is_extended() -> None:
    async with speak(say(204), leaseSeconds=45) as (adapter, server):
        await adapter.extend(HANDLE)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("PATCH", "/v2/jobs/2251799813685257")
    assert json.loads(asked.body) == {"changeset": {"timeout": 45_000}}


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (NO_JOB, Gone, "no such job any more"),
        # Its lease ran out: it is handed out again, and its run is worth keeping.
        (NOT_ACTIVE, TryLater, "not ours at the moment"),
        (refuse(409, "INVALID_STATE", "the job is not active"), TryLater, "not ours at the moment"),
        # 8.10: another activation has taken its place.
        (refuse(409, "INVALID_STATE", "the lease token does not match"), Gone, "does not match"),
        (refuse(400, "INVALID_ARGUMENT", "timeout must be positive"), TryLater, "timeout must be positive"),
        (NOT_FOUND_ELSEWHERE, Refused, "is this Zeebe's REST API"),
        (PAGE, Refused, "web page"),
        (say(200, {}), Refused, "is this Zeebe's REST API"),
        (OVERLOADED, TryLater, "backpressure"),
    ],
)
async def test_an_extension_that_fails(answer: web.Response, error: type[TaskError], message: str) -> None:
    async with speak(answer) as (adapter, _):
        with pytest.raises(error, match=message) as caught:
            await adapter.extend(HANDLE)
    assert type(caught.value) is error


@pytest.mark.parametrize(("outcome", "command"), [(DONE, "completion"), (FAILED, "failure")])
async def test_only_204_confirms(outcome: Outcome, command: str) -> None:
    async with speak(say(204)) as (adapter, server):
        assert await adapter.report(HANDLE, outcome) in ("completed", "failed, 2 left to try")
    assert server.asked[0].path == f"/v2/jobs/2251799813685257/{command}"
    for other in (say(200, {"ok": True}), say(202, {}), PAGE):
        async with speak(other) as (adapter, _):
            with pytest.raises(Refused):
                await adapter.report(HANDLE, outcome)


@pytest.mark.parametrize("outcome", [DONE, FAILED])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (NO_JOB, Gone),
        (WRONG_STATE, Gone),
        # What is no answer of Zeebe's decides nothing: the report is made again.
        (NOT_FOUND_ELSEWHERE, Refused),
        (say(409, {"error": "conflict"}), Refused),
        (say(400, {"error": "bad gateway config"}), Refused),
        (say(401, {}), Refused),
        (OVERLOADED, TryLater),
        (say(500, {"title": "INTERNAL_ERROR"}), TryLater),
        (say(429, {}), TryLater),
    ],
)
async def test_a_report_that_fails(outcome: Outcome, answer: web.Response, error: type[TaskError]) -> None:
    async with speak(answer) as (adapter, _):
        with pytest.raises(error) as caught:
            await adapter.report(HANDLE, outcome)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "answer", [TOO_LARGE, BAD_REQUEST, say(413, {}), refuse(500, "MALFORMED_REQUEST", "too large")]
)
async def test_an_output_that_is_never_accepted_is_rejected(answer: web.Response) -> None:
    async with speak(answer) as (adapter, server):
        with pytest.raises(Rejected):
            await adapter.report(HANDLE, DONE)
    assert len(server.asked) == 1


async def test_too_large_is_said_with_both_numbers_and_never_sent() -> None:
    async with speak(say(204)) as (adapter, server):
        with pytest.raises(
            Rejected, match=rf"the output is 1000008 bytes, and Zeebe is sent at most {OUTPUT_LIMIT_BYTES}"
        ):
            await adapter.report(HANDLE, Outcome(status="COMPLETED", output={"a": "x" * 1_000_000}))
        assert server.asked == []
        await adapter.report(HANDLE, Outcome(status="COMPLETED", output={"a": "x" * 999_992}))
        assert len(server.asked) == 1


async def test_what_the_engine_finds_too_large_is_said_with_its_size() -> None:
    async with speak(TOO_LARGE) as (adapter, _):
        with pytest.raises(Rejected, match=r"the output is 7 bytes, which is more than .* \(500 EXCEEDED_BATCH_RECORD"):
            await adapter.report(HANDLE, DONE)


@pytest.mark.parametrize("answer", [TOO_LARGE, BAD_REQUEST])
async def test_a_failure_is_reported_without_its_output_when_that_is_not_accepted(answer: web.Response) -> None:
    async with speak(answer, say(204)) as (adapter, server):
        assert "failed, 2 left to try (without its output: " in await adapter.report(HANDLE, FAILED)
    with_output, without = (json.loads(asked.body) for asked in server.asked)
    assert with_output == {**without, "variables": {"step": 1}}


async def test_a_failure_with_a_giant_output_is_one_request() -> None:
    outcome = Outcome(status="FAILED", failure=FAILED.failure, output={"a": "x" * 2_000_000})
    async with speak(say(204)) as (adapter, server):
        assert "at most 1000000" in await adapter.report(HANDLE, outcome)
    assert len(server.asked) == 1


async def test_an_uncertain_answer_is_not_followed_by_another_report() -> None:
    async with speak(OVERLOADED, say(204)) as (adapter, server):
        with pytest.raises(TryLater):
            await adapter.report(HANDLE, FAILED)
    assert len(server.asked) == 1


@pytest.mark.parametrize("output", [{"a": float("nan")}, {"a": "\ud800"}])
async def test_an_output_that_is_no_json_is_rejected(output: dict[str, Any]) -> None:
    async with speak(say(204)) as (adapter, _):
        with pytest.raises(Rejected, match="can't be sent as JSON"):
            await adapter.report(HANDLE, Outcome(status="COMPLETED", output=output))


@pytest.mark.parametrize("handle", [{}, {"key": "../../x", "retries": 1}])
async def test_a_handle_that_names_no_job_asks_for_nothing(handle: dict[str, Any]) -> None:
    async with speak(say(204)) as (adapter, server):
        with pytest.raises(Gone, match="names no job"):
            await adapter.extend(handle)
        with pytest.raises(Gone, match="names no job"):
            await adapter.report({"retries": 1, **handle}, DONE)
    assert server.asked == []


async def test_credentials_of_the_secret_are_sent() -> None:
    async with serve(say(200, {"jobs": []})) as server:
        spec = BridgeSpec.model_validate({"zeebe": {"address": server.address}})
        adapter = build_zeebe(spec, "main", {"token": "abc"}, "")
        assert await adapter.claim(1) == []
        await adapter.close()
    assert server.asked[0].headers["Authorization"] == "Bearer abc"


def test_an_adapter_that_can_not_be_built_says_so() -> None:
    spec = BridgeSpec.model_validate({"zeebe": {"address": "http://zeebe:8080"}})
    with pytest.raises(Refused, match="the Secret must hold"):
        build_zeebe(spec, "main", {"usr": "x"}, "")
    with pytest.raises(Refused, match="no PEM"):
        build_zeebe(spec, "main", {}, "x")
