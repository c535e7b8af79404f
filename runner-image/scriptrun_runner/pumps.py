"""Carrying a script's streams to those who want them, while they come."""

from __future__ import annotations

import os
import select
import time
from threading import Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Mapping, Sequence

    Consumer = Callable[[bytes], object]

__all__ = ["Pumps"]

_CHUNK_BYTES = 65_536


class Pumps:
    """One thread for each pipe: what blocks one stream blocks neither the other nor the clock."""

    def __init__(self, pipes: Mapping[int, int], consumers: Mapping[int, Sequence[Consumer]]) -> None:
        """Start them.

        Args:
            pipes: read end of each stream; the pumps close them.
            consumers: who gets each stream's data. One that fails is left out from then on; the stream is read on,
                since a script must not hang or die because nobody listens.
        """
        self._wake_read, self._wake_write = os.pipe()
        self._threads = [
            Thread(target=self._pump, args=(pipe, list(consumers[stream])), daemon=True)
            for stream, pipe in pipes.items()
        ]
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait until every stream has ended.

        Returns:
            Whether they have; a stream ends when the last process that holds it is gone.
        """
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """Stop listening, ended or not."""
        os.close(self._wake_write)
        if self.wait(1.0):
            os.close(self._wake_read)

    def _pump(self, pipe: int, consumers: list[Consumer]) -> None:
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        with open(pipe, "rb", buffering=0) as stream:
            while True:
                ready = dict(poll.poll())
                data = stream.read(_CHUNK_BYTES) if pipe in ready else b""
                if not data:
                    return
                for consume in list(consumers):
                    try:
                        consume(data)
                    except OSError:
                        consumers.remove(consume)
