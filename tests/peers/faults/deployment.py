"""Replicas of one process, kept going as a Deployment keeps its pods."""

import threading
from collections.abc import Sequence

from clusterlab.process import OperatorProcess

_RIGHT_ENDS = ("the lease was lost",)
"""What a process may say when it ends by itself."""


class Deployment:
    """Replicas, each started again when it has ended.

    Args:
        replicas: not started yet.
    """

    def __init__(self, replicas: Sequence[OperatorProcess]) -> None:
        self.replicas = tuple(replicas)
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start them all."""
        for process in self.replicas:
            process.start()

    def kill(self, number: int) -> bool:
        """Kill a replica and start it again; returns False for one that had just ended by itself."""
        process = self.replicas[number]
        with self._lock:
            killed = process.kill() == -9
            self._start_again(process, killed)
        return killed

    def revive(self) -> None:
        """Start again what has ended by itself, as a leader does that can't renew its lease on a busy machine.

        Raises:
            AssertionError: one had no good reason to.
        """
        with self._lock:
            for process in self.replicas:
                if not process.running:
                    self._start_again(process)

    def _start_again(self, process: OperatorProcess, killed: bool = False) -> None:
        process.wait()
        right = killed or any(end in process.tail(1) for end in _RIGHT_ENDS)
        assert right, f"the {process.command} has ended by itself:\n{process.tail()}"
        process.start()
