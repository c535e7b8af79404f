"""A process of a test's own on a real Zeebe, and adapters that claim its jobs."""

import asyncio
import itertools
from typing import Any

from peers.contract import LEASE_SECONDS, claim_one
from peers.servers.bpmn import build_process
from peers.servers.zeebe import Zeebe as Server
from scriptrun.models.bridge import BridgeSpec
from scriptrun.orchestrators.adapter import Adapter, Task
from scriptrun.orchestrators.zeebe.adapter import Zeebe, build_zeebe

RUN_SECONDS = 20.0
NUMBERS = itertools.count()
# The broker looks every second of real time, whatever its clock says, for leases and back-offs that have lapsed.
_LOOK_SECONDS = 1.2


class Engine:
    """The engine of ``contract.Engine``.

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
        ended = await asyncio.to_thread(self.server.run_to_end, self.name, variables, RUN_SECONDS)
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


async def start_and_claim(engine: Engine, **fields: Any) -> tuple[Zeebe, Task]:
    adapter = engine.open(**fields)
    await engine.start({"number": 1})
    return adapter, await claim_one(adapter)
