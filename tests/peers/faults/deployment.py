"""Replicas of one process, kept going as a Deployment keeps its pods."""

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from clusterlab.process import OperatorProcess

_RIGHT_ENDS = ("the lease was lost",)
"""What a process may say when it ends by itself: so does a leader that can't renew its lease on a busy machine."""
_LOOK_SECONDS = 0.5


class Deployment:
    """Replicas, each started again when it has ended, while this is entered.

    Args:
        replicas: not started yet.

    Attributes:
        failures: what replicas said that ended by themselves and had no good reason to.
    """

    def __init__(self, replicas: Sequence[OperatorProcess]) -> None:
        self.replicas = tuple(replicas)
        self.failures: list[str] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="deployment")

    def __enter__(self) -> Self:
        """Start them all."""
        for process in self.replicas:
            process.start()
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave them as they are."""
        self._over.set()
        self._keeper.join()

    def kill(self, number: int) -> bool:
        """Kill a replica and start it again; returns False for one that had just ended by itself."""
        process = self.replicas[number]
        with self._lock:
            killed = process.kill() == -9
            if not killed:
                self._note_end(process)
            process.start()
        return killed

    def _keep(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            with self._lock:
                for process in self.replicas:
                    if not process.running:
                        self._note_end(process)
                        process.start()

    def _note_end(self, process: OperatorProcess) -> None:
        process.wait()
        if not any(end in process.tail(1) for end in _RIGHT_ENDS):
            self.failures.append(f"the {process.command} has ended by itself:\n{process.tail()}")
