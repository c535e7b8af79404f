"""The control loop as a whole: what the simulation can't show, since it only ever crashes."""

import asyncio
import random

from builders import run_body, script_body, settings
from unit.controller.replica import GOOD_FEED, Replica
from unit.controller.server import Faults, Server
from unit.controller.virtualtime import run_virtually


def test_told_to_stop_it_ends_the_passes_under_way_and_begins_no_other() -> None:
    async def play() -> tuple[list[str], bool]:
        server = Server()
        server.create("scripts", script_body())
        server.create("scriptruns", run_body("first"))
        replica = Replica(server, random.Random(1), Faults(latency=1.0), GOOD_FEED, settings(), [])
        await replica.loop.fill_cache()
        stop = asyncio.Event()
        running = asyncio.create_task(replica.loop.run(stop))
        await asyncio.sleep(0.01)  # the pass has begun, and waits for the API server
        stop.set()
        await asyncio.sleep(0)
        replica.loop.queue.add(("run", "space", "second"))
        await running
        jobs = [job["metadata"]["name"] for job in server.of_kind("jobs")]
        return jobs, len(replica.loop.queue) == 1

    assert run_virtually(play()) == (["first"], True)


def test_a_list_that_fails_is_tried_until_the_cache_is_filled() -> None:
    async def play() -> list[str]:
        server = Server()
        server.create("scriptruns", run_body("first"))
        replica = Replica(server, random.Random(1), Faults(rate=1.0), GOOD_FEED, settings(), [])
        filling = asyncio.create_task(replica.loop.fill_cache())
        await asyncio.sleep(30)
        assert not filling.done()
        replica.client.faults = Faults()
        await filling
        return [name for _namespace, name in replica.loop.cache.runs]

    assert run_virtually(play()) == ["first"]
