"""A process ends when one of its parts does, and hears signals."""

import asyncio
import os
import signal

from scriptrun.runtime.process import build_identity, on_signals, run_until_one_ends


async def _fail() -> None:
    raise ValueError("broken")


async def test_the_first_part_that_ends_ends_the_others() -> None:
    ended: list[str] = []

    async def go_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("others")

    name, error = await run_until_one_ends({"for ever": go_on(), "broken part": _fail()})
    assert (name, str(error), ended) == ("broken part", "broken", ["others"])


async def test_a_part_that_is_done_has_no_error() -> None:
    assert await run_until_one_ends({"done": asyncio.sleep(0)}) == ("done", None)


async def test_a_signal_is_heard_until_it_is_given_up() -> None:
    heard, other = asyncio.Event(), asyncio.Event()
    on_signals(other.set)
    give_up = on_signals(heard.set)
    os.kill(os.getpid(), signal.SIGTERM)
    await heard.wait()
    assert not other.is_set()
    give_up()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_each_life_of_a_pod_is_another_holder() -> None:
    assert build_identity() != build_identity()
