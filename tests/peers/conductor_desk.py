"""What tests of the adapter for Conductor do at a real one: a task type of their own, and adapters that poll it."""

import itertools
from typing import Any

from peers.servers.conductor import Conductor as Server
from scriptrun.orchestrators.adapter import Outcome
from scriptrun.orchestrators.conductor.adapter import Conductor, Poll
from scriptrun.orchestrators.http_client import Http

__all__ = ["WAITS", "Desk"]

WAITS = Outcome(status="IN_PROGRESS", output={"done": 0.5}, logs=("half done",), back_off_seconds=1)
_NUMBERS = itertools.count()


class Desk:
    """A task type of the test's own, and adapters that poll it."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = f"{name}-{next(_NUMBERS)}"
        self._adapters: list[Conductor] = []

    def adapter(self, worker_id: str = "w1", address: str = "", poll_seconds: float = 2.0, **more: Any) -> Conductor:
        poll = Poll(task_type=self.name, worker_id=worker_id, poll_seconds=poll_seconds, **more)
        self._adapters.append(Conductor(Http(address or self.server.address), poll))
        return self._adapters[-1]

    def define(self, **changes: Any) -> None:
        names = ("name", "deep", "number")
        inputs = {"script": "hello", **{name: f"${{workflow.input.{name}}}" for name in names}}
        self.server.define_task(self.name, **changes)
        self.server.define_workflow(self.name, self.name, inputs)

    def start(self, variables: dict[str, Any] | None = None, **more: Any) -> str:
        return self.server.start_workflow(self.name, variables or {"name": "Ada"}, **more)

    async def close(self) -> None:
        for adapter in self._adapters:
            await adapter.close()
