"""The adapter and a real Zeebe 8.6: the contract, and what is Zeebe's own."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from aiohttp import web

from docpages import ROOT, read_blocks
from peers.contract import DONE, FAILED, LEASE_SECONDS, Contract, claim_one
from peers.front import Authority, Front, lose_first, open_front
from peers.servers.bpmn import build_process
from peers.servers.zeebe import Zeebe as Server
from scriptrun.bridges import zeebe as module
from scriptrun.bridges.adapter import Adapter, Outcome, Task, TaskFailure
from scriptrun.bridges.zeebe import Zeebe, build_zeebe
from scriptrun.errors import Gone, Refused, Rejected, TryLater
from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.reasons import Reason

T = TypeVar("T")
_NUMBERS = itertools.count()
_RUN_SECONDS = 20.0
# The broker looks every second of real time, whatever its clock says, for leases and back-offs that have lapsed.
_LOOK_SECONDS = 1.2


class Engine:
    """A process of the test's own, and adapters that claim its jobs.

    Attributes:
        server: the broker.
        name: id of the process and type of its jobs.
    """

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self._adapters: list[Adapter] = []

    def deploy(self, **more: Any) -> None:
        self.server.deploy(f"{self.name}.bpmn", build_process(self.name, self.name, {"script": "hello"}, **more))

    def open(self, secret: dict[str, str] | None = None, certificates: str = "", **fields: Any) -> Zeebe:
        zeebe = {"address": self.server.address, "taskType": self.name, **fields.pop("zeebe", {})}
        document = {"leaseSeconds": LEASE_SECONDS, "longPollSeconds": 2, **fields, "zeebe": zeebe}
        adapter = build_zeebe(BridgeSpec.model_validate(document), "main", secret or {}, certificates)
        self._adapters.append(adapter)
        return adapter

    async def close(self) -> None:
        for adapter in self._adapters:
            await adapter.close()

    async def start(self, variables: dict[str, Any]) -> None:
        await asyncio.to_thread(self.server.create_instance, self.name, variables)

    async def run(self, variables: dict[str, Any]) -> dict[str, Any]:
        ended = await asyncio.to_thread(self.server.run_to_end, self.name, variables, _RUN_SECONDS)
        assert isinstance(ended, dict)
        return ended

    async def cancel(self, task: Task) -> None:
        await asyncio.to_thread(self.server.cancel_instance, int(task.workflow_id))

    async def pass_time(self, seconds: float) -> None:
        await asyncio.to_thread(self.server.move_clock, seconds)
        await asyncio.sleep(_LOOK_SECONDS)

    def is_settled(self, outcome: str) -> bool:
        return outcome == "completed"

    async def resolve_incident(self, task: Task, retries: int) -> None:
        """Do what an analyst does: give the job tries again, and resolve its incident.

        Without its search the broker does not tell an incident's key; but keys are given in turn.
        """
        status, body = self.server.call("PATCH", f"/jobs/{task.id}", {"changeset": {"retries": retries}})
        assert status == 204, body
        first = int(task.id) + 1
        for key in range(first, first + 60):
            if self.server.call("POST", f"/incidents/{key}/resolution", {})[0] == 204:
                return
        raise AssertionError(f"job {task.id} has no incident")


@pytest.fixture
async def engine(zeebe: Server, request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    engine = Engine(zeebe, f"{request.node.originalname}-{next(_NUMBERS)}")
    engine.deploy()
    yield engine
    await engine.close()


async def start_and_claim(engine: Engine, **fields: Any) -> tuple[Zeebe, Task]:
    adapter = engine.open(**fields)
    await engine.start({"number": 1})
    return adapter, await claim_one(adapter)


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
        ended = asyncio.to_thread(zeebe.run_to_end, "check-stock", {"amount": 3}, _RUN_SECONDS)
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


async def test_the_answer_to_a_completion_is_lost(engine: Engine) -> None:
    async with open_front(engine.server.address) as front:
        front.lose = lose_first(lambda request: request.path.endswith("/completion"))
        adapter = engine.open(zeebe={"address": front.address})
        ended = asyncio.ensure_future(engine.run({}))
        task = await claim_one(adapter)
        with pytest.raises(TryLater, match="the connection broke"):
            await adapter.report(task.handle, DONE)
        with pytest.raises(Gone):  # after a try without an answer: confirmed by absence
            await adapter.report(task.handle, DONE)
        assert (await ended)["answer"] == 42


async def test_the_answer_to_a_failure_is_lost(engine: Engine) -> None:
    async with open_front(engine.server.address) as front:
        front.lose = lose_first(lambda request: request.path.endswith("/failure"))
        adapter, task = await start_and_claim(engine, zeebe={"address": front.address})
        with pytest.raises(TryLater, match="the connection broke"):
            await adapter.report(task.handle, FAILED)
        with pytest.raises(Gone):
            await adapter.report(task.handle, FAILED)
        await engine.pass_time(2)
        assert (await claim_one(adapter)).identity == f"{task.id}-2"  # one try gone, not two


async def test_the_answer_to_a_claim_is_lost(engine: Engine) -> None:
    async with open_front(engine.server.address) as front:
        front.lose = lose_first(lambda request: request.path.endswith("/activation"))
        adapter = engine.open(zeebe={"address": front.address})
        await engine.start({})
        with pytest.raises(TryLater, match="the connection broke"):
            await adapter.claim(1)
        assert await adapter.claim(1) == []  # leased to whom it never reached
        await engine.pass_time(LEASE_SECONDS + 1)
        assert (await claim_one(adapter)).identity.endswith("-3")


async def test_a_poll_that_was_given_up_loses_nothing(engine: Engine) -> None:
    given_up = asyncio.ensure_future(engine.open(longPollSeconds=20).claim(1))
    await asyncio.sleep(1)
    given_up.cancel()
    await asyncio.wait([given_up])
    await engine.start({})
    adapter = engine.open()
    # The gateway does not notice, and gives the job to nobody: it comes again when its lease has run out.
    assert await adapter.claim(1) == []
    await engine.pass_time(LEASE_SECONDS + 1)
    assert (await claim_one(adapter)).identity.endswith("-3")


async def test_another_address_is_refused_and_nothing_is_taken_for_gone(engine: Engine) -> None:
    _, task = await start_and_claim(engine)
    for address in (f"{engine.server.address}/elsewhere", engine.server.management):
        adapter = engine.open(zeebe={"address": address})
        with pytest.raises(Refused, match="there is no REST API v2"):
            await adapter.claim(1)
        with pytest.raises(Refused, match="is this Zeebe's REST API"):
            await adapter.extend(task.handle)
        with pytest.raises(Refused, match="is this Zeebe's REST API"):
            await adapter.report(task.handle, DONE)


async def test_the_port_of_the_other_protocol(engine: Engine) -> None:
    with pytest.raises(TryLater, match="the connection broke"):
        await engine.open(zeebe={"address": engine.server.grpc_address}).claim(1)


def demand(header: str, value: str) -> Any:
    """Admit only those who show this."""

    def admit(request: web.Request) -> web.Response | None:
        if request.headers.get(header) == value:
            return None
        return web.json_response({"title": "Unauthorized", "detail": "who are you?"}, status=401)

    return admit


async def test_a_password(engine: Engine) -> None:
    async with open_front(engine.server.address) as front:
        front.admit = demand("Authorization", "Basic bWU6cGFzcw==")
        at_front: dict[str, Any] = {"zeebe": {"address": front.address}}
        _, task = await start_and_claim(engine, secret={"username": "me", "password": "pass"}, **at_front)
        for secret in ({}, {"username": "me", "password": "wrong"}, {"token": "x"}):
            with pytest.raises(Refused, match=r"401: who are you\?\. The credentials are missing, wrong or expired"):
                await engine.open(secret=secret, **at_front).report(task.handle, DONE)
        assert ("POST", f"/v2/jobs/{task.id}/completion") not in front.passed


async def test_an_access_token_is_renewed_when_it_is_withdrawn(engine: Engine) -> None:
    tokens = (f"token-{number}" for number in itertools.count())
    given: list[str] = []

    def admit(request: web.Request) -> web.Response | None:
        if request.path == "/oauth/token":
            given.append(next(tokens))
            return web.json_response({"access_token": given[-1], "expires_in": 3600})
        wanted = f"Bearer {given[-1]}" if given else "?"
        return None if request.headers.get("Authorization") == wanted else web.json_response({}, status=401)

    async with open_front(engine.server.address) as front:
        front.admit = admit
        adapter = engine.open(
            secret={"clientId": "me", "clientSecret": "s3cret"},
            zeebe={"address": front.address},
            oauth2={"tokenUrl": f"{front.address}/oauth/token", "audience": "zeebe"},
            credentialsSecret={"name": "x"},
        )
        await engine.start({})
        task = await claim_one(adapter)
        given.append("another, given to somebody else")
        assert await adapter.report(task.handle, DONE) == "completed"
        assert len(given) == 3


@asynccontextmanager
async def secure(engine: Engine, tmp_path: Any, name: str, host: str) -> AsyncIterator[tuple[Front, str]]:
    authority = Authority(tmp_path)
    async with open_front(engine.server.address, authority.issue(name), host) as front:
        yield front, authority.certificate


async def test_tls_with_an_authority_of_its_own(engine: Engine, tmp_path: Any) -> None:
    async with secure(engine, tmp_path, "DNS:localhost", "localhost") as (front, certificate):
        at_front: dict[str, Any] = {"zeebe": {"address": front.address}}
        adapter, task = await start_and_claim(engine, certificates=certificate, **at_front)
        assert await adapter.report(task.handle, DONE) == "completed"
        with pytest.raises(Refused, match=r"localhost:\d+ is not trusted .* name its authority's in caConfigMap"):
            await engine.open(**at_front).claim(1)
        plain = front.address.replace("https:", "http:")
        with pytest.raises(TryLater):
            await engine.open(zeebe={"address": plain}).claim(1)


async def test_tls_with_a_certificate_for_another_name(engine: Engine, tmp_path: Any) -> None:
    async with secure(engine, tmp_path, "DNS:zeebe.example", "localhost") as (front, certificate):
        with pytest.raises(Refused, match=r"localhost:\d+ is for another name \(.*'localhost'\): use the name that"):
            await engine.open(certificates=certificate, zeebe={"address": front.address}).claim(1)
    assert front.passed == []


@pytest.fixture
async def mortal(tmp_path: Any) -> AsyncIterator[Engine]:
    """An engine on a broker that one test may kill."""
    with Server(tmp_path) as server:
        engine = Engine(server, "mortal")
        engine.deploy()
        yield engine
        await engine.close()


async def persist(act: Callable[[], Awaitable[T]]) -> T:
    """Do it as the loop would: again, as long as the answer is "later"."""
    async with asyncio.timeout(_RUN_SECONDS):
        while True:
            try:
                return await act()
            except TryLater:
                await asyncio.sleep(0.2)


async def test_the_broker_is_killed_and_comes_back(mortal: Engine) -> None:
    adapter, task = await start_and_claim(mortal)
    await asyncio.to_thread(mortal.server.kill)
    acts: list[Callable[[], Awaitable[object]]] = [
        lambda: adapter.claim(1),
        lambda: adapter.extend(task.handle),
        lambda: adapter.report(task.handle, DONE),
    ]
    for act in acts:
        with pytest.raises(TryLater, match=r"can't be reached|the connection broke") as caught:
            await act()
        assert not isinstance(caught.value, Refused)
    await asyncio.to_thread(mortal.server.start)
    await persist(lambda: adapter.extend(task.handle))
    assert await persist(lambda: adapter.report(task.handle, DONE)) == "completed"
