"""`scriptrun worker exec --zeebe` and a real Zeebe 8.6: jobs by contract `files`, without a cluster."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from peers.servers.bpmn import build_process
from peers.servers.zeebe import Zeebe

SCRIPTRUN = Path(sys.executable).with_name("scriptrun")
_NUMBERS = count()

GREET = """
import json, sys
with open(sys.argv[1]) as file:
    variables = json.load(file)
with open(sys.argv[2], "w") as file:
    json.dump({"greeting": f"Hello {variables['name']}", "arguments": sys.argv[3:]}, file)
"""
FAILS_ONCE = """
import os, sys
if not os.path.exists("failed"):
    open("failed", "w").close()
    sys.exit("out of luck")
"""


class Bench:
    """A process of the test's own, a folder to work in, and the worker started in it."""

    def __init__(self, server: Zeebe, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.name = f"worker-{next(_NUMBERS)}"
        self.worker: subprocess.Popen[bytes] | None = None

    def work(self, program: str, *options: str) -> None:
        (self.folder / "program.py").write_text(program)
        self.server.deploy(f"{self.name}.bpmn", build_process(self.name, self.name))
        with (self.folder / "worker.log").open("wb") as log:
            self.worker = subprocess.Popen(
                [SCRIPTRUN, "worker", "exec", "--zeebe", self.name, sys.executable, "program.py", *options],
                cwd=self.folder,
                env={**os.environ, "ZEEBE_REST_ADDRESS": self.server.address},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "worker.log").read_text().splitlines()]

    def close(self) -> None:
        if self.worker is not None:
            os.killpg(self.worker.pid, signal.SIGKILL)
            self.worker.wait()


@pytest.fixture
def bench(zeebe: Zeebe, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(zeebe, tmp_path)
    yield bench
    bench.close()


READ_STDIN = """
import json, sys
task = json.load(sys.stdin)
print(json.dumps({"status": "COMPLETED", "output": {"greeting": f"Hello {task['inputData']['name']}", "task": task}}))
"""


def test_a_program_may_read_the_task_from_stdin(bench: Bench) -> None:
    bench.work(READ_STDIN, "--contract", "stdio")
    ended = bench.server.run_to_end(bench.name, {"name": "Ada"})
    assert ended["greeting"] == "Hello Ada"
    assert (ended["task"]["taskType"], ended["task"]["inputData"]) == (bench.name, {"name": "Ada"})
    assert int(ended["task"]["taskId"]) > 0
    assert int(ended["task"]["workflowInstanceId"]) > 0


def test_variables_go_in_and_come_out_as_files(bench: Bench) -> None:
    bench.work(GREET)
    ended = bench.server.run_to_end(bench.name, {"name": "Ada"})
    assert ended == {"name": "Ada", "greeting": "Hello Ada", "arguments": []}


def test_a_failed_job_is_tried_again_after_its_back_off(bench: Bench) -> None:
    bench.work(FAILS_ONCE, "--back-off", "1")
    assert bench.server.run_to_end(bench.name, {"name": "Ada"}) == {"name": "Ada"}
    reported = [entry["status"] for entry in bench.log() if entry["event"] == "task reported"]
    assert reported[0] == "FAILED"
    (said,) = [entry["line"] for entry in bench.log() if entry["event"] == "script"]
    assert said == "out of luck"
