"""The fault suite keeps its processes going, and finds an end that is none of its doing."""

from dataclasses import dataclass
from typing import cast

import pytest

from clusterlab.process import OperatorProcess
from peers.faults.deployment import Deployment

LOST = "error: leader ended: the lease was lost"


@dataclass
class Process:
    """A process that has only a life and last words."""

    words: str = ""
    running: bool = False
    starts: int = 0
    command = "operator"

    def start(self) -> None:
        self.running = True
        self.starts += 1

    def end(self, words: str) -> None:
        self.running, self.words = False, words

    def kill(self) -> int:
        code = -9 if self.running else 1
        self.running = False
        return code

    def wait(self) -> int:
        return 1

    def tail(self, lines: int = 40) -> str:
        return self.words


def deploy(*processes: Process) -> Deployment:
    deployment = Deployment(cast(list[OperatorProcess], processes))
    deployment.start()
    return deployment


def test_what_is_killed_runs_again() -> None:
    first, second = Process(), Process()
    assert deploy(first, second).kill(1)
    assert (first.starts, second.starts, second.running) == (1, 2, True)


def test_a_leader_that_lost_its_lease_is_started_again_and_counts_as_no_kill() -> None:
    process, other = Process(), Process()
    deployment = deploy(process, other)
    process.end(LOST)
    deployment.revive()
    assert (process.starts, other.starts) == (2, 1)
    process.end(LOST)
    assert not deployment.kill(0)
    assert (process.starts, process.running) == (3, True)


def test_a_process_that_fails_is_found() -> None:
    process = Process()
    deployment = deploy(process)
    process.end("KeyError: 'spec'")
    for look in (deployment.revive, lambda: deployment.kill(0)):
        with pytest.raises(AssertionError, match="operator has ended by itself:\nKeyError"):
            look()
    assert process.starts == 1
