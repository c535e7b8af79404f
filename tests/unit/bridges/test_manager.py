"""The manager's own end: nothing of it is under way when it is over."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

from scriptrun.bridges.bridge_controller import Tools
from scriptrun.bridges.manager import Manager
from scriptrun.bridges.open_runs import OpenRuns

BRIDGE = {
    "metadata": {"namespace": "shop", "name": "orders", "uid": "a", "resourceVersion": "1", "generation": 1},
    "spec": {"zeebe": {"address": "http://zeebe:8080", "taskType": "script"}},
}


class Leases:
    """Elections that everybody wins, and that take a while to leave."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.taken = asyncio.Event()

    async def lead(self, name: str, _work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.held.add(name)
        self.taken.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            self.held.remove(name)


async def start() -> tuple[Manager, Leases, asyncio.Event, asyncio.Task[None]]:
    leases, stop = Leases(), asyncio.Event()
    tools = Tools(cast(Any, None), OpenRuns(), cast(Any, None), cast(Any, None))
    manager = Manager(tools, leases.lead)
    running = asyncio.create_task(manager.run(stop))
    await asyncio.sleep(0)
    manager.on_bridge("ADDED", BRIDGE)
    await leases.taken.wait()
    return manager, leases, stop, running


async def test_leases_are_given_up_before_the_end() -> None:
    _manager, leases, stop, running = await start()
    stop.set()
    await running
    assert not leases.held


async def test_so_is_that_of_a_bridge_that_was_deleted_a_moment_ago() -> None:
    manager, leases, stop, running = await start()
    manager.on_bridge("DELETED", BRIDGE)
    stop.set()
    await running
    assert not leases.held


async def test_so_they_are_when_there_is_no_more_time() -> None:
    _manager, leases, _stop, running = await start()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not leases.held
