"""The API server stops answering for 20 seconds while a result is written: nothing is lost, nothing runs twice."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clusterlab.process import OperatorProcess
from clusterlab.space import Space

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

LONG_SECONDS = 20.0
SHORT_SECONDS = 2.0
# Ends while the API server is away; the retried one fails its first attempt then.
SOURCE = """
import json, os, sys, time
print("up", flush=True)
time.sleep(5)
json.dump({"attempt": int(os.environ["SCRIPTRUN_ATTEMPT"])}, open(sys.argv[2], "w"))
sys.exit(int(os.environ["SCRIPTRUN_ATTEMPT"] == "1" and os.environ["SCRIPTRUN_NAME"] == "retried"))
"""
DONE = ("Succeeded", "Completed")


def _find_api_server() -> int:
    """The API server's process on this machine, be it the local cluster's or one in a container."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"kube-apiserver" in words[0].rpartition(b"/")[2] or b"kube-apiserver" in words[1:2]:
                return int(entry.name)
    return 0


@contextmanager
def _paused(pid: int, seconds: float) -> Iterator[None]:
    """Stop a process; it goes on after the time, whatever becomes of the test."""
    timer = threading.Timer(seconds, os.kill, (pid, signal.SIGCONT))
    os.kill(pid, signal.SIGSTOP)
    timer.start()
    try:
        yield
        timer.join()
    finally:
        timer.cancel()
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def api_server() -> int:
    """The API server's process id."""
    pid = _find_api_server()
    if not pid:
        pytest.skip("the cluster's API server is not a process of this machine")
    return pid


def test_results_are_written_when_it_is_back(space: Space, operator: OperatorProcess, api_server: int) -> None:
    names = ["by-config-map", "by-message", "retried"]
    space.start("by-config-map", SOURCE)
    space.start("by-message", SOURCE, {"output": {"transport": "TerminationMessage"}})
    space.start("retried", SOURCE, {"backoffLimit": 1})
    for name in names:
        space.wait_log(space.wait_started(name), "up")
    with _paused(api_server, LONG_SECONDS):
        # A leader that can't renew its Lease must not go on: it ends, and whoever started it starts it anew.
        assert operator.wait(LONG_SECONDS) == 1, operator.tail()
        assert operator.log[-1] == "error: leader ended: the lease was lost"
    operator.start_and_lead()
    for name, attempts in zip(names, (1, 1, 2), strict=True):
        run = space.end_of(name)
        assert run.end == DONE, run
        assert len(run.attempts) == len(space.pods_seen(name)) == attempts
        assert run.output == {"attempt": attempts}


def test_the_operator_outlives_a_short_absence(space: Space, operator: OperatorProcess, api_server: int) -> None:
    pid = operator.pid
    space.start("during", "import time\nprint('up', flush=True)\ntime.sleep(2)")
    space.wait_log(space.wait_started("during"), "up")
    with _paused(api_server, SHORT_SECONDS):
        pass
    assert space.end_of("during").end == DONE
    space.start("after", "print(1)")
    assert space.end_of("after").end == DONE
    assert operator.running
    assert operator.pid == pid
