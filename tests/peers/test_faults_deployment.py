"""The fault suite keeps its processes going, and finds an end that is none of its doing."""

from dataclasses import dataclass
from typing import cast

from clusterlab.process import OperatorProcess
from kubeapi import wait_for
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
    return Deployment(cast(list[OperatorProcess], processes))


def test_what_is_killed_runs_again() -> None:
    first, second = Process(), Process()
    with deploy(first, second) as deployment:
        assert deployment.kill(1)
    assert (first.starts, second.starts, second.running) == (1, 2, True)


def test_a_leader_that_lost_its_lease_is_started_again() -> None:
    process, other = Process(), Process()
    with deploy(process, other) as deployment:
        process.end(LOST)
        wait_for("it to run again", lambda: process.running)
    assert (process.starts, other.starts, deployment.failures) == (2, 1, [])


def test_what_ends_before_it_is_killed_counts_as_no_kill() -> None:
    process = Process()
    deployment = deploy(process)  # not entered, so that nobody else starts it
    process.start()
    process.end(LOST)
    assert not deployment.kill(0)
    assert (process.starts, process.running, deployment.failures) == (2, True, [])


def test_a_process_that_fails_is_found() -> None:
    process = Process()
    with deploy(process) as deployment:
        process.end("KeyError: 'spec'")
        wait_for("it to run again", lambda: process.running)
    (text,) = deployment.failures
    assert text == "the operator has ended by itself:\nKeyError: 'spec'"
